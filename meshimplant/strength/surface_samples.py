"""`sample_surface`: points spread over a part's surface, each with the area that it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.mesh.convert import from_manifold
from meshimplant.mesh.cut_away import require_solid

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SurfaceSamples:
    """Points on a surface.

    Attributes
    ----------
    points_mm, normals : (n, 3) arrays
        Places, LPS mm, and outward unit normals of the mesh there.
    areas_mm2 : (n,) array
    faces : (n,) array of int
        The face of the mesh that each point lies on.
    """

    points_mm: Floats
    normals: Floats
    areas_mm2: Floats
    faces: NDArray[np.int64]

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> SurfaceSamples:
        """Return some of the points."""
        return SurfaceSamples(
            self.points_mm[which], self.normals[which], self.areas_mm2[which], self.faces[which]
        )


def sample_surface(part: trimesh.Trimesh, *, longest_mm: float = 1.0) -> SurfaceSamples:
    """Return the centres of a part's faces, those with long edges divided into four until they are short."""
    triangles = np.asarray(part.triangles, float)
    owner = np.arange(len(triangles))
    done: list[tuple[Floats, NDArray[np.int64]]] = []
    while len(triangles):
        longest = np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=2).max(axis=1)
        short = longest <= longest_mm
        done.append((triangles[short], owner[short]))
        triangles, owner = _quarters(triangles[~short]), np.repeat(owner[~short], 4)
    corners = np.concatenate([each for each, _ in done])
    faces = np.concatenate([each for _, each in done])
    normals = face_normals_and_areas(part)[0][faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    return SurfaceSamples(corners.mean(axis=1), normals, areas, faces)


def _quarters(triangles: Floats) -> Floats:
    """Return each triangle (m, 3, 3) as four (4 m, 3, 3), one after the other."""
    a, b, c = np.moveaxis(triangles, 1, 0)
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    quarters = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.stack([np.stack(quarter, axis=1) for quarter in quarters], axis=1).reshape(-1, 3, 3)


def refined(part: trimesh.Trimesh, *, longest_mm: float) -> trimesh.Trimesh:
    """Return a part with its long edges divided, its surface where it was; itself if it has none.

    Edges are about `longest_mm` long at most; those within a divided face up to half as long again.

    Raises
    ------
    MeshError
        A part with long edges is no solid.
    """
    corners = np.asarray(part.triangles, float)
    if (np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2) <= longest_mm).all():
        return part
    return from_manifold(require_solid(part).refine_to_length(longest_mm))


def thinned(points_mm: Floats, *, apart_mm: float) -> NDArray[np.int64]:
    """Return the index of one point (n, 3) in each cubic cell of `apart_mm`, in their order."""
    cells = np.floor((points_mm - points_mm.min(axis=0)) / apart_mm).astype(np.int64)
    return np.sort(np.unique(cells, axis=0, return_index=True)[1])
