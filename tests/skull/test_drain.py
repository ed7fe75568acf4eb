"""remove_drains: tubes through the opening leave the bone, nothing else does."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from shapes import Body, cap, capsule, difference, shell, union

from meshimplant.skull.foreign_bodies import remove_foreign
from meshimplant.voxels.grid import box_slices
from meshimplant.voxels.volume import Volume

TURN = Rotation.from_euler("xyz", (6, -5, 14), degrees=True).as_matrix()
SPACING_MM = 1.25
SHIFT_MM = np.array([55.0, -190.0, 260.0])
AXIS = np.array([0.6, 0.2, 0.77]) / np.linalg.norm([0.6, 0.2, 0.77])
SIDE = np.cross(AXIS, (0, 0, 1)) / np.linalg.norm(np.cross(AXIS, (0, 0, 1)))
#: A point in the middle of the opening, between the two surfaces of the bone.
MIDDLE = 77 * AXIS


def head(half_deg: float = 24.0) -> Body:
    """A spherical head with a hole around `AXIS`; its right and left differ in size, as in real heads."""
    turn = Rotation.align_vectors([AXIS], [(0, 0, 1)])[0].as_matrix()
    return difference(shell(80.0, 6.0), cap(81.0, 8.0, half_deg).moved(turn))


def tube(*points: np.ndarray, width_mm: float) -> Body:
    """A tube along a line of points."""
    parts = [capsule(a, b, width_mm / 2) for a, b in pairwise(points)]
    whole = parts[0]
    for part in parts[1:]:
        whole = union(whole, part)
    return whole


@cache
def _skull(hole: bool) -> Volume:
    skull = (head() if hole else shell(80.0, 6.0)).moved(TURN, SHIFT_MM)
    return skull.mask(SPACING_MM, grid=shell(96.0, 6.0).moved(TURN, SHIFT_MM).grid(SPACING_MM, margin_mm=0))


def masks(*foreign: Body, hole: bool = True) -> tuple[Volume, Volume]:
    """The skull alone, and with foreign bodies, on one grid far from the origin."""
    alone = _skull(hole)
    both = alone.array.copy()
    for body in (body.moved(TURN, SHIFT_MM) for body in foreign):
        start, stop = alone.box_around([body.lower_mm, body.upper_mm], margin_voxels=1)
        part = alone.crop(start, stop)
        both[box_slices(start, start + part.shape)] |= body.mask(SPACING_MM, grid=part).array
    return alone, alone.with_array(both)


ROUTES = {
    "straight": (MIDDLE + 25 * AXIS, MIDDLE - 40 * AXIS),
    "oblique": (MIDDLE + 14 * AXIS + 20 * SIDE, MIDDLE - 22 * AXIS - 25 * SIDE),
    "under the scalp, then bent": (
        MIDDLE + 60 * SIDE,
        MIDDLE + 25 * SIDE + 9 * AXIS,
        MIDDLE + 5 * SIDE + 5 * AXIS,
        MIDDLE - 40 * AXIS - 5 * SIDE,
    ),
}


@pytest.mark.parametrize(
    ("route", "width_mm"),
    [("straight", 4.0), ("oblique", 3.0), ("under the scalp, then bent", 3.0), ("straight", 2.5)],
)
def test_a_tube_through_the_opening_is_removed_and_its_place_told(route: str, width_mm: float) -> None:
    skull, crossed = masks(tube(*ROUTES[route], width_mm=width_mm))
    cleared, findings = remove_foreign(crossed)
    assert not np.any((skull.array != 0) & (cleared.array == 0))
    assert np.count_nonzero(cleared.array) - np.count_nonzero(skull.array) < 0.05 * np.count_nonzero(
        crossed.array != skull.array
    )
    (finding,) = findings
    assert finding.code == "input.drain"
    assert finding.value == pytest.approx(width_mm, abs=SPACING_MM)
    place = (np.array(finding.location_mm) - SHIFT_MM) @ TURN
    assert tube(*ROUTES[route], width_mm=width_mm).distance(place[None])[0] > 0
    assert 68 < np.linalg.norm(place) < 88


def test_a_hollow_tube_that_bends_by_a_right_angle_within_the_opening_is_removed() -> None:
    """Outer width 4 mm, wall 1 mm, bent with a radius of 8 mm."""
    turn = np.linspace(0, np.pi / 2, 8)[:, None]
    bend = MIDDLE + 8 * (np.sin(turn) * AXIS + (1 - np.cos(turn)) * SIDE) - 6 * AXIS
    route = (bend[0] - 30 * AXIS, *bend, bend[-1] + 40 * SIDE)
    skull, outer = masks(tube(*route, width_mm=4.0))
    _, lumen = masks(tube(*route, width_mm=2.0))
    crossed = skull.with_array(outer.array & ((lumen.array == 0) | (skull.array != 0)))
    assert crossed.array.sum() < outer.array.sum()
    cleared, (finding,) = remove_foreign(crossed)
    np.testing.assert_array_equal(cleared.array, skull.array)
    assert finding.code == "input.drain"
    assert finding.value == pytest.approx(4, abs=1.6)


def test_two_tubes_are_two_findings() -> None:
    routes = [(MIDDLE + s * SIDE + 15 * AXIS, MIDDLE + s * SIDE - 35 * AXIS) for s in (-14, 14)]
    _, crossed = masks(*(tube(*route, width_mm=3.0) for route in routes))
    assert [finding.code for finding in remove_foreign(crossed)[1]] == ["input.drain"] * 2


@pytest.mark.parametrize(
    "other",
    [
        (MIDDLE + 3 * AXIS - 40 * SIDE, MIDDLE + 3 * AXIS + 40 * SIDE),  # a strip of bone across the opening
        (MIDDLE - 20 * AXIS - 30 * SIDE, MIDDLE - 20 * AXIS + 30 * SIDE),  # a shunt that stays inside
        (MIDDLE + 12 * AXIS - 40 * SIDE, MIDDLE + 12 * AXIS + 40 * SIDE),  # a drain under the scalp
    ],
)
def test_what_does_not_pass_through_the_opening_is_no_drain(other: tuple[np.ndarray, ...]) -> None:
    _, both = masks(tube(*other, width_mm=3.0))
    cleared, findings = remove_foreign(both)
    assert cleared is both
    assert findings == ()


def test_a_tube_through_intact_bone_is_bone() -> None:
    """Nobody knows where the bone ends."""
    _, both = masks(tube(MIDDLE + 25 * AXIS, MIDDLE - 40 * AXIS, width_mm=3.0), hole=False)
    assert remove_foreign(both) == (both, ())


def test_a_broad_body_through_the_opening_is_no_tube() -> None:
    _, both = masks(tube(MIDDLE + 20 * AXIS, MIDDLE - 20 * AXIS, width_mm=12.0))
    assert remove_foreign(both) == (both, ())
