"""Normals, areas, volume and neighbouring faces of a mesh, as plain arrays."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.mesh.vectors import unit_vectors


def face_normals_and_areas(mesh: trimesh.Trimesh) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the unit normals (m, 3) and areas (m,), mm2, of the faces; a face without area has normal 0."""
    a, b, c = np.asarray(mesh.vertices, float)[np.asarray(mesh.faces)].transpose(1, 0, 2)
    cross = np.cross(b - a, c - a)
    double = np.linalg.norm(cross, axis=1)
    return cross / np.maximum(double, 1e-30)[:, None], double / 2


def enclosed_mm3(mesh: trimesh.Trimesh) -> float:
    """Return the volume that a closed mesh encloses, mm3; negative if it is wound inward.

    It takes a fifth of the time of `trimesh.Trimesh.volume`, which computes all moments of the mass.
    """
    vertices = np.asarray(mesh.vertices, float)
    a, b, c = (vertices - vertices.mean(axis=0))[np.asarray(mesh.faces)].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def vertex_normals(mesh: trimesh.Trimesh, *, faces: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Return area-weighted unit normals (n, 3) of the vertices, from all faces or those selected (m,)."""
    normals, areas = face_normals_and_areas(mesh)
    if faces is not None:
        areas = areas * faces
    return unit_vectors(_spread(np.asarray(mesh.faces), normals * areas[:, None], len(mesh.vertices)))


def vertex_areas(mesh: trimesh.Trimesh, *, faces: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Return a third of the area of each vertex's faces (n,), mm2; of all faces or those selected (m,)."""
    areas = face_normals_and_areas(mesh)[1]
    if faces is not None:
        areas = areas * faces
    return _spread(np.asarray(mesh.faces), areas[:, None], len(mesh.vertices))[:, 0] / 3


def weighted_percentiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], percents: ArrayLike
) -> NDArray[np.float64]:
    """Return percentiles of values (n,) with weights (n,), such as the area around each vertex."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order]) - weights[order] / 2
    return np.interp(np.asarray(percents, float) / 100 * weights.sum(), total, values[order])


def _spread(faces: NDArray[np.int64], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the sums (n, c), at each vertex, of the values (m, c) of its faces."""
    columns = [sum(np.bincount(corner, column, minlength=count) for corner in faces.T) for column in values.T]
    return np.stack(columns, axis=1)


def face_pairs(faces: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs (e,), (e,) of faces that share an edge; several for an edge with more than two faces."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    key = edges[:, 0].astype(np.int64) * (int(faces.max()) + 1) + edges[:, 1]
    order = np.argsort(key, kind="stable")
    same = key[order[:-1]] == key[order[1:]]
    return order[:-1][same] // 3, order[1:][same] // 3
