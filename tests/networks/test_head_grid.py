"""The head's grids: where they lie, what is read on them, and how distances are kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from meshimplant.errors import GeometryError
from meshimplant.head.pose import HeadPose, identity_pose
from meshimplant.networks.head_grid import (
    CLIP_MM,
    COARSE,
    FINE,
    HeadGrid,
    pack_field,
    sample_head,
    take_coarse,
    unpack_field,
)
from meshimplant.voxels.volume import Volume

POSE = HeadPose(np.array([310.0, -204.0, 77.0]), Rotation.from_rotvec([0.2, -0.3, 0.5]).as_matrix().T, 0.0)
SMALL = HeadGrid((-9.0, -12.0, -6.0), (18, 24, 12), 1.0)


def test_both_grids_have_one_box_that_is_even_about_the_plane_of_symmetry() -> None:
    for grid in (FINE, COARSE):
        high = np.add(grid.low_mm, np.multiply(grid.shape, grid.spacing_mm))
        assert high.tolist() == [96, 120, 90]
        x = grid.points_mm()[:, 0, 0, 0]
        np.testing.assert_array_equal(x, -x[::-1])


def test_the_coarse_grids_voxels_are_among_the_fine_ones() -> None:
    np.testing.assert_allclose(
        np.moveaxis(take_coarse(np.moveaxis(FINE.points_mm(), -1, 0)), 0, -1), COARSE.points_mm(), atol=1e-4
    )


def test_a_linear_field_is_read_exactly_wherever_the_head_lies() -> None:
    spacing = np.array([0.7, 0.5, 1.1])
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec([0.1, 0.4, -0.2]).as_matrix() * spacing
    affine[:3, 3] = POSE.centre_mm - affine[:3, :3] @ np.array([40, 50, 30])
    slope = np.array([0.3, -0.2, 0.5])
    index = np.moveaxis(np.indices((80, 100, 60)), 0, -1)
    volume = Volume(((index @ affine[:3, :3].T + affine[:3, 3]) @ slope).astype(np.float32), affine)
    read = sample_head(volume, POSE, SMALL, 0)
    patient = POSE.centre_mm + SMALL.points_mm() @ POSE.axes
    np.testing.assert_allclose(read, patient @ slope, atol=1e-3)


def test_beyond_the_volume_the_value_is_the_one_asked_for() -> None:
    volume = Volume(np.ones((4, 4, 4), np.uint8), np.eye(4))
    read = sample_head(volume, identity_pose(), SMALL, -8)
    assert read.dtype == np.float32
    assert read.min() == -8
    assert np.count_nonzero(read == -8) > 0.9 * read.size


def test_a_cropped_grid_has_the_same_voxels() -> None:
    start, stop = (3, 8, 2), (9, 20, 11)
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    np.testing.assert_allclose(SMALL.crop(start, stop).points_mm(), SMALL.points_mm()[box])


@pytest.mark.parametrize(
    ("start", "stop"), [((0, 0, 0), (19, 4, 4)), ((-1, 0, 0), (4, 4, 4)), ((4, 4, 4), (4, 8, 8))]
)
def test_a_box_that_is_not_inside_is_refused(start, stop) -> None:
    with pytest.raises(GeometryError, match="expected a box inside"):
        SMALL.crop(start, stop)


def test_values_of_another_shape_are_no_volume_of_the_grid() -> None:
    with pytest.raises(GeometryError, match="expected values of shape"):
        SMALL.volume(np.zeros((3, 3, 3)))
    assert np.array_equal(SMALL.volume(np.zeros(SMALL.shape)).to_mm((0, 0, 0)), SMALL.points_mm()[0, 0, 0])


def test_a_distance_is_kept_to_half_a_step_and_clipped() -> None:
    values = np.linspace(-20, 20, 4001, dtype=np.float32)
    kept = unpack_field(pack_field(values))
    np.testing.assert_allclose(kept, np.clip(values, -CLIP_MM, CLIP_MM), atol=1 / 30 + 1e-5)
    assert np.array_equal(pack_field(unpack_field(pack_field(values))), pack_field(values))
