"""`sweep`: move points along a straight path through a skull, and measure how deep in bone they get."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import trimesh.remesh
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.mesh.convert import new_mesh
from meshimplant.voxels.volume import Volume

#: Triangles with longer edges than this are sampled by more points than their corners, mm.
EDGE_MM = 2.0
#: Distance to bone assumed outside the scan, mm, and a bound beyond which values are interpolated with it.
_BEYOND_MM, _FARTHEST_MM = 1e3, 50.0
#: Depths are exact within this distance of bone, mm, including one step of the path and the field's error.
_NEAR_MM = 5.0


def sweep(
    bone: Volume | None, points: NDArray[np.float64], axis: NDArray[np.float64], travel: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the depth in bone at each travelled distance, and the greatest depth of each point (n,).

    A point far from bone is skipped until it can have reached it: its greatest depth is exact above -3 mm,
    and a lower bound below.
    """
    deepest = np.full(len(points), -np.inf)
    penetration = np.zeros(len(travel))
    if bone is None:
        return penetration, deepest
    index, step = _index_path(bone, points, axis)
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
    """Yield the depth in bone (n,) of points (n, 3) at each travelled distance; outside the scan is air."""
    index, step = _index_path(bone, points, direction)
    for moved in travel:
        yield _read(bone, index + moved * step)


def _index_path(
    bone: Volume, points: NDArray[np.float64], direction: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the voxel indices (3, n) of points, and the index step (3, 1) of one millimetre."""
    step = bone.to_index(direction) - bone.to_index(np.zeros(3))
    return bone.to_index(points).T, step[:, None]


def _read(bone: Volume, index: NDArray[np.float64]) -> NDArray[np.float64]:
    return ndimage.map_coordinates(bone.array, index, np.float64, order=1, cval=-_BEYOND_MM)


def closely_sampled(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return a mesh, for measuring only, with large triangles subdivided so that vertices are dense."""
    corners = np.asarray(mesh.vertices, float)[np.asarray(mesh.faces)]
    large = (np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2) > EDGE_MM).any(axis=1)
    if not large.any():
        return mesh
    divided, faces = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces[large], EDGE_MM, max_iter=12)
    return new_mesh(
        np.concatenate([mesh.vertices, divided]),
        np.concatenate([mesh.faces[~large], np.asarray(faces) + len(mesh.vertices)]),
    )
