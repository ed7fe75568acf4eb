"""fit_pose: the symmetry plane of a rotated head with a defect."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from shapes import Body, difference, grid_around, sample_on, sphere, union

from meshimplant.datasets.phantom import skull_phantom
from meshimplant.errors import EmptyMaskError
from meshimplant.head.pose import CENTRE_DEPTH_MM, HeadPose, fit_pose
from meshimplant.voxels.volume import Volume

SHIFT_MM = np.array([31.0, -142.0, 318.0])


def ellipsoid(semi_axes_mm: tuple[float, float, float], centre_mm: tuple[float, float, float]) -> Body:
    """An ellipsoid with exact signs and approximate distances near its surface."""
    semi, centre = np.array(semi_axes_mm), np.array(centre_mm)
    return Body(
        lambda p: (1 - np.linalg.norm((p - centre) / semi, axis=-1)) * semi.min(),
        centre - semi,
        centre + semi,
    )


def head() -> Body:
    """An egg-shaped shell with cheeks, brows and a chin, alike left and right (x)."""
    vault = difference(ellipsoid((70, 90, 76), (0, 0, 0)), ellipsoid((64, 84, 70), (0, 0, 0)))
    bodies = [sphere(14, (side * 40, -72, -48), subdivisions=1) for side in (1, -1)]
    bodies += [sphere(9, (side * 62, 25, -50), subdivisions=1) for side in (1, -1)]
    for body in (*bodies, sphere(16, (0, -70, -75), subdivisions=1)):
        vault = union(vault, body)
    return vault


def defective() -> Body:
    """The head without the left half's side: a hole 90 mm wide."""
    return difference(head(), sphere(45, (66, 10, 25), subdivisions=1))


@lru_cache(maxsize=8)
def case(seed: int) -> tuple[Volume, np.ndarray]:
    """Return the mask of the head rotated by up to 20 degrees about a random axis, and the rotation."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    angle = np.radians(rng.uniform(8, 20))
    turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()
    body = defective().moved(turn, SHIFT_MM)
    grid = grid_around(body.lower_mm, body.upper_mm, (1.4, 1.4, 1.6))
    return Volume((sample_on(body.distance, grid) > 0).astype(np.uint8), grid.affine), turn


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


@pytest.mark.parametrize("seed", range(5))
def test_the_plane_of_a_rotated_head_with_a_hole(seed) -> None:
    skull, turn = case(seed)
    pose = fit_pose(skull)
    assert angle_deg(pose.axes[0], turn[:, 0]) < 0.5
    assert abs((pose.centre_mm - SHIFT_MM) @ pose.axes[0]) < 0.5
    assert pose.residual_mm < 1.0


def test_the_frame_is_right_handed_and_its_centre_lies_under_the_vertex() -> None:
    skull, _ = case(1)
    pose = fit_pose(skull)
    assert pose.axes @ pose.axes.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(pose.axes) == pytest.approx(1)
    bone = (skull.to_mm(np.argwhere(skull.array)) - pose.centre_mm) @ pose.axes.T
    assert bone[:, 2].max() == pytest.approx(CENTRE_DEPTH_MM, abs=4)
    assert np.diag(pose.axes).min() > 0.9


def test_mirroring_maps_the_left_onto_the_right_and_back() -> None:
    skull, turn = case(2)
    pose = fit_pose(skull)
    left = np.array([[40.0, -20, 30], [55, 10, 5]])
    mirrored = pose.mirror_points(left @ turn.T + SHIFT_MM)
    assert mirrored == pytest.approx((left * (-1, 1, 1)) @ turn.T + SHIFT_MM, abs=1.5)
    assert pose.mirror_points(mirrored) == pytest.approx(left @ turn.T + SHIFT_MM, abs=1e-9)
    assert pose.mirror_directions(pose.axes) == pytest.approx(np.diag([-1, 1, 1]) @ pose.axes, abs=1e-12)


@pytest.mark.parametrize("seed", [0, 3])
def test_a_near_pose_is_refined_and_keeps_its_pitch_and_centre(seed) -> None:
    skull, turn = case(seed)
    off = Rotation.from_euler("yz", (2.5, -2.0), degrees=True).as_matrix()
    pitched = Rotation.from_euler("x", 12, degrees=True).as_matrix()
    given = HeadPose(SHIFT_MM + turn @ np.array([3.0, -6.0, 4.0]), (turn @ off @ pitched).T, 9.0)
    pose = fit_pose(skull, near=given)
    assert angle_deg(pose.axes[0], turn[:, 0]) < 0.5
    assert abs((pose.centre_mm - SHIFT_MM) @ turn[:, 0]) < 0.5
    moved = pose.centre_mm - given.centre_mm
    assert np.linalg.norm(moved - moved @ pose.axes[0] * pose.axes[0]) < 1e-6
    back_and_up = (turn @ pitched)[:, 2]
    assert angle_deg(pose.axes[2], back_and_up) < 3.5
    assert pose.axes[2] @ given.axes[2] == pytest.approx(
        np.linalg.norm(given.axes[2] - given.axes[2] @ pose.axes[0] * pose.axes[0]), abs=1e-9
    )


def test_memory_order_and_value_of_bone_have_no_influence() -> None:
    skull, _ = case(1)
    other = Volume(np.asfortranarray(skull.array) * np.uint8(7), skull.affine)
    first, second = fit_pose(skull), fit_pose(other)
    assert np.array_equal(first.axes, second.axes)
    assert np.array_equal(first.centre_mm, second.centre_mm)


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(EmptyMaskError):
        fit_pose(Volume(np.zeros((20, 20, 20), np.uint8), np.eye(4)))


@pytest.mark.parametrize("turn_deg", [90, 180])
def test_a_pose_is_refined_about_its_own_left_whichever_way_the_head_faces(turn_deg) -> None:
    head = skull_phantom(spacing_mm=3.0, seed=2)
    upright = fit_pose(head, near=fit_pose(head))
    cos, sin = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = turn
    near = HeadPose(turn @ upright.centre_mm, upright.axes @ turn.T, upright.residual_mm)
    refined = fit_pose(Volume(head.array, affine @ head.affine), near=near)
    assert refined.axes == pytest.approx(near.axes, abs=0.01)
    assert refined.centre_mm == pytest.approx(near.centre_mm, abs=0.5)
