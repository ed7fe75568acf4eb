"""The connected surfaces of a mesh: what each encloses, and which lie inside others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.topology import face_groups

#: Surfaces, the largest first, among which the one that encloses another is looked for.
_HOSTS = 5


@dataclass(frozen=True)
class Body:
    """One connected surface: its faces' rows (f,) and corners (f, 3, 3), its volume, and whether another
    encloses it.
    """

    rows: NDArray[np.int64]
    triangles: NDArray[np.float64]
    volume_mm3: float
    enclosed: bool = False

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """Mean of the corners, LPS mm."""
        return np.asarray(self.triangles.mean(axis=(0, 1)))


def connected_meshes(mesh: trimesh.Trimesh) -> list[trimesh.Trimesh]:
    """Return the edge-connected surfaces as meshes of their own, in the order of their first faces."""
    meshes = []
    for rows in _face_rows(mesh):
        used, renumbered = np.unique(np.asarray(mesh.faces)[rows], return_inverse=True)
        meshes.append(new_mesh(mesh.vertices[used], renumbered.reshape(-1, 3)))
    return meshes


def connected_bodies(mesh: trimesh.Trimesh) -> list[Body]:
    """Return the edge-connected surfaces, the largest enclosed volume first.

    A surface counts as enclosed when its box lies within that of one of the largest and the winding number of
    that one at its first vertex is not 0.
    """
    if len(mesh.faces) == 0:
        return []
    triangles = np.asarray(mesh.vertices, np.float64)[mesh.faces]
    parts = [Body(part, triangles[part], _enclosed_volume(triangles[part])) for part in _face_rows(mesh)]
    parts.sort(key=lambda part: -abs(part.volume_mm3))
    judged: list[Body] = []
    for part in parts:
        enclosed = any(_encloses(other, part) for other in judged[:_HOSTS])
        judged.append(replace(part, enclosed=enclosed))
    return judged


def _face_rows(mesh: trimesh.Trimesh) -> list[NDArray[np.int64]]:
    """Return the rows of the faces of each edge-connected surface."""
    groups = face_groups(np.asarray(mesh.faces))
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


def _enclosed_volume(triangles: NDArray[np.float64]) -> float:
    a, b, c = np.moveaxis(triangles - triangles[0, 0], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _encloses(outer: Body, inner: Body) -> bool:
    """Tell whether a vertex of one surface, whose box lies inside the other's, has a winding number there."""
    low, high = outer.triangles.min(axis=(0, 1)), outer.triangles.max(axis=(0, 1))
    if (inner.triangles.min(axis=(0, 1)) <= low).any() or (inner.triangles.max(axis=(0, 1)) >= high).any():
        return False
    a, b, c = np.moveaxis(outer.triangles - inner.triangles[0, 0], 1, 0)
    la, lb, lc = (np.linalg.norm(side, axis=1) for side in (a, b, c))
    dot = lambda p, q: np.einsum("ij,ij->i", p, q)  # noqa: E731
    solid_angle = 2 * np.arctan2(
        dot(a, np.cross(b, c)), la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb
    )
    return bool(abs(solid_angle.sum()) > 2 * np.pi)
