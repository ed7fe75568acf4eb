"""`split_edges`: divide chosen edges of a mesh at their middles, so that it stays closed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def edges_of(faces: Ints) -> tuple[Ints, Ints]:
    """Return the edges (e, 2) of faces (m, 3), each once, and for each face the numbers (m, 3) of its edges.

    The first edge of a face joins its first two corners, the second the next two.
    """
    ends = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, number = np.unique(ends, axis=0, return_inverse=True)
    return edges, number.reshape(-1, 3)


def split_edges(
    vertices: Floats, faces: Ints, edges: Ints, edge_of: Ints, chosen: NDArray[np.bool_]
) -> tuple[Floats, Ints]:
    """Return vertices and faces with each chosen edge (e,) divided at its middle.

    A face with one such edge becomes two, with two three, with three four; its surface does not change. The
    vertices that were there keep their numbers. `edges` and `edge_of` are those of `edges_of`.
    """
    middle_of = np.full(len(edges), -1, np.int64)
    middle_of[chosen] = len(vertices) + np.arange(int(chosen.sum()))
    points = np.concatenate([vertices, vertices[edges[chosen]].mean(axis=1)])
    middles = middle_of[edge_of]
    count = (middles >= 0).sum(axis=1)
    parts = [faces[count == 0]]
    for wanted in (1, 2, 3):
        own = np.flatnonzero(count == wanted)
        if not len(own):
            continue
        split = middles[own] >= 0
        first = np.argmax(split, axis=1) if wanted != 2 else (np.argmin(split, axis=1) + 1) % 3
        turn = (first[:, None] + np.arange(3)) % 3
        corner = np.take_along_axis(faces[own], turn, axis=1)
        middle = np.take_along_axis(middles[own], turn, axis=1)
        parts += _divided(points, corner, middle, wanted)
    return points, np.concatenate(parts)


def _divided(points: Floats, corner: Ints, middle: Ints, count: int) -> list[Ints]:
    """Return the pieces of faces whose first `count` edges are divided."""
    a, b, c = corner.T
    ab, bc, ca = middle.T
    if count == 1:
        pieces = [(a, ab, c), (ab, b, c)]
    elif count == 3:
        pieces = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    else:
        shorter = np.linalg.norm(points[ab] - points[c], axis=1) < np.linalg.norm(
            points[bc] - points[a], axis=1
        )
        rest = [
            np.where(shorter[:, None], np.stack(one, 1), np.stack(other, 1))
            for one, other in (((a, ab, c), (a, ab, bc)), ((ab, bc, c), (a, bc, c)))
        ]
        return [np.stack((ab, b, bc), axis=1), *rest]
    return [np.stack(piece, axis=1) for piece in pieces]
