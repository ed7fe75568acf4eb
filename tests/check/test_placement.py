"""Gap, step and inward reach of a displaced part are known for a cap in a round hole."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import random_rotation, shell, skull_with_hole

from meshimplant.check.fit_map import BorderSteps
from meshimplant.check.placement import INWARD_MM, SHIFT_MM, TURN_DEG, measure_placement
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.voxels.volume import Volume

RADIUS_MM, THICK_MM, HALF_DEG, GAP_MM = 80.0, 6.0, 30.0, 1.5
DIRECTION = np.array([0.0, 0.0, 1.0])


def _circle(radius_mm: float, half_deg: float) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 181)[:-1]
    half = np.radians(half_deg)
    return radius_mm * np.column_stack(
        [np.sin(half) * np.cos(turn), np.sin(half) * np.sin(turn), np.full(180, np.cos(half))]
    )


def _bone() -> Volume:
    _, defective, _ = skull_with_hole(RADIUS_MM, THICK_MM, HALF_DEG)
    return defective.field(1.0, margin_mm=4)


def _rim(step_mm: float, radius_mm: float) -> BorderSteps:
    points = _circle(radius_mm, HALF_DEG)
    steps = np.full(len(points), step_mm)
    return BorderSteps(steps, np.zeros_like(steps), points, unit_vectors(points))


def _measure(inner_mm: float = 2.0) -> tuple[dict, list]:
    middle_mm = RADIUS_MM - THICK_MM / 2
    border = _circle(middle_mm, HALF_DEG - np.degrees(GAP_MM / middle_mm))
    return measure_placement(
        border, np.ones(len(border)), _bone(),
        outer=_rim(0.0, RADIUS_MM), inner=_rim(inner_mm, RADIUS_MM - THICK_MM), direction=DIRECTION,
    )  # fmt: skip


def test_the_worst_pose_of_a_flush_part_is_the_one_that_geometry_says() -> None:
    """Out of the head and tilted: the rim, 40 mm from the axis, rises by 1 mm cos(30) and 0.7 mm more."""
    measures, findings = _measure()
    tilt_mm = RADIUS_MM * np.sin(np.radians(HALF_DEG)) * np.radians(TURN_DEG)
    half = np.radians(HALF_DEG)
    assert measures["placement_step_p95_mm"] == pytest.approx(
        SHIFT_MM * np.cos(half) + tilt_mm * np.cos(half) * 0.95, abs=0.2
    )
    *shift, _, _, about_z = measures["placement_step_p95_mm_pose"]
    np.testing.assert_allclose(np.abs(shift), (0, 0, SHIFT_MM), atol=1e-9)
    assert about_z == pytest.approx(0, abs=1e-9)
    assert measures["placement_gap_p95_mm"] == pytest.approx(GAP_MM + SHIFT_MM, abs=0.3)
    assert findings == []


def test_a_part_that_reaches_into_the_head_when_it_sinks_is_named_with_its_place() -> None:
    measures, (finding,) = _measure(inner_mm=-2.4)
    assert finding.code == "placement.inward"
    assert finding.value == measures["placement_inward_mm"] > INWARD_MM
    assert finding.location_mm is not None
    assert np.linalg.norm(finding.location_mm) == pytest.approx(RADIUS_MM - THICK_MM, abs=0.1)
    assert measures["placement_inward_mm_pose"][2] == pytest.approx(-SHIFT_MM)


def test_bone_prevents_poses_of_a_tight_part() -> None:
    """In a hole without clearance the part cannot move sideways or sink."""
    middle_mm = RADIUS_MM - THICK_MM / 2
    border = _circle(middle_mm, HALF_DEG - np.degrees(0.1 / middle_mm))
    rims = {"outer": _rim(0.0, RADIUS_MM), "inner": _rim(2.0, RADIUS_MM - THICK_MM)}
    tight, _ = measure_placement(border, np.ones(len(border)), _bone(), **rims, direction=DIRECTION)
    loose, _ = _measure()
    assert tight["placement_held_fraction"] > 0.6 > loose["placement_held_fraction"]
    assert tight["placement_gap_p95_mm"] < loose["placement_gap_p95_mm"]


def test_the_frame_does_not_matter() -> None:
    """A rotated skull, part and path have the same worst values."""
    turn = random_rotation(5)
    middle_mm = RADIUS_MM - THICK_MM / 2
    border = _circle(middle_mm, HALF_DEG - np.degrees(GAP_MM / middle_mm)) @ turn.T
    _, defective, _ = skull_with_hole(RADIUS_MM, THICK_MM, HALF_DEG)
    rims = []
    for step_mm, radius_mm in ((0.0, RADIUS_MM), (2.0, RADIUS_MM - THICK_MM)):
        rim = _rim(step_mm, radius_mm)
        rims.append(BorderSteps(rim.step_mm, rim.angle_deg, rim.points_mm @ turn.T, rim.outward @ turn.T))
    turned, _ = measure_placement(
        border, np.ones(len(border)), defective.moved(turn).field(1.0, margin_mm=4),
        outer=rims[0], inner=rims[1], direction=turn @ DIRECTION,
    )  # fmt: skip
    straight, _ = _measure()
    for name in ("placement_gap_p95_mm", "placement_step_p95_mm", "placement_inward_mm"):
        assert turned[name] == pytest.approx(straight[name], abs=0.1)


def test_without_a_border_nothing_is_measured() -> None:
    none = BorderSteps(np.zeros(0), np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3)))
    field = shell(30, 4).field(2.0)
    measures, findings = measure_placement(
        np.zeros((0, 3)), np.zeros(0), field, outer=none, inner=none, direction=DIRECTION
    )
    assert set(measures.values()) == {None}
    assert findings == []
