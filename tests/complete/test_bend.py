"""fit_bending: a known displacement is found again from distances along normals, and carried on smoothly."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from meshimplant.complete.bend import fit_bending
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

GRID = Grid.around((-40.0, -40.0, -40.0), (40.0, 40.0, 40.0), spacing_mm=1.6)
RADIUS_MM, WALL_MM = 28.0, 5.0
FAR_MM = -8.0


def shell(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed distance to a hollow ball."""
    radius = np.linalg.norm(points, axis=-1)
    return np.minimum(RADIUS_MM - radius, radius - RADIUS_MM + WALL_MM)


def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Displacement of the target: a shift, and a slow stretch along y."""
    return np.array([1.5, -1.0, 0.8]) + points * (0.0, 0.05, 0.0)


def field() -> Volume:
    points = GRID.to_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
    return Volume(np.maximum(shell(points), FAR_MM).astype(np.float32), GRID.affine)


def surface_points(count: int, *, above: bool) -> NDArray[np.float64]:
    """Points next to the target's surface; the lower half alone, if not `above`."""
    rng = np.random.default_rng(3)
    points = rng.uniform(-36, 36, (400 * count, 3))
    near = np.abs(shell(points + moved(points))) < 0.8
    return points[near & ((points[:, 2] < 0) | above)][:count]


@pytest.mark.parametrize("above", [True, False])
def test_a_known_displacement_is_found_and_carried_into_the_half_without_points(above: bool) -> None:
    points = surface_points(700, above=above)
    assert len(points) == 700
    found = fit_bending(field(), points, shell(points + moved(points)), np.ones(len(points)))
    assert found.residual_mm < 0.2
    bent = found.apply(field(), GRID, fill=FAR_MM).array
    everywhere = GRID.to_mm(np.argwhere(np.ones(GRID.shape, bool)))
    wanted = shell(everywhere + moved(everywhere)).reshape(GRID.shape)
    inner = (np.abs(wanted) < 2) & (np.abs(everywhere).max(axis=1) < 35).reshape(GRID.shape)
    error = np.abs(bent - wanted)[inner]
    assert np.median(error) < 0.15
    assert np.percentile(error, 95) < (0.5 if above else 1.2)


def test_points_where_the_field_shows_no_surface_do_not_pull() -> None:
    points = surface_points(500, above=True)
    values = shell(points + moved(points))
    stray = np.random.default_rng(5).uniform(-9, 9, (200, 3))  # deep in the hollow
    all_points, all_values = np.concatenate([points, stray]), np.concatenate([values, np.zeros(200)])
    bare = fit_bending(field(), points, values, np.ones(500))
    pulled = fit_bending(field(), all_points, all_values, np.ones(700))
    assert np.abs(pulled.at(points) - bare.at(points)).max() < 0.3


def test_without_points_nothing_moves() -> None:
    none = fit_bending(field(), np.zeros((0, 3)), np.zeros(0), np.zeros(0))
    np.testing.assert_allclose(none.apply(field(), GRID, fill=FAR_MM).array, field().array, atol=1e-4)
