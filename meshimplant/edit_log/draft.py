"""`draft_of`: what an edit will look like, coarse and unchecked, in about a second."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.design.design import Design
from meshimplant.design.shape_steps import changed_shape
from meshimplant.edit.around_point import Patch, outer_foot
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import INNER, WALL, Surfaces, split_surfaces, wall_depth
from meshimplant.mesh.convert import new_mesh
from meshimplant.spec.edits import SET, Edit
from meshimplant.spec.shape_edits import ThickenEdit


def draft_of(design: Design, edit: Edit) -> trimesh.Trimesh:
    """Return the finished part of a design with an edit made on it, without the steps that follow.

    Bulge, border, cut and smoothing act on the finished part; a thickness moves its inner surface. The other
    edits return the part as it is: they have no coarse answer.

    Parameters
    ----------
    design : Design
        The state before.
    edit : Edit
        What shall be done.

    Returns
    -------
    Trimesh
        Neither trimmed nor repaired nor checked; only to be looked at.

    Raises
    ------
    InputError, MeshError
        The edit cannot be made.
    """
    mesh = design.implant
    if edit.verb == ThickenEdit.TABLE:
        surfaces = split_surfaces(mesh, inside_mm=design.inside_mm)
        change = ThickenEdit(**edit.parameters)
        foot = outer_foot(mesh, surfaces, change.point_mm)
        patch = Patch.of(mesh, surfaces, foot, radius_mm=change.radius_mm)
        return _thicker(mesh, surfaces, change.by_mm * patch.weights(np.asarray(mesh.vertices, float)))
    if edit.verb == SET:
        by_mm = edit.parameters.get("thickness_mm", design.spec.thickness_mm) - design.spec.thickness_mm
        if by_mm == 0:
            return mesh
        return _thicker(
            mesh, split_surfaces(mesh, inside_mm=design.inside_mm), np.full(len(mesh.vertices), by_mm)
        )
    return changed_shape(mesh, Site(design.inside_mm, None), edit)


def _thicker(mesh: trimesh.Trimesh, surfaces: Surfaces, by_mm: NDArray[np.float64]) -> trimesh.Trimesh:
    """Return a mesh whose inner surface is moved inward by (n,), and its wall with it."""
    vertices = np.asarray(mesh.vertices, float)
    inner, wall = surfaces.vertex_labels == INNER, surfaces.vertex_labels == WALL
    shift = np.where(inner, by_mm, 0.0)
    if wall.any():
        share, nearest = wall_depth(vertices, surfaces)
        shift[wall] = share * by_mm[inner][nearest]
    return new_mesh(vertices - shift[:, None] * surfaces.outward.at(vertices), mesh.faces)
