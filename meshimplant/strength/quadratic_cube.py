"""The quadratic cube: shape functions of 20 nodes, and its stiffness and mass by sub-cells of its volume.

The functions contain every quadratic polynomial. So a plate in pure bending is exact whatever its direction
in the cube, and however much of the cube it fills. Nodes are points of a lattice of half an edge: the 8
corners and the middles of the 12 edges.

Source: B. M. Irons, Quadrature rules for brick based finite elements, Int. J. Numer. Meth. Eng. 3:293, 1971
(the element); J. Parvizian, A. Düster, E. Rank, Finite cell method, Comput. Mech. 41:121, 2007 (cubes that
are filled in part).
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Nodes on the lattice of half an edge, (20, 3): corners, then middles of edges.
LATTICE = np.array(
    list(product((0, 2), repeat=3)) + [c for c in product((0, 1, 2), repeat=3) if c.count(1) == 1]
)
#: Number of nodes, and of displacements, of a cube.
NODES, DISPLACEMENTS = 20, 60
#: Rows and columns of the upper triangle of a cube's 20 x 20 and 60 x 60 matrices.
UPPER_NODES = np.triu_indices(NODES)
UPPER = np.triu_indices(DISPLACEMENTS)


def shapes(local: ArrayLike) -> Floats:
    """Return the shape functions (n, 20) at points (n, 3) of a cube, -1 to 1 along each axis."""
    factors, middle = _factors(local)
    value = factors.prod(axis=2)
    corner = (np.asarray(local, float)[:, None] * _signs()).sum(axis=2) - 2
    return np.where(middle, value / 4, value * corner / 8)


def gradients(local: ArrayLike) -> Floats:
    """Return the derivatives (n, 20, 3) of the shape functions at points (n, 3), per unit of -1 to 1."""
    points, signs = np.asarray(local, float), _signs()
    factors, middle = _factors(points)
    slopes = np.where(signs == 0, -2 * points[:, None], np.broadcast_to(signs, factors.shape))
    corner = (points[:, None] * signs).sum(axis=2) - 2
    result = np.empty(factors.shape)
    for axis in range(3):
        others = factors[..., (axis + 1) % 3] * factors[..., (axis + 2) % 3]
        rise = others * slopes[..., axis]
        of_corner = (rise * corner + factors.prod(axis=2) * signs[:, axis]) / 8
        result[..., axis] = np.where(middle, rise / 4, of_corner)
    return result


def _signs() -> Floats:
    return (LATTICE - 1).astype(float)


def _factors(local: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the factor of each axis (n, 20, 3), and whether a node is the middle of an edge (20,)."""
    points, signs = np.asarray(local, float)[:, None], _signs()
    return np.where(signs == 0, 1 - points**2, 1 + points * signs), (signs == 0).any(axis=1)


def strains(slopes: Floats) -> Floats:
    """Return the matrices (n, 6, 60) from displacements to strains, from derivatives (n, 20, 3) per mm.

    The order of strains is xx, yy, zz, xy, yz, zx; shear strains are angles.
    """
    result = np.zeros((len(slopes), 6, NODES, 3))
    for axis in range(3):
        following = (axis + 1) % 3
        result[:, axis, :, axis] = slopes[..., axis]
        result[:, 3 + axis, :, axis] = slopes[..., following]
        result[:, 3 + axis, :, following] = slopes[..., axis]
    return result.reshape(-1, 6, DISPLACEMENTS)


def elasticity(young_mpa: float, poisson: float) -> Floats:
    """Return the matrix (6, 6) from strains to stresses of an isotropic material, MPa (Hooke's law)."""
    shear = young_mpa / (2 * (1 + poisson))
    across = young_mpa * poisson / ((1 + poisson) * (1 - 2 * poisson))
    matrix = np.diag([2 * shear] * 3 + [shear] * 3)
    matrix[:3, :3] += across
    return matrix


def sub_cells(count: int) -> Floats:
    """Return the centres (count ** 3, 3) of the sub-cells of a cube, -1 to 1, the last axis fastest."""
    line = (np.arange(count) + 0.5) * 2 / count - 1
    return np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)


@cache
def stiffness_table(count: int, poisson: float) -> Floats:
    """Return the share of each sub-cell in the stiffness, (count ** 3, 1830): upper triangles, read-only.

    They are of a cube with an edge of 1 mm and a modulus of 1 MPa, by one point per sub-cell; the stiffness
    grows with both. A cube's stiffness is the sum over its sub-cells, each times its filled fraction.
    """
    return _stiffness(sub_cells(count), np.full(count**3, count**-3.0), poisson)


@cache
def full_stiffness(poisson: float) -> Floats:
    """Return the upper triangle (1830,) of the stiffness of a full cube of 1 mm and 1 MPa; read-only."""
    points, weights = np.polynomial.legendre.leggauss(3)
    local = np.stack(np.meshgrid(points, points, points, indexing="ij"), axis=-1).reshape(-1, 3)
    weight = np.einsum("i,j,k->ijk", weights, weights, weights).reshape(-1) / 8
    total: Floats = _stiffness(local, weight, poisson).sum(axis=0)
    total.flags.writeable = False
    return total


def _stiffness(local: Floats, weights: Floats, poisson: float) -> Floats:
    """Return the upper triangles (n, 1830) at points (n, 3) with weights (n,)."""
    to_strain = strains(2 * gradients(local))
    whole = np.einsum(
        "q,qia,ij,qjb->qab", weights, to_strain, elasticity(1.0, poisson), to_strain, optimize=True
    )
    table = np.ascontiguousarray(whole[:, UPPER[0], UPPER[1]])
    table.flags.writeable = False
    return table


@cache
def mass_table(count: int) -> Floats:
    """Return the share of each sub-cell in the integrals of products of shape functions, (count ** 3, 210).

    Upper triangles of 20 x 20 matrices, of a cube of 1 mm; they grow with its volume. Read-only.
    """
    values = shapes(sub_cells(count))
    table = values[:, UPPER_NODES[0]] * values[:, UPPER_NODES[1]] / count**3
    table.flags.writeable = False
    return table
