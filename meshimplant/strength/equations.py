"""`Equations`: the stiffness matrix of a body of cut cubes, its assembly, and the matrices of its cubes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bsr_matrix

from meshimplant.strength.cut_cubes import CutCubes
from meshimplant.strength.held import Held
from meshimplant.strength.quadratic_cube import (
    DISPLACEMENTS,
    NODES,
    UPPER,
    UPPER_NODES,
    full_stiffness,
    mass_table,
    stiffness_table,
)

Floats = NDArray[np.float64]

#: Stiffness of the empty part of a cut cube as a fraction of the material's: it keeps the equations solvable.
#: Our choice: a plate of 4 mm in cubes of 2 mm becomes stiffer by at most 0.01 %.
_EMPTY = 1e-5
#: Springs that hold a part, per volume, in Young's moduli per mm2. Our choice: the material gives way where
#: it is held to a depth of 0.1 mm (the root of its inverse).
_SPRING_MM2 = 100.0
#: Cubes assembled at once; bounds the memory to about 120 MB.
_CHUNK = 4000


@dataclass(frozen=True, eq=False)
class Equations:
    """The stiffness matrix, by blocks of 3 x 3 for pairs of nodes.

    Attributes
    ----------
    matrix : scipy.sparse.bsr_matrix
        (3 n, 3 n), N/mm.
    places : (m, 20, 20) array of int32
        The block of the matrix that each pair of nodes of each cube belongs to.
    """

    matrix: bsr_matrix
    places: NDArray[np.int32]

    def cube_matrices(self, chosen: slice) -> Floats:
        """Return the part (m, 60, 60) of the matrix that belongs to the nodes of chosen cubes."""
        blocks = self.matrix.data[self.places[chosen]]
        return blocks.transpose(0, 1, 3, 2, 4).reshape(-1, DISPLACEMENTS, DISPLACEMENTS)


def assemble(body: CutCubes, *, young_mpa: float, poisson: float, held: Held | None = None) -> Equations:
    """Assemble the stiffness of a body, and of the springs that hold it.

    Parameters
    ----------
    body : CutCubes
    young_mpa, poisson : float
        Young's modulus and Poisson's ratio.
    held : Held, optional
        What cannot move. Springs hold it that are so stiff that it moves like a tenth of a millimetre of the
        material around it.
    """
    places, rows, columns = _pattern(body.nodes)
    data = np.zeros((len(columns), 3, 3))
    for start in range(0, len(body.cubes), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        blocks = _cube_stiffness(body.filled[chunk], poisson).reshape(-1, NODES, 3, NODES, 3)
        _add(data, places[chunk], young_mpa * body.edge_mm * blocks.transpose(0, 1, 3, 2, 4))
    if held is not None:
        springs = _SPRING_MM2 * young_mpa * (held.shares * body.filled[held.cubes]).astype(np.float64)
        _add(data, places[held.cubes], np.eye(3) * _cube_mass(body, springs)[..., None, None])
    pointers = np.searchsorted(rows, np.arange(body.node_count + 1))
    size = 3 * body.node_count
    return Equations(bsr_matrix((data, columns, pointers), shape=(size, size)), places)


def _pattern(nodes: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Return the block of each pair of nodes (m, 20, 20), and the row and the column of each block."""
    count = int(nodes.max()) + 1
    keys = (nodes[:, :, None] * count + nodes[:, None, :]).reshape(-1)
    pairs, places = np.unique(keys, return_inverse=True)
    return places.reshape(-1, NODES, NODES).astype(np.int32), pairs // count, pairs % count


def _cube_stiffness(filled: NDArray[np.float32], poisson: float) -> Floats:
    """Return the stiffness (m, 60, 60) of cubes of 1 mm and 1 MPa."""
    count = round(filled.shape[1] ** (1 / 3))
    cut = np.flatnonzero(filled.min(axis=1) < 1)
    upper = np.empty((len(filled), len(UPPER[0])))
    upper[:] = full_stiffness(poisson)
    share = (_EMPTY + (1 - _EMPTY) * filled[cut]).astype(np.float64)
    upper[cut] = share @ stiffness_table(count, poisson)
    return _symmetric(upper, UPPER, DISPLACEMENTS)


def _cube_mass(body: CutCubes, weights: Floats) -> Floats:
    """Return the integrals (m, 20, 20) of products of shape functions times weights (m, count ** 3)."""
    upper = weights @ mass_table(body.sub_count) * body.edge_mm**3
    return _symmetric(upper, UPPER_NODES, NODES)


def _symmetric(upper: Floats, index: tuple[NDArray, NDArray], size: int) -> Floats:
    """Return symmetric matrices (m, size, size) from their upper triangles."""
    place = np.empty((size, size), np.intp)
    place[index] = place[index[::-1]] = np.arange(len(index[0]))
    return upper[:, place]


def _add(data: Floats, places: NDArray[np.int32], blocks: Floats) -> None:
    """Add the blocks (m, 20, 20, 3, 3) of cubes to those of the matrix."""
    where = places.reshape(-1)
    for a in range(3):
        for b in range(3):
            data[:, a, b] += np.bincount(where, blocks[..., a, b].reshape(-1), len(data))
