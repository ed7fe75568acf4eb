"""Where holes are wanted: all over, in pairs along the border, at the middle, or at places of the user's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.spatial import cKDTree

from meshimplant.implant.features import FeatureKind
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.theatre.even_layout import even_layout
from meshimplant.theatre.ground import Ground, resampled
from meshimplant.theatre.hole_region import HoleRegion

#: The line inside the border is averaged over this length, mm, so that it does not wave with the border.
_SMOOTH_MM = 6.0
_STEP_MM = 0.5
#: Directions, LPS. Below this sine of the angle to it, a part faces the top of the head, and the front is up.
TOP, FRONT = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])
_FLAT_SINE = 0.5
#: First letter of the label of each kind of hole.
_LETTERS: dict[FeatureKind, str] = {"drainage": "D", "suture": "U", "tenting": "T", "slot": "L"}

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Wanted:
    """A hole that is wanted: its place (3,) near the outer surface, LPS mm, kind and label."""

    place_mm: Floats
    kind: FeatureKind
    label: str


def lay_out(region: HoleRegion, spec: PerforationSpec) -> list[Wanted]:
    """Return the holes of a prescription, which lie in the region."""
    wanted: list[Wanted] = []
    if spec.tenting:
        middle = _middle_places(region, count=spec.tenting, apart_mm=spec.pair_mm)
        wanted += _labelled(middle, "tenting")
        region = region.without(middle)
    if spec.pattern == "border":
        return wanted + _labelled(_border_pairs(region, spec), "suture")
    places = even_layout(region, spec.spacing_mm)
    rows = _in_rows(places, region.ground, spec.spacing_mm)
    return wanted + _labelled(places[rows], "slot" if spec.slot_mm else "drainage")


def at_points(points_mm: Floats, spec: PerforationSpec) -> list[Wanted]:
    """Return a drainage hole, or slot, at each of the user's points (n, 3)."""
    return _labelled(points_mm, "slot" if spec.slot_mm else "drainage")


def along_curve(curve_mm: Floats, spec: PerforationSpec) -> list[Wanted]:
    """Return suture holes, or slots, evenly along an open curve (n, 3), at least the spacing apart."""
    length = float(np.linalg.norm(np.diff(curve_mm, axis=0), axis=1).sum())
    count = int(length / spec.spacing_mm)
    places = resampled(curve_mm, length / count, closed=False) if count else curve_mm[:1]
    return _labelled(places, "slot" if spec.slot_mm else "suture")


def _labelled(places: Floats, kind: FeatureKind) -> list[Wanted]:
    return [Wanted(place, kind, f"{_LETTERS[kind]}{number}") for number, place in enumerate(places, 1)]


def _border_pairs(region: HoleRegion, spec: PerforationSpec) -> Floats:
    """Return places (n, 3), pair by pair, along the line on which holes keep their distance to the border.

    The distance from pair to pair is the next whole part of the line's length above the one asked for.
    """
    allowed = region.points_mm
    if not len(allowed):
        return np.zeros((0, 3))
    tree, pairs = cKDTree(allowed), [np.zeros((0, 3))]
    for border in region.ground.loops[0]:
        line = _line_inside(allowed[tree.query(border)[1]], region.ground)
        step_mm = float(np.linalg.norm(np.roll(line, -1, axis=0) - line, axis=1).mean())
        count = max(1, int(len(line) * step_mm / spec.pair_spacing_mm))
        half = spec.pair_mm / 2 / step_mm
        for middle in np.arange(count) * len(line) / count:
            ends = np.rint([middle - half, middle + half]).astype(int) % len(line)
            pair = _set_apart(line[ends], spec.pair_mm)
            outside = region.margin_mm(pair) < 0
            pair[outside] = allowed[tree.query(pair[outside])[1]]
            pairs.append(pair)
    return np.concatenate(pairs)


def _line_inside(places: Floats, ground: Ground) -> Floats:
    """Return a smooth closed line (n, 3) with points `_STEP_MM` apart through places in order."""
    line = resampled(places, _STEP_MM)
    smooth = uniform_filter1d(line, round(_SMOOTH_MM / _STEP_MM), axis=0, mode="wrap")
    return ground.on_surface(resampled(np.asarray(smooth), _STEP_MM))


def _set_apart(pair: Floats, apart_mm: float) -> Floats:
    """Return two places (2, 3) moved along the line between them until they are at least `apart_mm` apart."""
    arm = pair[1] - pair[0]
    excess = max(apart_mm * 1.005 - float(np.linalg.norm(arm)), 0.0) / 2 * unit_vectors(arm)
    return np.stack([pair[0] - excess, pair[1] + excess])


def _middle_places(region: HoleRegion, *, count: int, apart_mm: float) -> Floats:
    """Return places (n, 3) around the one deepest within the region, `apart_mm` from their neighbours."""
    ground = region.ground
    middle = ground.points_mm[int(np.argmax(region.margin_mm(ground.points_mm)))]
    outward = ground.outward_at(middle[None])[0]
    right, up = directions_on(outward, upward_on(outward))
    radius = 0.0 if count == 1 else apart_mm * 1.005 / 2 / np.sin(np.pi / count)
    turn = np.arange(count) * 2 * np.pi / count
    offsets = radius * (np.cos(turn)[:, None] * right + np.sin(turn)[:, None] * up)
    return ground.on_surface(middle + offsets)


def _in_rows(places: Floats, ground: Ground, row_mm: float) -> NDArray[np.int64]:
    """Return the order (n,) of places from the top row to the bottom one, each from left to right as seen."""
    if not len(places):
        return np.zeros(0, np.int64)
    outward = unit_vectors(ground.outward_at(places).mean(axis=0))
    right, up = directions_on(outward, upward_on(outward))
    height, across = places @ up, places @ right
    row = np.floor((height.max() - height) / row_mm).astype(int)
    return np.lexsort((across, row))


def upward_on(outward: Floats) -> Floats:
    """Return the direction (3,), LPS, that is up on a part: the top of the head, or the front.

    It is the front where the part, whose direction outward (3,) is given, faces up or down.
    """
    faces_up = np.linalg.norm(np.cross(outward, TOP)) <= _FLAT_SINE
    return FRONT if faces_up else TOP


def directions_on(outward: Floats, guide: Floats) -> tuple[Floats, Floats]:
    """Return the unit directions right and up (3,), (3,), LPS, on a surface as seen from outside it.

    Up is the direction of `guide` (3,) along the surface; zero where the surface faces it.
    """
    up = unit_vectors(guide - (guide @ outward) * outward)
    return np.cross(up, outward), up
