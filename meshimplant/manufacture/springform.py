"""The pieces of a springform: a base under the outer surface, a ring around the border, and a stamp."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshimplant.manufacture.casting import Bores, Casting, Piece, low_around
from meshimplant.manufacture.mould_block import BEYOND_MM, bore, chamfered
from meshimplant.spec.mould_spec import MouldSpec

if TYPE_CHECKING:
    import manifold3d

#: Around the cavity the base falls at 45 degrees over this width, on which the ring sits, mm; below, its side
#: is upright and stands off the ring by the play. No source: our choice.
SEAT_MM = 3.0
#: Width of the flat part of the ring's upper face, and thickness of the stamp over it, mm. No source: our
#: choice.
RIM_MM, STAMP_MM = 5.0, 8.0
#: The upper face falls at 45 degrees from this many times the wall beside the cavity on.
_BEVEL = 1.42
#: How far the foot of the ring is below the lowest point of the cavity, mm.
_FOOT_MM = 0.5
#: How much wider the foot of the ring is, so that letters fit on it, mm.
_LETTERS_MM = 6.0
#: Places of the stamp's vents as shares of the way from the middle to the edge of the inner surface.
_VENT_SHARE = 0.6
#: How deep they reach into the cavity, mm.
_INTO_MM = 0.5

Floats = NDArray[np.float64]


def springform(casting: Casting, spec: MouldSpec) -> tuple[list[Piece], Bores]:
    """Return base, ring and stamp.

    The base holds the outer surface and ends along the border line. The ring is centred by the side of the
    base, sits on the slope around the cavity, and ends at the edge of the inner surface: cement that is level
    with it has the thickness of the part. The stamp presses the inner surface until it sits on the ring.
    """
    foot = casting.low_mm - _FOOT_MM
    floor, top = casting.low_mm - spec.wall_mm, casting.high_mm + 30.0
    reach = SEAT_MM + spec.play_mm + max(spec.wall_mm, RIM_MM) + _LETTERS_MM
    shadow = casting.parting.outline
    outline = shadow.offset(reach).hull()
    slope = casting.parting.below(floor - 20.0, lambda away: -away)
    core = slope ^ _upright(shadow, SEAT_MM, floor, top)
    base = core + chamfered(outline, floor, foot) - casting.solid
    clear = slope ^ _upright(shadow, SEAT_MM + spec.play_mm, floor, top)
    over = float(cKDTree(casting.inner.border).query(casting.parting.border)[0].max())
    rim = over + max(_BEVEL * spec.wall_mm, RIM_MM)
    level = casting.inner.below(floor - 20.0, lambda away: -np.maximum(away - rim, 0.0))
    opening = _upright(casting.inner.outline, 0.0, floor, top)
    ring_foot = foot + spec.play_mm
    ring = (chamfered(outline, ring_foot, top) ^ level) - clear - casting.solid - opening
    ring = max(ring.decompose(), key=lambda each: each.volume())
    stamp, bores = _stamp(casting, slope, spec)
    return [
        Piece("OUTER", base, base.slice(floor + 0.01), floor, upside_down=False),
        Piece("RING", ring, ring.slice(ring_foot + 0.01), ring_foot, upside_down=False),
        stamp,
    ], bores


def _upright(
    outline: manifold3d.CrossSection, away_mm: float, floor_mm: float, top_mm: float
) -> manifold3d.Manifold:
    """Return what lies within a distance of an outline, between two heights."""
    import manifold3d

    body = manifold3d.Manifold.extrude(outline.offset(away_mm), top_mm - floor_mm)
    return body.translate((0, 0, floor_mm))


def _stamp(casting: Casting, slope: manifold3d.Manifold, spec: MouldSpec) -> tuple[Piece, Bores]:
    """Return the stamp, which presses the inner surface and sits on the flat part of the ring."""
    import manifold3d

    top = max(casting.high_mm, float(casting.inner.heights_mm.max())) + STAMP_MM
    low = casting.low_mm - 20.0
    body = chamfered(casting.inner.outline.offset(RIM_MM).hull(), low, top)
    level = casting.inner.below(low - 20.0)
    middle = casting.inner.border.mean(axis=0)
    turn = np.arange(spec.vents) * len(casting.inner.border) // spec.vents
    places = middle + _VENT_SHARE * (casting.inner.border[turn] - middle)
    vents = [
        bore(
            each, low_around(casting.mesh, each, spec.vent_mm) - _INTO_MM, top + BEYOND_MM, spec.vent_mm, 0.0
        )
        - level
        for each in places
    ]
    tools = [level, slope, casting.solid, *vents]
    stamp = manifold3d.Manifold.batch_boolean([body, *tools], manifold3d.OpType.Subtract)
    stamp = max(stamp.decompose(), key=lambda each: each.volume())
    bores = Bores(places, np.full(len(places), spec.vent_mm / 2), tuple(vents))
    return Piece("INNER", stamp, stamp.slice(top - 0.01), top, upside_down=True), bores
