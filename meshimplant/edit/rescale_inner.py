"""`rescale_inner`: scale the inner surface's coordinates about a centre, as omega(l1 x, l2 y, l3 z) = 0."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.errors import InputError, MeshError, require_type
from meshimplant.implant.surfaces import INNER, OUTER, WALL, Surfaces, split_surfaces, wall_depth
from meshimplant.implant.wall_thickness import WALL_RANGE_MM
from meshimplant.mesh.convert import new_mesh

#: Fraction of the inner surface's area that may flip (triangles squeezed beside the border).
_FLIPPED_FRACTION = 1e-3


def rescale_inner(
    mesh: trimesh.Trimesh, factors: ArrayLike, *, centre_mm: ArrayLike, inside_mm: ArrayLike | None = None
) -> trimesh.Trimesh:
    """Scale the inner surface's coordinates by (l1, l2, l3) about a centre; the outer surface is unchanged.

    This is the form omega(l1 x, l2 y, l3 z) = 0: a point p of the inner surface moves to ``centre + l * (p -
    centre)``, so that a factor above 1 moves it away from the centre and thins the implant. Vertices of the
    border wall move in proportion to their depth.

    Parameters
    ----------
    mesh : Trimesh
        A closed implant, LPS mm.
    factors : (3,) array-like
        Factors along the patient's x, y and z, each above 0.
    centre_mm : (3,) array-like
        The fixed point, LPS mm. There is no default: 1.02 on a 6 mm shell gives 4.35 mm about the skull's
        centre, 5.76 mm about the implant's centroid, and an inside-out mesh about a point 300 mm away.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the implant's curvature.

    Returns
    -------
    Trimesh
        A new mesh; the input is unchanged.

    Raises
    ------
    InputError
        Factors or centre are not three finite numbers, or a factor is not above 0.
    MeshError
        The wall would become thinner than 0.3 mm or turn inside out; the message gives the place.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    factors, centre = np.asarray(factors, float), np.asarray(centre_mm, float)
    if (
        factors.shape != (3,)
        or centre.shape != (3,)
        or not np.isfinite([*factors, *centre]).all()
        or factors.min() <= 0
    ):
        raise InputError(
            "expected three factors above 0 and a centre of three numbers, got "
            f"{factors.tolist()} and {centre.tolist()}"
        )
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    vertices = np.asarray(mesh.vertices)
    inner, wall = surfaces.vertex_labels == INNER, surfaces.vertex_labels == WALL
    share = inner.astype(float)
    if wall.any():
        share[wall] = wall_depth(vertices, surfaces)[0]
    moved = vertices + share[:, None] * (factors - 1) * (vertices - centre)
    _require_valid(mesh, moved, surfaces)
    return new_mesh(moved, np.asarray(mesh.faces))


def _require_valid(mesh: trimesh.Trimesh, moved: NDArray[np.float64], surfaces: Surfaces) -> None:
    """Raise `MeshError` where the moved inner surface is too close to the outer one or flips."""
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    inner = np.flatnonzero(surfaces.vertex_labels == INNER)
    outer = np.flatnonzero(surfaces.vertex_labels == OUTER)
    nearest = outer[cKDTree(vertices[outer]).query(moved[inner])[1]]
    depth = np.einsum("ij,ij->i", vertices[nearest] - moved[inner], surfaces.outward.at(vertices[nearest]))
    worst = int(np.argmin(depth))
    if depth[worst] < WALL_RANGE_MM[0]:
        raise MeshError(
            f"expected a wall of at least {WALL_RANGE_MM[0]:g} mm after scaling, got {depth[worst]:.2f} mm "
            f"at {np.round(vertices[inner[worst]], 1).tolist()}: use factors nearer to 1, another centre, or "
            "set_thickness"
        )
    sheet = faces[surfaces.face_labels == INNER]
    before, after = _crosses(vertices, sheet), _crosses(moved, sheet)
    flipped = np.einsum("ij,ij->i", before, after) <= 0
    area = np.linalg.norm(before, axis=1)
    if area[flipped].sum() > _FLIPPED_FRACTION * area.sum():
        place = vertices[sheet[flipped]].mean(axis=1)[np.argmax(area[flipped])]
        raise MeshError(
            "expected an inner surface that does not flip, got one that does at "
            f"{np.round(place, 1).tolist()}: use factors nearer to 1, or set_thickness"
        )


def _crosses(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return np.cross(b - a, c - a)
