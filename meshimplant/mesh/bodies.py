"""The connected surfaces of a mesh: the volume of each, and which lie inside others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.topology import face_groups

#: Only this many of the largest surfaces are considered as enclosing another one.
_HOSTS = 5


@dataclass(frozen=True)
class Body:
    """One connected surface of a mesh.

    Attributes
    ----------
    rows : (f,) array of int
        Its rows among the faces of the mesh.
    triangles : (f, 3, 3) array
        The corners of its faces, LPS mm.
    volume_mm3 : float
        Enclosed volume, negative if it is wound inward.
    enclosed : bool
        Whether another surface encloses it.
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
    """Return the edge-connected surfaces as separate meshes, in the order of their first faces."""
    meshes = []
    for rows in _face_rows(mesh):
        used, renumbered = np.unique(np.asarray(mesh.faces)[rows], return_inverse=True)
        meshes.append(new_mesh(mesh.vertices[used], renumbered.reshape(-1, 3)))
    return meshes


def connected_bodies(mesh: trimesh.Trimesh) -> list[Body]:
    """Return the edge-connected surfaces, the largest enclosed volume first.

    A surface counts as enclosed when its bounding box lies within that of one of the largest surfaces, and
    the winding number of that surface at its first vertex is not 0.
    """
    if len(mesh.faces) == 0:
        return []
    triangles = np.asarray(mesh.vertices, np.float64)[mesh.faces]
    bodies = [Body(rows, triangles[rows], _enclosed_volume(triangles[rows])) for rows in _face_rows(mesh)]
    bodies.sort(key=lambda body: -abs(body.volume_mm3))
    done: list[Body] = []
    for body in bodies:
        done.append(replace(body, enclosed=any(_encloses(other, body) for other in done[:_HOSTS])))
    return done


def _face_rows(mesh: trimesh.Trimesh) -> list[NDArray[np.int64]]:
    """Return the rows of the faces of each edge-connected surface."""
    groups = face_groups(np.asarray(mesh.faces))
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


def _enclosed_volume(triangles: NDArray[np.float64]) -> float:
    a, b, c = np.moveaxis(triangles - triangles[0, 0], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _encloses(outer: Body, inner: Body) -> bool:
    """Return whether the inner box lies in the outer one, and its first vertex inside the outer surface."""
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
