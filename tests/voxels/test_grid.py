"""A grid places voxels in the patient without holding any."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.errors import EmptyMaskError, GeometryError
from meshimplant.voxels.grid import Grid, bounding_box, box_slices
from meshimplant.voxels.volume import Volume

FAR = np.array([-213.5, 402.25, 1371.75])


def _oblique(shape: tuple[int, int, int] = (7, 5, 6)) -> Grid:
    """A turned, mirrored grid far from the origin."""
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn * (0.5, 0.75, 1.25)
    affine[:3, 3] = FAR
    return Grid(shape, affine)


def test_a_grid_has_the_geometry_of_its_volume():
    grid = _oblique()
    volume = Volume(np.zeros(grid.shape, np.uint8), grid.affine)
    assert isinstance(volume, Grid)
    assert type(volume.grid) is Grid
    index = np.random.default_rng(0).uniform(-3, 9, (4, 3))
    for each in (volume, volume.grid):
        np.testing.assert_array_equal(each.to_mm(index), grid.to_mm(index))
        np.testing.assert_array_equal(each.to_index(FAR + index), grid.to_index(FAR + index))
        assert each.orientation == grid.orientation
        assert each.voxel_volume_mm3 == pytest.approx(0.5 * 0.75 * 1.25)
        assert each.same_grid(grid, tolerance_mm=0)
    cut = volume.crop((1, 2, 3), (6, 9, 5))
    assert cut.same_grid(grid.crop((1, 2, 3), (6, 9, 5)), tolerance_mm=0)
    assert cut.shape == (5, 3, 2)


def test_impossible_grids_are_refused():
    for shape in ((0, 3, 3), (3, 3), (-1, 2, 2)):
        with pytest.raises(GeometryError, match="three positive numbers"):
            Grid(shape, np.eye(4))
    with pytest.raises(GeometryError, match="voxel edges"):
        Grid((3, 3, 3), np.diag([1e-3, 1, 1, 1]))
    with pytest.raises(GeometryError, match="no voxel"):
        _oblique().crop((9, 0, 0), (12, 3, 3))
    with pytest.raises(ValueError, match="read-only"):
        _oblique().affine[0, 0] = 2


@pytest.mark.parametrize("margin", [0, 3, 3.3])
def test_a_grid_around_a_box_has_the_margin_on_both_sides(margin):
    low, high = FAR, FAR + (10.0, 7.3, 4.1)
    grid = Grid.around(low, high, spacing_mm=0.5, margin_voxels=margin)
    index = grid.to_index(np.stack([low, high]))
    np.testing.assert_allclose(index[0], margin, atol=1e-9)
    beyond = np.array(grid.shape) - 1 - index[1]
    assert (beyond >= margin - 1e-9).all()
    assert (beyond < margin + 2).all()


def test_the_box_around_points_is_the_smallest_that_contains_them():
    grid = _oblique((40, 40, 40))
    points = grid.to_mm(np.array([[3.2, 10.0, 7.9], [5.0, 12.5, 30.1]]))
    start, stop = grid.box_around(points)
    assert start.tolist() == [3, 9, 7] or start.tolist() == [3, 10, 7]  # 10.0 may round either way
    assert stop.tolist()[1:] == [14, 32]
    wider = grid.box_around(points, (2, 0, 1))
    assert (start - wider[0]).tolist() == [2, 0, 1]
    assert (wider[1] - stop).tolist() == [2, 0, 1]
    assert grid.box_around(points, 10)[0].min() < 0, "not clipped"


def test_the_box_of_a_mask_is_widened_in_millimetres_and_clipped():
    grid = _oblique((40, 40, 40))
    mask = np.zeros(grid.shape, bool)
    mask[20:22, 1:3, 30] = True
    start, stop = grid.box_of(mask, 2.0)
    assert start.tolist() == [16, 0, 28]
    assert stop.tolist() == [26, 6, 33]
    assert mask[box_slices(start, stop)].sum() == mask.sum()
    one_more = grid.box_of(mask, 2.0, extra_voxels=1)
    assert one_more[0].tolist() == [15, 0, 27]


def test_a_crop_shares_voxels_with_its_grid_and_a_moved_one_does_not():
    grid = _oblique((9, 9, 9))
    part = grid.crop((2, 3, 4), (6, 6, 6))
    assert part.shares_voxels_with(grid)
    assert grid.shares_voxels_with(part)
    assert part.start_in(grid).tolist() == [2, 3, 4]
    assert grid.start_in(part).tolist() == [-2, -3, -4]
    affine = part.affine.copy()
    affine[:3, 3] = grid.to_mm((2.4, 3, 4))
    assert not Grid(part.shape, affine).shares_voxels_with(grid)
    assert not Grid(part.shape, np.diag([0.5, 0.75, 1.25, 1])).shares_voxels_with(grid)


def test_a_coarse_voxel_lies_in_the_middle_of_its_block():
    grid = _oblique((8, 9, 8))
    coarse = Grid((4, 3, 2), grid.coarsened((2, 3, 4)))
    np.testing.assert_allclose(coarse.spacing_mm, grid.spacing_mm * (2, 3, 4))
    block = np.stack(np.meshgrid([0, 1], [3, 4, 5], [4, 5, 6, 7], indexing="ij"), axis=-1).reshape(-1, 3)
    np.testing.assert_allclose(coarse.to_mm((0, 1, 1)), grid.to_mm(block).mean(axis=0))


def test_corners_can_be_moved_outward():
    grid = _oblique()
    assert grid.corners().max(axis=0).tolist() == [6, 4, 5]
    assert grid.corners(-1, 0).min() == -1
    assert grid.corners(-1, 0).max(axis=0).tolist() == [7, 5, 6]


def test_the_bounding_box_is_the_smallest_that_contains_all_voxels():
    mask = np.zeros((9, 8, 7), np.uint8)
    mask[2, 3, 4] = mask[5, 3, 6] = 1
    start, stop = bounding_box(mask)
    assert (start.tolist(), stop.tolist()) == ([2, 3, 4], [6, 4, 7])
    with pytest.raises(EmptyMaskError):
        bounding_box(np.zeros((3, 3, 3)))
