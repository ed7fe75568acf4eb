"""`border_to_curve`: let the border of a part follow a drawn closed curve."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.edit.around_point import moved_mesh
from meshimplant.edit.border_edges import border_wall
from meshimplant.edit.cut import beyond_curve
from meshimplant.errors import InputError, MeshError, require_type
from meshimplant.implant.surfaces import OUTER, Surfaces, split_surfaces
from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.crossings import find_crossings
from meshimplant.mesh.vectors import unit_vectors

#: Distance of the points that stand for the curve, mm.
_STEP_MM = 0.5
#: The border moves out by at most this, mm.
MOST_MM = 20.0
#: The direction across the border is that of so many faces of its wall.
_FACES = 30
#: Displacements are averaged over this distance along the border, mm. Where the surface would fold, as in the
#: corner of a notch, it is held within the second distance; so many attempts.
_SMOOTH_MM, _HELD_MM, _ATTEMPTS = 3.0, 8.0, 5
#: The curve may lie off the surface by this much of its distance from the border, and still shows its height.
_STEEPEST = 0.25
#: What moves with the border reaches this far into the part, mm, and at least so many times its own way.
_REACH_MM, _REACH_TIMES = 15.0, 2.5
_NEIGHBOURS = 8

Floats = NDArray[np.float64]


def border_to_curve(
    mesh: trimesh.Trimesh, curve_mm: ArrayLike, *, inside_mm: ArrayLike | None = None
) -> trimesh.Trimesh:
    """Let the outer edge of a part's border follow a closed curve.

    Where the curve lies beyond the border, the border moves out to it, and up or down with it; less where it
    would fold, as in the corner of a notch. What lies beyond the curve is then cut off. A border that was
    moved towards bone may reach it: run `trim` afterwards.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm.
    curve_mm : (n, 3) array-like
        Three or more points in order, on or near the outer surface as it shall be, LPS mm; the last is joined
        to the first.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part's curvature.

    Returns
    -------
    Trimesh
        A new mesh; the input is unchanged.

    Raises
    ------
    InputError
        The curve is none, crosses itself, encloses no area, or lies more than 20 mm beyond the border.
    MeshError
        The mesh has no border, would cross itself, or nothing of it is left.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    curve = np.asarray(curve_mm, float)
    if curve.ndim != 2 or curve.shape[1:] != (3,) or len(curve) < 3 or not np.isfinite(curve).all():
        raise InputError(f"expected a curve of three or more points (n, 3), got shape {curve.shape}")
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    edge, across = _edge(mesh, surfaces)
    wanted = _wanted(edge, across, surfaces, _dense(curve))
    moved = _pushed_out(mesh, surfaces, edge, wanted) if wanted.any() else mesh
    return beyond_curve(moved, curve).mesh


def _pushed_out(mesh: trimesh.Trimesh, surfaces: Surfaces, edge: Floats, wanted: Floats) -> trimesh.Trimesh:
    """Return a mesh whose edge (n, 3) moves as wanted (n, 3), and less around places where it would fold."""
    vertices, faces = np.asarray(mesh.vertices, float), np.asarray(mesh.faces)
    moves = _moved(mesh, surfaces, edge, _averaged(edge, wanted)) - vertices
    for _ in range(_ATTEMPTS):
        moving = faces[moves.any(axis=1)[faces].any(axis=1)]
        crossing = np.unique(find_crossings(new_mesh(vertices + moves, moving)))
        if not len(crossing):
            break
        away = cKDTree(vertices[np.unique(moving[crossing])]).query(vertices)[0]
        share = np.clip(away / _HELD_MM, 0, 1)
        moves *= (share * share * (3 - 2 * share))[:, None]
    return moved_mesh(mesh, vertices + moves)


def _averaged(edge: Floats, wanted: Floats) -> Floats:
    """Return vectors (n, 3) at places (n, 3), each averaged over those beside it."""
    groups = cKDTree(edge).query_ball_point(edge, _SMOOTH_MM)
    return np.array([wanted[group].mean(axis=0) for group in groups])


def _dense(curve: Floats) -> Floats:
    """Return points (m, 3) along a closed curve, half a millimetre apart."""
    arms = np.roll(curve, -1, axis=0) - curve
    counts = np.maximum(np.ceil(np.linalg.norm(arms, axis=1) / _STEP_MM), 1).astype(int)
    owner = np.repeat(np.arange(len(curve)), counts)
    share = (np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[owner]
    return np.asarray(curve[owner] + share[:, None] * arms[owner])


def _edge(mesh: trimesh.Trimesh, surfaces: Surfaces) -> tuple[Floats, Floats]:
    """Return the vertices (n, 3) of the outer edge, and the directions (n, 3) across the border there."""
    faces, vertices = np.asarray(mesh.faces), np.asarray(mesh.vertices, float)
    wall = border_wall(mesh, surfaces)
    on_edge = np.intersect1d(faces[wall], faces[surfaces.face_labels == OUTER])
    if not len(on_edge):
        raise MeshError("expected a part with a border, got none between its outer and its inner surface")
    edge = vertices[on_edge]
    normals, areas = face_normals_and_areas(mesh)
    count = min(_FACES, int(wall.sum()))
    near = cKDTree(np.asarray(mesh.triangles_center)[wall]).query(edge, k=np.arange(1, count + 1))[1]
    mean = (normals[wall] * areas[wall, None])[near].sum(axis=1)
    outward = surfaces.outward.at(edge)
    return edge, unit_vectors(mean - np.einsum("ij,ij->i", mean, outward)[:, None] * outward)


def _wanted(edge: Floats, across: Floats, surfaces: Surfaces, curve: Floats) -> Floats:
    """Return how far the places (n, 3) of the edge move out to reach the curve; 0 where it lies inside."""
    wanted = curve[cKDTree(curve).query(edge)[1]] - edge
    outward = surfaces.outward.at(edge)
    rise = np.einsum("ij,ij->i", wanted, outward)[:, None]
    flat = wanted - rise * outward
    most = _STEEPEST * np.linalg.norm(flat, axis=1)[:, None]
    wanted = flat + np.clip(rise, -most, most) * outward
    wanted[np.einsum("ij,ij->i", wanted, across) <= 0] = 0
    far = np.linalg.norm(wanted, axis=1)
    if far.max() > MOST_MM:
        place = np.round(edge[int(np.argmax(far))], 1).tolist()
        raise InputError(
            f"expected a curve at most {MOST_MM:g} mm beyond the border, got one {far.max():.1f} mm away "
            f"from {place}: draw it nearer"
        )
    return wanted


def _moved(mesh: trimesh.Trimesh, surfaces: Surfaces, edge: Floats, shift: Floats) -> Floats:
    """Return the vertices (n, 3) after the border has moved, and with it what lies behind it."""
    vertices = np.asarray(mesh.vertices, float)
    count = min(_NEIGHBOURS, len(edge))
    away, near = cKDTree(edge).query(vertices, k=np.arange(1, count + 1))
    share = 1 / (away + 0.5) ** 2
    own = (shift[near] * share[..., None]).sum(axis=1) / share.sum(axis=1, keepdims=True)
    outward = surfaces.outward.at(edge)[near[:, 0]]
    arm = vertices - edge[near[:, 0]]
    beside = np.linalg.norm(arm - np.einsum("ij,ij->i", arm, outward)[:, None] * outward, axis=1)
    reach = max(_REACH_MM, _REACH_TIMES * float(np.linalg.norm(shift, axis=1).max()))
    own *= np.clip(1 - (beside / reach) ** 2, 0, None)[:, None] ** 3
    return np.asarray(vertices + own)
