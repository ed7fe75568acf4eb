"""align_points and align_to_mean: a head made from the mean is aligned to it again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from meshimplant.complete.models import packaged_mean
from meshimplant.head.align import align_points, align_to_mean, move_points
from meshimplant.head.columns import Columns
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere

SIZE_MM = 79.0


def pitched(degrees: float) -> np.ndarray:
    return Rotation.from_euler("x", degrees, degrees=True).as_matrix()


def vault_points() -> np.ndarray:
    """Outer points (n, 3) of a head that is the packaged mean, in the mean's frame."""
    directions = direction_sphere()[0][:10242]
    directions = directions[directions[:, 2] > -0.5]
    return SIZE_MM * packaged_mean().at(directions)[0][:, None] * directions


@pytest.mark.parametrize(
    ("pitch_deg", "back_mm", "up_mm"),
    [(15.0, 5.0, -4.0), (-15.0, -6.0, 3.0), (0.0, 0.0, 0.0), (4.0, 8.0, 8.0)],
)
def test_pitch_and_shift_of_a_head_are_recovered(pitch_deg, back_mm, up_mm) -> None:
    given = vault_points() @ pitched(pitch_deg) + (0, back_mm, up_mm)
    pitch, back, up, size = align_points(given, packaged_mean())
    assert np.degrees(pitch) == pytest.approx(pitch_deg, abs=0.3)
    assert (back, up) == pytest.approx((back_mm, up_mm), abs=0.3)
    assert size == pytest.approx(SIZE_MM, abs=0.3)
    assert move_points(given, np.array([pitch, back, up])) == pytest.approx(vault_points(), abs=0.8)


def test_a_missing_side_and_noise_have_little_influence() -> None:
    points = vault_points()
    points = points[~((points[:, 0] > 20) & (points[:, 2] > 10))]
    noise = np.random.default_rng(5).normal(0, 0.3, points.shape)
    pitch, back, up, _ = align_points((points + noise) @ pitched(15) + (0, 5, -4), packaged_mean())
    assert np.degrees(pitch) == pytest.approx(15, abs=0.3)
    assert (back, up) == pytest.approx((5, -4), abs=0.3)


@pytest.mark.parametrize("pitch_deg", [12.0, -12.0])
def test_a_pose_is_rotated_within_its_own_plane(pitch_deg) -> None:
    turn = Rotation.from_euler("xyz", (5, -9, 14), degrees=True).as_matrix()
    pose = HeadPose(np.array([20.0, -130.0, 440.0]), turn.T, 0.4)
    directions, _ = direction_sphere()
    seen = directions @ pitched(pitch_deg).T
    outer = SIZE_MM * packaged_mean().at(seen)[0]
    outer[seen[:, 2] < -0.55] = np.nan
    columns = Columns((outer - 6).astype(np.float32), outer.astype(np.float32))
    aligned = align_to_mean(pose, columns, packaged_mean())
    assert aligned.axes == pytest.approx(pitched(pitch_deg) @ pose.axes, abs=np.radians(0.3))
    assert aligned.centre_mm == pytest.approx(pose.centre_mm, abs=0.3)
    assert aligned.axes[0] == pytest.approx(pose.axes[0], abs=1e-12)
    assert (aligned.centre_mm - pose.centre_mm) @ pose.axes[0] == pytest.approx(0, abs=1e-9)
    assert aligned.residual_mm == pose.residual_mm
