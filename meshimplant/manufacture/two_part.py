"""The two halves of a closed mould: the outer one below, the inner one with channel and vents above."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import MeshError
from meshimplant.manufacture.casting import Bores, Casting, Piece, low_around
from meshimplant.manufacture.mould_block import (
    BEYOND_MM,
    PIN_MM,
    Pin,
    bore,
    chamfered,
    pin,
    pin_places,
    socket,
)
from meshimplant.manufacture.parting import columns, divided, inside
from meshimplant.spec.mould_spec import MouldSpec

if TYPE_CHECKING:
    import manifold3d

#: The land on which the halves meet around the cavity, and width and depth of the groove for the flash, mm.
#: No source: our choice.
LAND_MM, GROOVE_MM, GROOVE_DEEP_MM = 3.0, 2.0, 1.0
#: Draft of channel and vents, degrees; distance from a vent to the edge of the inner surface, and grid of the
#: places that are tried, mm.
_CHANNEL_DRAFT_DEG, _VENT_DRAFT_DEG, _VENT_EDGE_MM, _TRIAL_MM = 2.0, 1.0, 0.6, 1.0
#: Vents are at least this share of the border's length apart, over their number.
_APART = 0.7
#: How deep channel and vents reach into the cavity, mm.
_INTO_MM = 1.0

Floats = NDArray[np.float64]


def two_part(casting: Casting, spec: MouldSpec) -> tuple[list[Piece], Bores]:
    """Return the two halves of a closed mould, and the bores through the inner one.

    The inner half lies above: the cavity fills from its lowest place at the middle, and air leaves at the
    rim, which is highest.
    """
    import manifold3d

    outline, places = _outline(casting, spec)
    pins = _pins(casting, places)
    corners = divided(np.asarray(outline.to_polygons()[0]), 2.0)
    around = casting.parting.extended(corners)
    low = min(casting.low_mm, float(around.min())) - spec.wall_mm
    high = max(casting.high_mm, float(around.max())) + spec.wall_mm
    block = chamfered(outline, low, high)
    below = casting.parting.below(low - 10.0)
    bores = _bores(casting, below, high, spec)
    outer = (block ^ below) - casting.solid - _groove(casting, low)
    outer = manifold3d.Manifold.batch_boolean([outer, *map(pin, pins)], manifold3d.OpType.Add)
    tools = [casting.solid, *(socket(each, spec.play_mm) for each in pins), *bores.bodies]
    inner = manifold3d.Manifold.batch_boolean([block - below, *tools], manifold3d.OpType.Subtract)
    return [
        Piece("OUTER", outer, outer.slice(low + 0.01), low, upside_down=False),
        Piece("INNER", inner, inner.slice(high - 0.01), high, upside_down=True),
    ], bores


def _outline(casting: Casting, spec: MouldSpec) -> tuple[manifold3d.CrossSection, Floats]:
    """Return the outline of the mould, and where its pins stand."""
    import manifold3d

    margin = LAND_MM + GROOVE_MM + spec.wall_mm
    places = pin_places(casting.parting.outline, LAND_MM + GROOVE_MM + PIN_MM + 1.5)
    post = manifold3d.CrossSection.circle(PIN_MM + spec.play_mm + spec.wall_mm, 48)
    posts = [post.translate(tuple(each.tolist())) for each in places]
    return manifold3d.CrossSection.batch_hull([casting.parting.outline.offset(margin), *posts]), places


def _pins(casting: Casting, places: Floats) -> list[Pin]:
    heights = casting.parting.extended(places)
    return [Pin(float(x), float(y), float(z)) for (x, y), z in zip(places, heights, strict=True)]


def _groove(casting: Casting, low_mm: float) -> manifold3d.Manifold:
    """Return the groove around the cavity that takes up the flash."""
    import manifold3d

    outline = casting.parting.outline
    band = outline.offset(LAND_MM + GROOVE_MM) - outline.offset(LAND_MM)
    tall = manifold3d.Manifold.extrude(band, casting.high_mm - low_mm + 100.0).translate(
        (0, 0, low_mm - 20.0)
    )
    return tall - casting.parting.below(low_mm - 40.0).translate((0, 0, -GROOVE_DEEP_MM))


def _bores(casting: Casting, below: manifold3d.Manifold, high_mm: float, spec: MouldSpec) -> Bores:
    """Place the channel at the middle of the inner surface, and the vents at its highest places."""
    room = casting.inner.outline.offset(-(spec.vent_mm / 2 + _VENT_EDGE_MM))
    low, high = casting.inner.border.min(axis=0), casting.inner.border.max(axis=0)
    grid = np.stack(
        np.meshgrid(*(np.arange(a, b, _TRIAL_MM) for a, b in zip(low, high, strict=True)), indexing="ij"),
        axis=-1,
    ).reshape(-1, 2)
    rims = [np.asarray(each) for each in room.to_polygons()]
    within = np.array([inside(each, grid) for each in rims]).any(axis=0) & np.ones(len(grid), bool)
    tried = np.concatenate([grid[within], *(divided(each, _TRIAL_MM, even=True) for each in rims)])
    height = columns(casting.mesh, tried)[1]
    tried, height = tried[~np.isnan(height)], height[~np.isnan(height)]
    if not len(tried):
        raise MeshError(
            f"expected an inner surface with room for a vent of {spec.vent_mm:g} mm, got none: choose "
            "narrower vents"
        )
    away = np.linalg.norm(tried[:, None] - casting.inner.border[None, ::2], axis=2).min(axis=1)
    channel = tried[int(np.argmax(away))]
    vents = _highest(tried, height, casting.inner.border, channel, spec)
    places = np.concatenate([channel[None], vents])
    widths = np.array([spec.channel_mm, *[spec.vent_mm] * len(vents)])
    drafts = np.array([_CHANNEL_DRAFT_DEG, *[_VENT_DRAFT_DEG] * len(vents)])
    end = high_mm + BEYOND_MM
    start = [low_around(casting.mesh, place, width) for place, width in zip(places, widths, strict=True)]
    bodies = tuple(
        bore(place, low - _INTO_MM, end, width, draft) - below
        for place, low, width, draft in zip(places, start, widths, drafts, strict=True)
    )
    reach = widths / 2 + (end - np.array(start) + _INTO_MM) * np.tan(np.radians(drafts))
    return Bores(places, reach, bodies)


def _highest(tried: Floats, height: Floats, border: Floats, channel: Floats, spec: MouldSpec) -> Floats:
    """Return the highest of places (n, 2) that keep apart from each other and from the channel."""
    length = float(np.linalg.norm(np.roll(border, -1, axis=0) - border, axis=1).sum())
    apart = _APART * length / spec.vents
    clear = np.linalg.norm(tried - channel, axis=1) > spec.channel_mm + spec.vent_mm
    while True:
        chosen: list[int] = []
        free = clear.copy()
        while free.any() and len(chosen) < spec.vents:
            best = int(np.argmax(np.where(free, height, -np.inf)))
            chosen.append(best)
            free &= np.linalg.norm(tried - tried[best], axis=1) > apart
        if len(chosen) == spec.vents:
            return np.asarray(tried[chosen])
        apart *= 0.9
        if apart < 2 * spec.vent_mm:
            raise MeshError(
                f"expected room for {spec.vents} vents of {spec.vent_mm:g} mm, got {len(chosen)}: choose "
                "fewer or narrower ones"
            )
