"""`Solver`: displacements under several loads at once, by conjugate gradients on two levels of cubes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu

from meshimplant.errors import MeshError
from meshimplant.strength.cut_cubes import CutCubes, place_keys
from meshimplant.strength.equations import Equations
from meshimplant.strength.quadratic_cube import DISPLACEMENTS, LATTICE, NODES, shapes

Floats = NDArray[np.float64]

#: Edges of a coarse cube in those of a fine one. Measured on a dome of 90 mm on six points, 6071 cubes: 65
#: iterations with 3, 67 with 4, 71 with 5, in 6.4, 6.3 and 6.1 s; the coarse cubes also find the weakest
#: place.
_COARSE = 4
#: Iterations end when the energy of the error falls below this fraction, squared, of that of the solution.
#: Our choice: stresses to about 0.1 % as a mean, far below the error of the cubes themselves.
_TOLERANCE = 1e-3
#: Largest force that nothing carries, as a fraction of the load. Measured: all of it where a body is not
#: held; a few hundredths, in the springs themselves, where one is.
_MOST_MISSING = 0.25
#: More iterations than any part needed by a factor of five.
_MOST_ITERATIONS = 1000
#: Cubes whose matrices are inverted at once; bounds the memory to about 350 MB.
_CHUNK = 4000


class Solver:
    """The equations of a body, prepared for any number of loads.

    Each iteration corrects the displacements twice: within every cube, with the inverse of the part of the
    matrix that belongs to its nodes (additive Schwarz), and over the whole body, with an exact solution on
    cubes four times as large. The first also tames cubes that are filled a little; the second carries bending
    over the part.

    Source: F. de Prenter et al., Preconditioning immersed isogeometric finite element methods, Comput.
    Methods Appl. Mech. Eng. 348:604, 2019 (Schwarz on the functions of a cut cell).

    Parameters
    ----------
    body : CutCubes
    equations : Equations
        Of this body, with the springs that hold it.
    """

    def __init__(self, body: CutCubes, equations: Equations) -> None:
        self._matrix = equations.matrix
        self._up = _coarse_functions(body)
        self._down = self._up.T.tocsr()
        coarse = (self._down @ (self._matrix @ self._up)).tocsc()
        self._coarse = splu(
            coarse, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        scale = 1 / np.sqrt(self._matrix.diagonal())
        index = (3 * body.nodes[:, :, None] + np.arange(3)).reshape(-1, DISPLACEMENTS)
        self._inverses = _cube_inverses(equations, scale[index])
        self._gather = csr_matrix(
            (scale[index.reshape(-1)].astype(np.float32), index.reshape(-1), np.arange(index.size + 1)),
            shape=(index.size, len(scale)),
        )
        self._scatter = self._gather.T.tocsr()

    def approximate(self, loads: Floats) -> Floats:
        """Return the displacements (3 n, k) under loads (3 n, k) on the coarse cubes, which are too stiff."""
        return np.asarray(self._up @ self._coarse.solve(self._down @ loads))

    def compliances(self, loads: Floats) -> Floats:
        """Return the work (k,) that each load (3 n, k) does on its own approximate displacements, N mm."""
        coarse = self._down @ loads
        return np.asarray((coarse * self._coarse.solve(coarse)).sum(axis=0))

    def displacements(self, loads: Floats) -> Floats:
        """Return the displacements (3 n, k), mm, under loads (3 n, k), N.

        Raises
        ------
        MeshError
            The iterations do not converge: the part is not held, or falls apart into crumbs.
        """
        found = self.approximate(loads)
        rest = loads - self._matrix @ found
        better = self._correct(rest)
        direction, power = better, (rest * better).sum(axis=0)
        for _ in range(_MOST_ITERATIONS):
            energy = (loads * found).sum(axis=0)
            if not np.isfinite(power).all() or not np.isfinite(energy).all():
                break
            if (power <= _TOLERANCE**2 * energy).all():
                self._require_balance(loads, found)
                return found
            moved = self._matrix @ direction
            step = power / np.maximum((direction * moved).sum(axis=0), 1e-300)
            found = found + step * direction
            rest = rest - step * moved
            better = self._correct(rest)
            power, before = (rest * better).sum(axis=0), power
            direction = better + power / np.maximum(before, 1e-300) * direction
        raise _unbalanced()

    def _require_balance(self, loads: Floats, found: Floats) -> None:
        """Raise `MeshError` unless what holds the body carries the loads.

        A body that nothing holds moves away without end, at an energy that any error is small against.
        """
        missing = (loads - self._matrix @ found).reshape(-1, 3, loads.shape[1]).sum(axis=0)
        if (np.abs(missing) > _MOST_MISSING * np.abs(loads).sum(axis=0)).any():
            raise _unbalanced()

    def _correct(self, rest: Floats) -> Floats:
        """Return approximate displacements (3 n, k) for forces (3 n, k) that are not yet in balance."""
        own = (self._gather @ rest.astype(np.float32)).reshape(len(self._inverses), DISPLACEMENTS, -1)
        own = np.matmul(self._inverses, own).reshape(-1, rest.shape[1])
        return self._scatter @ own + self.approximate(rest)


def _unbalanced() -> MeshError:
    return MeshError(
        f"expected displacements that balance the loads within {_MOST_ITERATIONS} iterations, got none: the "
        "part is hardly held, or hangs together by threads; hold it at more points, or repair it"
    )


def _coarse_functions(body: CutCubes) -> csr_matrix:
    """Return the values (3 n, 3 c) of the shape functions of the coarse cubes at the nodes of the fine ones.

    The fine cubes contain the functions of the coarse ones exactly.
    """
    parents = body.cubes // _COARSE
    lattice = (2 * parents[:, None] + LATTICE).reshape(-1, 3)
    keys, numbers = np.unique(place_keys(lattice, lattice.max(axis=0) + 1), return_inverse=True)
    owner = np.zeros(body.node_count, np.int64)
    owner[body.nodes] = np.arange(len(body.cubes))[:, None]
    values = shapes(body.node_lattice / _COARSE - 2 * parents[owner] - 1)
    node, column = np.nonzero(np.abs(values) > 1e-14)
    coarse = numbers.reshape(-1, NODES)[owner[node], column]
    rows, columns = (3 * each[:, None] + np.arange(3) for each in (node, coarse))
    data = np.repeat(values[node, column], 3)
    return csr_matrix(
        (data, (rows.reshape(-1), columns.reshape(-1))), shape=(3 * body.node_count, 3 * len(keys))
    )


def _cube_inverses(equations: Equations, scale: Floats) -> NDArray[np.float32]:
    """Return the inverses (m, 60, 60) of the matrices of the cubes, scaled by (m, 60) on both sides."""
    inverses = np.empty((*scale.shape, DISPLACEMENTS), np.float32)
    for start in range(0, len(scale), _CHUNK):
        part = slice(start, start + _CHUNK)
        whole = equations.cube_matrices(part) * scale[part, :, None] * scale[part, None, :]
        inverse = np.linalg.inv(whole)
        inverses[part] = (inverse + inverse.transpose(0, 2, 1)) / 2
    return inverses
