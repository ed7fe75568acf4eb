"""Points that are picked on what is shown: a click becomes a place on a mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.mesh.rays import RayCaster
from meshimplant.mesh.vectors import unit_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]


def picked_point(
    meshes: Sequence[trimesh.Trimesh], origin_mm: Floats, direction: Floats
) -> tuple[Floats, Floats] | None:
    """Return the place (3,) where a ray first meets one of some meshes, and the normal (3,) there.

    The normal faces the side from which the ray comes. None where it meets nothing.
    """
    origin, way = np.asarray(origin_mm, float), unit_vectors(direction)
    best: tuple[float, trimesh.Trimesh, int] | None = None
    for mesh in meshes:
        distance_mm, face = RayCaster(mesh).first(origin[None], way[None])
        if face[0] >= 0 and (best is None or distance_mm[0] < best[0]):
            best = (float(distance_mm[0]), mesh, int(face[0]))
    if best is None:
        return None
    distance, mesh, index = best
    first, second, third = np.asarray(mesh.vertices, float)[np.asarray(mesh.faces)[index]]
    normal = unit_vectors(np.cross(second - first, third - first))
    return origin + distance * way, normal if normal @ way < 0 else -normal
