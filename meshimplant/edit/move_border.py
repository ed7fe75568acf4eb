"""`move_border`: move the border of a part at a point, towards the bone or away from it."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.edit.around_point import Patch, moved_mesh, point_of, require_near
from meshimplant.edit.border_edges import border_wall
from meshimplant.errors import MeshError, require_type
from meshimplant.implant.surfaces import OUTER, Surfaces, split_surfaces
from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.spec.shape_edits import BorderEdit

#: The direction is that of the border wall within this distance of the point, mm.
_WALL_MM = 5.0


def move_border(
    mesh: trimesh.Trimesh,
    point_mm: ArrayLike,
    *,
    by_mm: float,
    radius_mm: float = 15.0,
    inside_mm: ArrayLike | None = None,
) -> trimesh.Trimesh:
    """Move the border of a part at a point, along the outer surface.

    All that is within the radius moves across the border, along the curvature of the outer surface: at the
    point by the whole amount, towards the radius smoothly less. A border that was moved towards bone may
    reach it: run `trim` afterwards.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm.
    point_mm : (3,) array-like
        A point at most 10 mm off the outer edge of the border, LPS mm.
    by_mm : float
        How far outward from the part, towards the bone; negative: away from it. At most half of the radius.
    radius_mm : float
        Where the change ends, 3 to 80 mm.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part's curvature.

    Returns
    -------
    Trimesh
        A new mesh; the input is unchanged.

    Raises
    ------
    InputError
        The point is too far off, or the change too large for its radius.
    MeshError
        The mesh has no border between an outer and an inner surface, or would cross itself.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    BorderEdit((0.0, 0.0, 0.0), by_mm, radius_mm)  # refuses numbers out of range
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    foot, across = border_place(mesh, surfaces, point_of(point_mm))
    vertices = np.asarray(mesh.vertices, float)
    patch = Patch.of(mesh, surfaces, foot, radius_mm=radius_mm, across=across)
    local, weight = patch.local(vertices), patch.weights(vertices)
    shifted = local.copy()
    shifted[:, 0] += by_mm * weight
    shifted[:, 2] += patch.heights(shifted) - patch.heights(local)
    moved = np.where(weight[:, None] > 0, foot + shifted @ patch.axes, vertices)
    return moved_mesh(mesh, moved)


def border_place(
    mesh: trimesh.Trimesh, surfaces: Surfaces, point: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the place (3,) of the outer edge nearest to a point, and the direction (3,) across the border.

    Raises
    ------
    InputError
        The point is more than 10 mm away from the edge.
    MeshError
        There is no border.
    """
    faces, vertices = np.asarray(mesh.faces), np.asarray(mesh.vertices, float)
    wall = border_wall(mesh, surfaces)
    on_both = np.intersect1d(faces[wall], faces[surfaces.face_labels == OUTER])
    if not len(on_both):
        raise MeshError("expected a part with a border, got none between its outer and its inner surface")
    edge = vertices[on_both]
    away = np.linalg.norm(edge - point, axis=1)
    foot = edge[int(np.argmin(away))]
    require_near(point, float(away.min()), "the outer edge of the border")
    normals, areas = face_normals_and_areas(mesh)
    near = np.linalg.norm(np.asarray(mesh.triangles_center) - foot, axis=1) < _WALL_MM
    chosen = wall & near
    outward = surfaces.outward.at(foot[None])[0]
    mean = (normals[chosen] * areas[chosen, None]).sum(axis=0)
    across = mean - mean @ outward * outward
    size = float(np.linalg.norm(across))
    if size < 1e-9:
        raise MeshError(
            f"expected a border with one direction at {np.round(foot, 1).tolist()}, got none: "
            "choose another place"
        )
    return foot, across / size
