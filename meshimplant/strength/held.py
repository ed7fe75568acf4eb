"""`hold_near`: where a part is held, as shares of the sub-cells of its cubes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import MeshError
from meshimplant.mesh.nearest import surface_tree
from meshimplant.strength.cut_cubes import CutCubes

Floats = NDArray[np.float64]

#: Least volume of each body of a part that must be held, mm3. Our choice: less holds nothing.
_LEAST_HELD_MM3 = 2.0


@dataclass(frozen=True, eq=False)
class Held:
    """The part of a body that cannot move.

    Attributes
    ----------
    cubes : (k,) array of int
        Cubes that are held in part.
    shares : (k, count ** 3) array of float32
        Fraction of each of their sub-cells that is held, whether filled or not.
    """

    cubes: NDArray[np.int64]
    shares: NDArray[np.float32]


def hold(body: CutCubes, depth: Callable[[Floats], Floats]) -> Held:
    """Hold a region of a body.

    Parameters
    ----------
    body : CutCubes
    depth : function
        Signed distance (k,) of LPS points (k, 3) from the edge of the region, mm, positive in it.
    """
    centres = body.origin_mm + body.edge_mm * (body.cubes + 0.5)
    near = np.flatnonzero(depth(centres) > -body.edge_mm * 3**0.5 / 2)
    width = body.edge_mm / body.sub_count
    shares = np.zeros((len(near), body.filled.shape[1]), np.float32)
    for row in range(len(near)):
        shares[row] = np.clip(0.5 + depth(body.sub_cell_centres(near[[row]])[0]) / width, 0, 1)
    some = shares.any(axis=1)
    return Held(near[some], shares[some])


def hold_near(body: CutCubes, points_mm: ArrayLike, *, radius_mm: float) -> Held:
    """Hold what lies within a radius of any of some points (n, 3), LPS mm."""
    tree = surface_tree(points_mm)
    return hold(body, lambda places: radius_mm - tree.query(places)[0])


def _held_mm3(body: CutCubes, held: Held) -> Floats:
    """Return how much of the body is held in each held cube (k,)."""
    return (held.shares * body.filled[held.cubes]).mean(axis=1, dtype=float) * body.edge_mm**3


def require_held(body: CutCubes, held: Held) -> None:
    """Raise `MeshError` where a connected body of cubes is not held."""
    labels = _bodies(body)
    per_body = np.bincount(labels[held.cubes], _held_mm3(body, held), minlength=int(labels.max()) + 1)
    loose = np.flatnonzero(per_body < _LEAST_HELD_MM3)
    if len(loose):
        members = body.cubes[labels == loose[0]]
        place = body.origin_mm + body.edge_mm * (members.mean(axis=0) + 0.5)
        raise MeshError(
            f"expected every body of the part to be held, got one around {np.round(place, 1).tolist()} that "
            "no fixation reaches: add points on it, or screen the bodies one by one"
        )


def _bodies(body: CutCubes) -> NDArray[np.int32]:
    """Return the number (m,) of the connected body that each cube belongs to."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    count, per_cube = body.nodes.shape
    pointers = np.arange(count + 1) * per_cube
    data = np.ones(body.nodes.size, np.int8)
    table = csr_matrix((data, body.nodes.reshape(-1), pointers), shape=(count, body.node_count))
    graph = csr_matrix(
        (
            np.ones(table.nnz, np.int8),
            table.indices + count,
            np.append(pointers, np.full(body.node_count, pointers[-1])),
        ),
        shape=(count + body.node_count,) * 2,
    )
    return connected_components(graph, directed=False)[1][:count]
