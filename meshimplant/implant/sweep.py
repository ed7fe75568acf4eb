"""Points that move along a straight way through a skull, and how deep in bone they get on it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import trimesh.remesh
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.mesh.convert import new_mesh
from meshimplant.voxels.volume import Volume

#: Triangles with longer edges than this are moved by more points than their corners, mm.
EDGE_MM = 2.0
#: Distance to bone beyond the scan, mm; what lies beside its edge reads as something between, more than bone
#: can be away.
_BEYOND_MM, _FARTHEST_MM = 1e3, 50.0
#: Depths are exact down to this far from bone, and for a step of way and the field's scatter more, mm.
_NEAR_MM = 5.0


def sweep(
    bone: Volume | None, points: NDArray[np.float64], axis: NDArray[np.float64], travel: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the depth in bone after each travelled distance, and the largest depth of each point (n,).

    A point far from bone is not read again before it can have come near: what a point gets to is exact above
    -3 mm, and elsewhere a lower bound.
    """
    deepest = np.full(len(points), -np.inf)
    penetration = np.zeros(len(travel))
    if bone is None:
        return penetration, deepest
    index, step = _on_the_way(bone, points, axis)
    due = np.zeros(len(points), int)
    for number, moved in enumerate(travel):
        rows = np.flatnonzero(due == number)
        depth = _read(bone, index[:, rows] + moved * step)
        penetration[number] = max(0.0, float(depth.max(initial=0.0)))
        deepest[rows] = np.maximum(deepest[rows], depth)
        free_mm = np.where(depth > -_FARTHEST_MM, -depth - _NEAR_MM, 0.0)
        due[rows] = number + 1 + np.maximum(free_mm // (travel[1] - travel[0]), 0)
    return penetration, deepest


def depths(
    bone: Volume, points: NDArray[np.float64], direction: NDArray[np.float64], travel: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Yield, for each distance moved, the depth in bone (n,) of points (n, 3); none beyond the scan."""
    index, step = _on_the_way(bone, points, direction)
    for moved in travel:
        yield _read(bone, index + moved * step)


def _on_the_way(
    bone: Volume, points: NDArray[np.float64], direction: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the voxel indices (3, n) of points, and the step (3, 1) of a millimetre's move."""
    step = bone.to_index(direction) - bone.to_index(np.zeros(3))
    return bone.to_index(points).T, step[:, None]


def _read(bone: Volume, index: NDArray[np.float64]) -> NDArray[np.float64]:
    return ndimage.map_coordinates(bone.array, index, np.float64, order=1, cval=-_BEYOND_MM)


def closely_sampled(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the mesh with its large triangles divided, so that its vertices are dense enough to measure."""
    corners = np.asarray(mesh.vertices, float)[np.asarray(mesh.faces)]
    large = (np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2) > EDGE_MM).any(axis=1)
    if not large.any():
        return mesh
    divided, faces = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces[large], EDGE_MM, max_iter=12)
    return new_mesh(
        np.concatenate([mesh.vertices, divided]),
        np.concatenate([mesh.faces[~large], np.asarray(faces) + len(mesh.vertices)]),
    )
