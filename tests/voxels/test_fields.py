"""Fields are read between voxels by trilinear interpolation."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import oblique, sphere

from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

CENTRE_MM = (123.4, -251.7, 388.9)


@pytest.mark.parametrize("direction", [np.eye(3), oblique(), np.diag([-1.0, 1, -1])])
def test_a_linear_field_is_read_exactly(direction) -> None:
    grid = sphere(10.0, CENTRE_MM, subdivisions=1).grid((0.7, 0.9, 1.3), direction=direction)
    slope, offset = np.array([0.3, -1.1, 0.7]), 17.0
    field = Volume(_centres(grid).reshape(*grid.shape, 3) @ slope + offset, grid.affine)
    inside = np.random.default_rng(1).uniform(0, np.array(grid.shape) - 1, (500, 3))
    points = grid.to_mm(inside)
    assert sample(field, points) == pytest.approx(points @ slope + offset, abs=1e-9)


def test_outside_the_grid_the_fill_value_is_returned() -> None:
    field = Volume(np.full((4, 5, 6), 3.0), np.diag([2.0, 2.0, 2.0, 1.0]))
    last = 2.0 * (np.array([4, 5, 6]) - 0.5)
    outside = np.concatenate([np.diag(last + 0.01), np.diag([-1.01] * 3)])
    within = np.concatenate([np.diag(last - 0.01), np.diag([-0.99] * 3)])
    assert np.isnan(sample(field, outside)).all()
    assert sample(field, outside, fill=-7.0).tolist() == [-7.0] * 6
    assert sample(field, within).tolist() == [3.0] * 6


def _centres(grid: Volume) -> np.ndarray:
    return grid.to_mm(np.argwhere(np.ones(grid.shape, bool)))
