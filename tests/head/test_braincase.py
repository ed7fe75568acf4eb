"""fit_braincase: on a shell whose frame is known, and on a rotated head."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.datasets.phantom import skull_phantom
from meshimplant.errors import InputError
from meshimplant.head.braincase import fit_braincase
from meshimplant.head.pose import HeadPose
from meshimplant.voxels.volume import Volume

SEMI_AXES = np.array([66.0, 82.0, 64.0])


def turned_shell(pitch_deg, centre_mm):
    """A 6 mm shell around an ellipsoidal cavity, its lower part cut away, pitched about the left axis."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = np.array(centre_mm) - 110
    grid = Volume(np.zeros((110, 110, 110), np.uint8), affine)
    angle = np.radians(pitch_deg)
    axes = np.array([[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]])
    local = (grid.to_mm(np.argwhere(grid.array == 0)) - centre_mm) @ axes.T
    cavity = np.linalg.norm(local / SEMI_AXES, axis=1) < 1
    bone = (np.linalg.norm(local / (SEMI_AXES + 6), axis=1) < 1) & ~cavity & (local[:, 2] > -45)
    skull = grid.with_array(bone.reshape(grid.shape).astype(np.uint8))
    top = skull.to_mm(np.argwhere(skull.array))[:, 2].max()
    pose = HeadPose(np.array([centre_mm[0], centre_mm[1], top - 75]), np.eye(3), 0.0)
    return skull, axes, pose


@pytest.mark.parametrize(
    ("pitch_deg", "centre_mm"), [(0, (0, 0, 0)), (18, (30, -40, 900)), (-25, (-500, 80, -7))]
)
def test_pitch_centre_and_size_are_recovered(pitch_deg, centre_mm):
    skull, axes, pose = turned_shell(pitch_deg, centre_mm)
    frame = fit_braincase(skull, pose=pose)
    np.testing.assert_allclose(frame.axes @ axes.T, np.eye(3), atol=np.radians(1.5))
    np.testing.assert_allclose(frame.centre_mm, centre_mm, atol=1.5)
    np.testing.assert_allclose(frame.semi_axes_mm, SEMI_AXES[1:], atol=1.5)
    points = np.random.default_rng(0).normal(0, 50, (5, 3))
    np.testing.assert_allclose(frame.to_mm(frame.to_local(points)), points, atol=1e-9)


def test_the_frame_follows_a_rotated_head():
    angles = []
    for tilt_deg in (0.0, 15.0):
        frame = fit_braincase(skull_phantom(spacing_mm=2.0, seed=3, tilt_deg=tilt_deg))
        angles.append(frame.axes)
    turned_deg = np.degrees(np.arccos((np.trace(angles[1].T @ angles[0]) - 1) / 2))
    assert turned_deg == pytest.approx(15.0, abs=2.5)


def test_a_skull_without_a_vault_is_refused(phantom, phantom_pose):
    vault_gone = np.array(phantom.array)
    vault_gone[..., int(phantom.to_index((0, 0, 10))[2]) :] = 0
    with pytest.raises(InputError, match="along the midline of the vault"):
        fit_braincase(phantom.with_array(vault_gone), pose=phantom_pose)
