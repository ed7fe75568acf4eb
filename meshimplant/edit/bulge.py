"""`bulge`: push or pull the outer surface of a part around a point."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike

from meshimplant.edit.around_point import Patch, moved_mesh, outer_foot
from meshimplant.errors import require_type
from meshimplant.implant.surfaces import split_surfaces
from meshimplant.spec.shape_edits import BulgeEdit


def bulge(
    mesh: trimesh.Trimesh,
    point_mm: ArrayLike,
    *,
    by_mm: float,
    radius_mm: float = 15.0,
    inside_mm: ArrayLike | None = None,
) -> trimesh.Trimesh:
    """Push or pull the outer surface of a part around a point; what lies under it moves along.

    All that is within the radius moves along the local outward direction: at the point by the whole amount,
    towards the radius smoothly less. Run `set_thickness` afterwards where the wall shall be even.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm.
    point_mm : (3,) array-like
        A point at most 10 mm off the outer surface, LPS mm.
    by_mm : float
        How far, outward; negative: inward. At most half of the radius, so that nothing folds.
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
        The mesh has no outer or inner surface, or would cross itself.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    BulgeEdit((0.0, 0.0, 0.0), by_mm, radius_mm)  # refuses numbers out of range
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    foot = outer_foot(mesh, surfaces, point_mm)
    patch = Patch.of(mesh, surfaces, foot, radius_mm=radius_mm)
    vertices = np.asarray(mesh.vertices, float)
    shift = by_mm * patch.weights(vertices)
    return moved_mesh(mesh, vertices + shift[:, None] * patch.axes[2])
