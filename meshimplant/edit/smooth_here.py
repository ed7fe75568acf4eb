"""`smooth_here`: smooth the outer surface of a part around a point."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import spsolve

from meshimplant.edit.around_point import falloff, moved_mesh, outer_foot
from meshimplant.errors import MeshError, require_type
from meshimplant.implant.surfaces import OUTER, split_surfaces
from meshimplant.spec.shape_edits import SmoothEdit

#: Largest weight of an edge: beyond it a sliver would decide alone.
_HEAVIEST = 50.0


def smooth_here(
    mesh: trimesh.Trimesh,
    point_mm: ArrayLike,
    *,
    radius_mm: float = 15.0,
    width_mm: float = 6.0,
    inside_mm: ArrayLike | None = None,
) -> trimesh.Trimesh:
    """Smooth the outer surface of a part around a point; its border and its inner surface do not move.

    The surface is replaced by one that bends as little as possible while it stays near (a bilaplacian, which
    keeps the curvature of a sphere), moved along the outward direction only. Towards the radius the change
    fades. Run `set_thickness` afterwards where the wall shall be even.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm.
    point_mm : (3,) array-like
        A point at most 10 mm off the outer surface, LPS mm.
    radius_mm : float
        Where the change ends, 3 to 80 mm.
    width_mm : float
        Bumps and dents of this width are halved, 1 to 20 mm; those half as wide go.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part's curvature.

    Returns
    -------
    Trimesh
        A new mesh; the input is unchanged.

    Raises
    ------
    InputError
        The point is too far off, or a number out of range.
    MeshError
        The mesh has no outer or inner surface, or would cross itself.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    SmoothEdit((0.0, 0.0, 0.0), radius_mm, width_mm)  # refuses numbers out of range
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    foot = outer_foot(mesh, surfaces, point_mm)
    vertices = np.asarray(mesh.vertices, float)
    weight = falloff(vertices, foot, radius_mm)
    free = (surfaces.vertex_labels == OUTER) & (weight > 0)
    if not free.any():
        raise MeshError(
            f"expected the outer surface within {radius_mm:g} mm of {np.round(foot, 1).tolist()}, got only "
            "its border: give a larger radius"
        )
    sheet = np.asarray(mesh.faces)[free[mesh.faces].any(axis=1)]
    used, local = np.unique(sheet, return_inverse=True)
    smoothed = _faired(vertices[used], local.reshape(-1, 3), free[used], width_mm)
    outward = surfaces.outward.at(vertices[used])
    shift = np.einsum("ij,ij->i", smoothed - vertices[used], outward) * weight[used] * free[used]
    moved = vertices.copy()
    moved[used] += shift[:, None] * outward
    return moved_mesh(mesh, moved)


def _faired(
    points: NDArray[np.float64], faces: NDArray[np.int64], free: NDArray[np.bool_], width_mm: float
) -> NDArray[np.float64]:
    """Return points (n, 3) of a sheet, the free ones moved so that it bends less."""
    import igl

    stiffness = csr_matrix(-igl.cotmatrix(points, faces))
    off = stiffness - diags(stiffness.diagonal())
    off.data = -np.clip(-off.data, 0, _HEAVIEST)
    stiffness = off - diags(np.asarray(off.sum(axis=1)).ravel())
    areas = np.asarray(igl.massmatrix(points, faces, igl.MASSMATRIX_TYPE_BARYCENTRIC).diagonal())
    mass = diags(np.maximum(areas, 1e-9))
    step = (width_mm / np.pi) ** 2
    bending = stiffness @ diags(1 / np.maximum(areas, 1e-9)) @ stiffness
    system = csr_matrix(mass + step**2 * bending)
    known = ~free
    right = (mass @ points)[free] - system[free][:, known] @ points[known]
    moved = points.copy()
    moved[free] = np.column_stack([spsolve(system[free][:, free].tocsc(), column) for column in right.T])
    return moved
