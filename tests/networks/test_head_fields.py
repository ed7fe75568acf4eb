"""A patient's skull in the head's frame: where the head lies in the scan changes nothing but rounding."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from heads import THICKNESS_MM, members_around
from scipy.spatial.transform import Rotation

from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere
from meshimplant.networks.channels import POSITION_CHANNELS
from meshimplant.networks.config import CHANNELS
from meshimplant.networks.head_fields import head_field, head_fields
from meshimplant.networks.head_grid import CLIP_MM, FINE
from meshimplant.voxels.volume import Volume

RADIUS_MM = 76.0
SPACING_MM = np.array([1.2, 0.9, 1.1])
POSE = HeadPose(
    np.array([130.0, -210.0, 1004.0]), Rotation.from_euler("xyz", (8, -5, 11), degrees=True).as_matrix(), 0.0
)
MEMBERS = members_around((0.4, 0.2, 0.9))


@lru_cache(maxsize=1)
def scan() -> Volume:
    """Return a ball of bone with a hole, as a patient who lies askew far from the origin."""
    shape = np.ceil(2 * (RADIUS_MM + 6) / SPACING_MM).astype(int)
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = POSE.centre_mm - (shape - 1) * SPACING_MM / 2
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    points = (index * SPACING_MM + affine[:3, 3] - POSE.centre_mm) @ POSE.axes.T
    return Volume(bone(points).astype(np.uint8), affine)


def bone(points: np.ndarray) -> np.ndarray:
    """Return which points of the head's frame are bone."""
    radius = np.linalg.norm(points, axis=-1)
    axis = np.array([0.4, 0.2, 0.9]) / np.linalg.norm([0.4, 0.2, 0.9])
    hole = points @ axis > np.cos(0.35) * radius
    return (radius < RADIUS_MM) & (radius > RADIUS_MM - THICKNESS_MM) & ~hole


def test_the_field_is_the_distance_in_the_heads_own_frame() -> None:
    field = head_field(scan(), POSE)
    points = FINE.points_mm()
    radius = np.linalg.norm(points, axis=-1)
    true = np.minimum(RADIUS_MM - radius, radius - RADIUS_MM + THICKNESS_MM)
    away = direction_sphere()[0][MEMBERS].mean(axis=0)
    intact = (points @ away / np.maximum(radius, 1) < 0.7 * np.linalg.norm(away)) & (np.abs(true) < 2)
    intact &= (np.abs(points) < 90).all(axis=-1)
    error = np.abs(field - true)[intact]
    assert field.dtype == np.float32
    assert np.median(error) < 0.08
    assert np.percentile(error, 99) < 0.4
    assert field.min() < -CLIP_MM < 0 < field.max()


def test_beyond_the_scan_is_air() -> None:
    half = scan().crop((0, 0, 0), (scan().shape[0], scan().shape[1], scan().shape[2] // 2))
    field = head_field(half, POSE)
    beyond = (FINE.points_mm() @ POSE.axes)[..., 2] > 2
    assert 0.1 < beyond.mean() < 0.9
    assert (field[beyond] == -CLIP_MM).all()
    assert (field[~beyond] > 0).any()


@pytest.fixture(scope="module")
def shown() -> dict[str, np.ndarray]:
    return head_fields(scan(), POSE, MEMBERS, CHANNELS)


def test_a_network_is_shown_every_channel_that_a_config_can_name(shown: dict[str, np.ndarray]) -> None:
    assert set(shown) == set(CHANNELS)
    assert all(field.shape == FINE.shape and field.dtype == np.float32 for field in shown.values())
    assert (
        max(np.abs(field).max() for name, field in shown.items() if name not in POSITION_CHANNELS) <= CLIP_MM
    )


def test_the_prior_closes_the_hole_and_leaves_the_bone(shown: dict[str, np.ndarray]) -> None:
    middle = np.rint((np.array([0.4, 0.2, 0.9]) / np.linalg.norm([0.4, 0.2, 0.9]) * 73) - FINE.low_mm).astype(
        int
    )
    assert shown["prior"][tuple(middle)] > 1 > -1 > shown["defective"][tuple(middle)]
    assert shown["opening"][tuple(middle)] == CLIP_MM
    assert (shown["prior"] >= shown["defective"]).all()
    assert np.array_equal(shown["mirror"], shown["defective"][::-1])


def test_opening_and_prior_come_unasked() -> None:
    assert list(head_fields(scan(), POSE, MEMBERS, ("defective",))) == ["defective", "opening", "prior"]
