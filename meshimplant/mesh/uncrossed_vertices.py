"""`uncrossed_vertices`: around which vertices of a mesh no two faces can cross."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Least cosine between the faces around a vertex and their mean normal, so that all look up and rounding cannot matter.
_LEAST_COSINE = 0.1
#: Area of a face, over that of the square on its sides, below which its normal may be rounding.
_LEAST_AREA = 1e-9
#: Rounding of a sum of angles that is a whole number of turns, radians.
_TURN_ERROR = 0.1


def uncrossed_vertices(vertices: Floats, faces: NDArray[Any], normals: Floats) -> Bools:
    """Tell for each vertex (n,) whether the faces around it, seen along their mean normal, lie beside each other.

    They do where they close up, all look up, and go round once: each then fills a wedge of its own, so that no two of them
    have a place in common but the edges and the vertex that they share.

    Parameters
    ----------
    normals
        Twice the area vectors (m, 3) of the faces.
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
    plain, turn = ~_on_open_edges(faces, count), np.zeros(count)
    for corner, vertex in enumerate(faces.T):
        up = axis[vertex]
        plain[vertex[~sound | (np.einsum("ij,ij->i", unit, up) < _LEAST_COSINE)]] = False
        turn += np.bincount(vertex, _angles(sides[:, corner], -sides[:, corner - 1], up), count)
    return plain & (np.abs(turn - 2 * np.pi) < _TURN_ERROR)


def _angles(one: Floats, other: Floats, axis: Floats) -> Floats:
    """Return the angles (n,) between vectors (n, 3) as seen along unit axes (n, 3), counted about them."""
    dot = lambda u, v: np.einsum("ij,ij->i", u, v)  # noqa: E731
    return np.arctan2(dot(np.cross(one, other), axis), dot(one, other) - dot(one, axis) * dot(other, axis))


def _on_open_edges(faces: NDArray[Any], count: int) -> Bools:
    """Tell which vertices (count,) have an edge that is not walked once either way."""
    start, stop = faces.reshape(-1).astype(np.int64), np.roll(faces, -1, axis=1).reshape(-1).astype(np.int64)
    walked = np.sort(start * count + stop)
    back = stop * count + start
    place = np.minimum(np.searchsorted(walked, back), len(walked) - 1)
    twice = np.flatnonzero(walked[1:] == walked[:-1])
    result = np.zeros(count, bool)
    alone = walked[place] != back
    for edges in (back[alone], walked[twice]):
        result[edges // count] = result[edges % count] = True
    return result
