"""Points that move along a straight way through a skull, and how deep in bone they get on it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import trimesh.remesh
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.io.bridges import new_mesh
from meshimplant.volume import Volume

#: Triangles with longer edges than this are moved by more points than their corners, mm.
EDGE_MM = 2.0
#: Distance to bone beyond the scan, mm.
_BEYOND_MM = 1e3


def sweep(
    bone: Volume | None, points: NDArray[np.float64], axis: NDArray[np.float64], travel: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how deep in bone the part is after each distance, and how deep each point (n,) gets on the way."""
    deepest = np.full(len(points), -np.inf)
    penetration = np.zeros(len(travel))
    if bone is not None:
        for index, depth in enumerate(depths(bone, points, axis, travel)):
            penetration[index] = max(0.0, float(depth.max()))
            np.maximum(deepest, depth, out=deepest)
    return penetration, deepest


def depths(
    bone: Volume, points: NDArray[np.float64], direction: NDArray[np.float64], travel: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Yield, for each distance moved, the depth in bone (n,) of points (n, 3); none beyond the scan."""
    index = bone.to_index(points).T
    step = (bone.to_index(direction) - bone.to_index(np.zeros(3)))[:, None]
    for moved in travel:
        yield ndimage.map_coordinates(bone.array, index + moved * step, np.float64, order=1, cval=-_BEYOND_MM)


def closely_sampled(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the mesh with its large triangles divided, for measuring alone: its vertices lie close enough everywhere."""
    corners = np.asarray(mesh.vertices, float)[np.asarray(mesh.faces)]
    large = (np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2) > EDGE_MM).any(axis=1)
    if not large.any():
        return mesh
    divided, faces = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces[large], EDGE_MM, max_iter=12)
    return new_mesh(
        np.concatenate([mesh.vertices, divided]),
        np.concatenate([mesh.faces[~large], np.asarray(faces) + len(mesh.vertices)]),
    )
