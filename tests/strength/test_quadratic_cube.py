"""The quadratic cube: its functions, and a stiffness that knows rigid motions and pure bending."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.strength.quadratic_cube import (
    DISPLACEMENTS,
    LATTICE,
    UPPER,
    elasticity,
    full_stiffness,
    gradients,
    mass_table,
    shapes,
    stiffness_table,
    sub_cells,
)

NODES = LATTICE - 1.0
POINTS = np.random.default_rng(1).uniform(-1, 1, (40, 3))


def _whole(upper: np.ndarray) -> np.ndarray:
    matrix = np.zeros((DISPLACEMENTS, DISPLACEMENTS))
    matrix[UPPER] = upper
    return matrix + np.triu(matrix, 1).T


def _quadratics(points: np.ndarray) -> np.ndarray:
    x, y, z = points.T
    return np.stack([np.ones_like(x), x, y, z, x * x, y * y, z * z, x * y, y * z, z * x], axis=1)


def test_each_function_is_one_at_its_node_and_quadratics_are_exact() -> None:
    np.testing.assert_allclose(shapes(NODES), np.eye(20), atol=1e-14)
    np.testing.assert_allclose(shapes(POINTS) @ _quadratics(NODES), _quadratics(POINTS), atol=1e-13)


def test_gradients_are_those_of_the_functions() -> None:
    step = 1e-5
    for axis in range(3):
        shift = step * np.eye(3)[axis]
        slope = (shapes(POINTS + shift) - shapes(POINTS - shift)) / (2 * step)
        np.testing.assert_allclose(gradients(POINTS)[..., axis], slope, atol=1e-9)


@pytest.mark.parametrize("matrix", [full_stiffness(0.3), stiffness_table(8, 0.3).sum(axis=0)])
def test_rigid_motions_cost_nothing_and_everything_else_does(matrix: np.ndarray) -> None:
    values = np.linalg.eigvalsh(_whole(matrix))
    assert np.abs(values[:6]).max() < 1e-12
    assert values[6] > 1e-3


def test_half_a_cube_in_pure_bending_stores_the_energy_of_a_beam() -> None:
    """Bent about y, cut by a plane at 30 degrees: stress E k h along the beam, and no other."""
    young, poisson, curvature = 7.0, 0.3, 0.2
    turn = np.array([[np.sqrt(3) / 2, 0, 0.5], [0, 1, 0], [-0.5, 0, np.sqrt(3) / 2]])
    x, y, z = ((NODES / 2) @ turn).T
    moved = np.stack([x * z, -poisson * y * z, -(x**2 + poisson * (z**2 - y**2)) / 2], axis=1) @ turn.T
    along = (sub_cells(8) / 2) @ turn
    filled = (along[:, 2] > 0).astype(float)
    energy = _whole(filled @ stiffness_table(8, poisson)) * young
    bent = curvature * moved.reshape(-1)
    expected = young * curvature**2 * (filled * along[:, 2] ** 2).mean()
    assert bent @ energy @ bent == pytest.approx(expected, rel=1e-12)


def test_the_masses_of_all_sub_cells_are_the_cube_and_hooke_has_the_modulus() -> None:
    total = mass_table(4).sum(axis=0)
    upper = np.triu_indices(20)
    assert (total * np.where(upper[0] == upper[1], 1, 2)).sum() == pytest.approx(1.0)
    compliance = np.linalg.inv(elasticity(3800.0, 0.38))
    assert 1 / compliance[0, 0] == pytest.approx(3800.0)
    assert -compliance[0, 1] / compliance[0, 0] == pytest.approx(0.38)
