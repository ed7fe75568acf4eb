"""resect: the cut where the curve is, square to the bone, its volume; curves that cannot be cut."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_head import AnalyticHead, _frame

from meshimplant.errors import InputError
from meshimplant.head.pose import HeadPose
from meshimplant.skull.cut_line import cut_line
from meshimplant.skull.resect import resect

HEAD = AnalyticHead((0.8, 0.4, 0.6), axes_mm=(80.0, 80.0, 80.0))
POSE = HeadPose(np.zeros(3), np.eye(3), 0.0)
HALF_DEG, KERF_MM = 24.0, 2.0


def circle(half_deg: float = HALF_DEG, *, lift_mm: float = 0.0, count: int = 16) -> np.ndarray:
    """Return points of a circle about the axis of the head's hole, on the bone or above it."""
    right, up, axis = _frame(HEAD.axis)
    turn = np.arange(count)[:, None] * 2 * np.pi / count
    polar = np.radians(half_deg)
    unit = np.cos(polar) * axis + np.sin(polar) * (np.cos(turn) * right + np.sin(turn) * up)
    return (80.0 + lift_mm) * unit


@pytest.fixture(scope="module")
def cut():
    """A resection of 5 mm thick bone, from points that lie off the bone."""
    return resect(HEAD.mask(1.5, whole=True), circle(lift_mm=4.0), kerf_mm=KERF_MM, pose=POSE)


def test_the_line_is_the_curve_on_the_bone_and_its_directions_are_normal_to_it(cut):
    radius = np.linalg.norm(cut.line.points_mm, axis=1)
    unit = cut.line.points_mm / radius[:, None]
    assert np.abs(radius - 80.0).max() < 0.35  # voxels of 1.5 mm
    assert np.abs(np.degrees(np.arccos(unit @ HEAD.axis)) - HALF_DEG).max() < 0.15
    assert np.degrees(np.arccos(np.einsum("ij,ij->i", unit, cut.line.outward))).max() < 2.0
    assert (cut.line.across @ HEAD.axis).max() < 0  # away from what is enclosed
    assert cut.line.length_mm == pytest.approx(2 * np.pi * 80 * np.sin(np.radians(HALF_DEG)), rel=0.01)


def test_area_and_volumes_are_those_of_the_cone_within_the_kerf(cut):
    whole = np.radians(HALF_DEG) + KERF_MM / 2 / 80
    flap = np.radians(HALF_DEG) - KERF_MM / 2 / 80
    volume = 2 / 3 * np.pi * (80**3 - 74**3)
    assert cut.area_mm2 == pytest.approx(2 * np.pi * 80**2 * (1 - np.cos(whole)), rel=0.03)
    assert cut.removed_mm3 == pytest.approx(volume * (1 - np.cos(whole)), rel=0.02)
    assert cut.flap_mm3 == pytest.approx(volume * (1 - np.cos(flap)), rel=0.02)


def test_defective_skull_and_flap_are_disjoint_and_bone_is_left_beside_half_the_kerf(cut):
    complete = HEAD.mask(1.5, whole=True).array != 0
    left, flap = cut.defective.array != 0, cut.flap.array != 0
    assert not (left & flap).any()
    assert not ((left | flap) & ~complete).any()
    lost = cut.defective.to_mm(np.argwhere(complete & ~left))
    unit = lost / np.linalg.norm(lost, axis=1)[:, None]
    beside = 77 * (np.arccos(unit @ HEAD.axis) - np.radians(HALF_DEG))
    assert beside.max() < KERF_MM / 2 + 0.2
    kept = cut.defective.to_mm(np.argwhere(left))
    unit = kept / np.linalg.norm(kept, axis=1)[:, None]
    assert (77 * (np.arccos(unit @ HEAD.axis) - np.radians(HALF_DEG))).min() > KERF_MM / 2 - 0.2


def test_one_direction_cuts_a_cylinder(cut):
    line = cut_line(circle(), cut.outer, direction=-HEAD.axis)
    assert np.allclose(line.outward, HEAD.axis)
    radius = 80 * np.sin(np.radians(HALF_DEG))
    right, _, axis = _frame(HEAD.axis)
    inner = 70 * axis + (radius - 3) * right
    beside, _ = line.beside_mm(np.stack([inner, inner + 6 * right, 76 * axis]))
    assert beside[:2] == pytest.approx([-3.0, 3.0], abs=0.3)
    assert beside[2] == pytest.approx(-radius, abs=0.3)


def eight() -> np.ndarray:
    """Return a curve that crosses itself."""
    right, up, axis = _frame(HEAD.axis)
    turn = np.arange(24)[:, None] * 2 * np.pi / 24
    flat = axis + 0.4 * np.sin(turn) * right + 0.2 * np.sin(2 * turn) * up
    return 80 * flat / np.linalg.norm(flat, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("points", "options", "words"),
    [
        (circle()[:4], {}, "at least 5 points, got 4"),
        (circle(count=40)[:30], {}, "a closed curve, got one whose ends are"),
        (circle(lift_mm=20.0), {}, "within 12 mm of the outer surface of the bone, got the point"),
        (eight(), {}, "does not cross itself, got a crossing at"),
        (circle(), {"direction": (1, -1, 0)}, "within 55 degrees of the normal"),
        (circle(), {"direction": (0, 0, 0)}, "a direction of three numbers"),
        (circle() * np.nan, {}, "finite"),
    ],
)
def test_a_curve_that_cannot_be_cut_is_refused(cut, points, options, words):
    with pytest.raises(InputError, match=words):
        cut_line(points, cut.outer, **options)


def test_a_skull_with_an_opening_there_a_small_curve_and_a_wide_kerf_are_refused():
    open_head = AnalyticHead((0.8, 0.4, 0.6), axes_mm=(80.0, 80.0, 80.0), half_angle_deg=6.0).mask(1.5)
    with pytest.raises(InputError, match=r"intact within the curve, got an opening of 2\d\d mm2"):
        resect(open_head, circle(), pose=POSE)
    with pytest.raises(InputError, match=r"around at least 3 cm2, got 1\.\d"):
        resect(open_head, circle(4.0) @ AnalyticHead((0, 0, 1), turn_deg=(60, 0)).turn.T, pose=POSE)
    with pytest.raises(InputError, match="a kerf of 0 to 3 mm, got 5"):
        resect(open_head, circle(), kerf_mm=5)
    with pytest.raises(InputError, match=r"a curve on the vault, got \d+ mm of it below"):
        resect(open_head, circle(62.0, count=40), pose=POSE)
    with pytest.raises(InputError, match="outside its scan"):
        resect(open_head, circle() + 900, pose=POSE)
