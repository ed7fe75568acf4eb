"""Ambient light on a surface: the unobstructed fraction of the hemisphere above each vertex."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.mesh.rays import RayCaster

#: Approximate total number of rays that `ambient_light` casts; 0.6 s on one core.
_AMBIENT_RAYS = 2_000_000
#: Range of occlusion, mm: a wall of the skull shades a surface, the other side of the head does not.
_AMBIENT_REACH_MM = 45.0


def ambient_light(mesh: trimesh.Trimesh, *, scene: RayCaster | None = None) -> NDArray[np.float32]:
    """Return the fraction (n,) of diffuse light that reaches each vertex, 0 in a deep fold to 1 in the open.

    Cosine-weighted rays are cast from each vertex. All vertices use the same directions (a Fibonacci sphere
    on the tip of the normal), so that neighbours agree; the remaining noise is averaged over neighbours. The
    result is deterministic.

    Parameters
    ----------
    mesh : Trimesh
        LPS mm.
    scene : RayCaster, optional
        The mesh prepared for rays; default: made here.

    Returns
    -------
    (n,) array of float32
        One value per vertex.
    """
    scene = RayCaster(mesh) if scene is None else scene
    normals = np.asarray(mesh.vertex_normals, float)
    origins = np.asarray(mesh.vertices, float) + 0.15 * normals
    count = int(np.clip(_AMBIENT_RAYS // max(len(normals), 1), 8, 32))
    blocked = np.zeros(len(normals), np.float32)
    for point in _fibonacci_sphere(count):
        directions = normals + 0.999 * point
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        blocked += scene.blocked(origins, directions, reach_mm=_AMBIENT_REACH_MM)
    light = 1 - blocked / count
    return neighbour_mean(neighbour_mean(light, mesh.faces), mesh.faces)


def neighbour_mean(values: NDArray[np.floating], faces: ArrayLike) -> NDArray[np.float32]:
    """Return the mean (n,) of each vertex's value and its neighbours'."""
    corners = np.asarray(faces)
    face_sums = values[corners].sum(axis=1)
    total, count = values.astype(np.float64), np.ones(len(values))
    for column in corners.T:
        total += np.bincount(column, face_sums, minlength=len(values))
        count += 3 * np.bincount(column, minlength=len(values))
    return (total / count).astype(np.float32)


def _fibonacci_sphere(count: int) -> NDArray[np.float64]:
    """Return `count` evenly spread points (count, 3) on the unit sphere."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    turn = np.pi * (1 + 5**0.5) * index
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
