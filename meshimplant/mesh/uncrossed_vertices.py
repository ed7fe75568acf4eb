"""`uncrossed_vertices`: the vertices of a mesh around which no two faces can cross."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Least cosine between the faces around a vertex and their mean normal: all face one way, whatever the
#: rounding.
_LEAST_COSINE = 0.1
#: Area of a face over the sum of its squared sides below which rounding may determine its normal.
_LEAST_AREA = 1e-9
#: Rounding of a sum of angles that is a whole number of turns, radians.
_TURN_ERROR = 0.1


def uncrossed_vertices(vertices: Floats, faces: NDArray[Any], normals: Floats) -> Bools:
    """Return the vertices (n,) whose faces do not overlap when projected along their mean normal.

    That holds where the faces form a closed ring, all face along the mean normal, and go round it once. Each
    then fills a wedge of its own, so that two of them have only their common edge or vertex in common.

    Parameters
    ----------
    vertices : (n, 3) array
    faces : (m, 3) array of int
    normals : (m, 3) array
        Twice the area vectors of the faces.
    """
    count = len(vertices)
    if not len(faces):
        return np.zeros(count, bool)
    size = np.linalg.norm(normals, axis=1)
    unit = normals / np.maximum(size, 1e-300)[:, None]
    axis = np.stack([sum(np.bincount(c, column, count) for c in faces.T) for column in unit.T], axis=1)
    axis /= np.maximum(np.linalg.norm(axis, axis=1), 1e-300)[:, None]
    corners = vertices[faces]
    sides = np.roll(corners, -1, axis=1) - corners
    sound = size > _LEAST_AREA * np.einsum("nij,nij->n", sides, sides)
    uncrossed, turn = ~_on_irregular_edges(faces, count), np.zeros(count)
    for corner, vertex in enumerate(faces.T):
        up = axis[vertex]
        uncrossed[vertex[~sound | (np.einsum("ij,ij->i", unit, up) < _LEAST_COSINE)]] = False
        turn += np.bincount(vertex, _angles(sides[:, corner], -sides[:, corner - 1], up), count)
    return uncrossed & (np.abs(turn - 2 * np.pi) < _TURN_ERROR)


def _angles(one: Floats, other: Floats, axis: Floats) -> Floats:
    """Return the signed angles (n,) between vectors (n, 3) projected along unit axes (n, 3)."""
    dot = lambda u, v: np.einsum("ij,ij->i", u, v)  # noqa: E731
    return np.arctan2(dot(np.cross(one, other), axis), dot(one, other) - dot(one, axis) * dot(other, axis))


def _on_irregular_edges(faces: NDArray[Any], count: int) -> Bools:
    """Return which vertices (count,) have an edge that is not used exactly once in each direction."""
    start, stop = faces.reshape(-1).astype(np.int64), np.roll(faces, -1, axis=1).reshape(-1).astype(np.int64)
    used = np.sort(start * count + stop)
    back = stop * count + start
    place = np.minimum(np.searchsorted(used, back), len(used) - 1)
    twice = np.flatnonzero(used[1:] == used[:-1])
    result = np.zeros(count, bool)
    unpaired = used[place] != back
    for edges in (back[unpaired], used[twice]):
        result[edges // count] = result[edges % count] = True
    return result
