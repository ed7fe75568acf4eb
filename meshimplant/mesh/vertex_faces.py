"""`VertexFaces`: the faces around each vertex of a mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class VertexFaces:
    """The faces around each vertex; later changes of the faces are not followed.

    Parameters
    ----------
    faces : (m, 3) array of int
        Vertex indices.
    count : int
        Number of vertices.
    """

    def __init__(self, faces: Ints, count: int) -> None:
        flat = faces.ravel()
        self.count = count
        self._order = np.argsort(flat, kind="stable") // 3
        self._start = np.concatenate([[0], np.cumsum(np.bincount(flat, minlength=count))])

    def of(self, vertex: int) -> Ints:
        """Return the indices of the faces at a vertex."""
        return self._order[self._start[vertex] : self._start[vertex + 1]]

    def of_all(self, vertices: Ints) -> tuple[Ints, Ints]:
        """Return the rows (k,) among `vertices` (n,) and the faces (k,) of all pairs of vertex and face."""
        start = self._start[vertices]
        sizes = self._start[vertices + 1] - start
        owner = np.repeat(np.arange(len(vertices)), sizes)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return owner, self._order[start[owner] + place]
