"""`feather`, `thicken_at`: target thickness per vertex, tapered at the border, raised at fixation points."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.errors import InputError, MeshError, require_type
from meshimplant.implant.regional_value import smooth_step
from meshimplant.implant.surfaces import OUTER, WALL, Surfaces, split_surfaces
from meshimplant.implant.wall_thickness import WALL_RANGE_MM, across

Floats = NDArray[np.float64]

#: A fixation point farther than this from the outer surface does not belong to the part, mm.
REACH_MM = 10.0
#: Steepest rise of the inner surface towards a boss, mm per mm (23 degrees): beyond 35 degrees it would count
#: as border.
_STEEPEST = 0.43
#: Least number of vertices of the outer surface within a boss.
_FEWEST_VERTICES = 12


def feather(
    mesh: trimesh.Trimesh,
    target_mm: ArrayLike,
    *,
    width_mm: float,
    rim_mm: ArrayLike | None = None,
    inside_mm: ArrayLike | None = None,
) -> Floats:
    """Taper a target thickness smoothly towards the border.

    Parameters
    ----------
    mesh : Trimesh
        A closed implant, LPS mm.
    target_mm : float or (n,) array-like
        The thickness away from the border, mm: one number, or one per vertex, of which those of the outer
        surface are used (nan: the nearest known value).
    width_mm : float
        Width of the zone in which the thickness changes from `rim_mm` to the target; 0: no taper.
    rim_mm : float or (n,) array-like, optional
        The thickness at the border. None: the present one, so that the border is unchanged.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the implant's curvature.

    Returns
    -------
    ndarray
        The thickness (n,), for `set_thickness`.

    Raises
    ------
    InputError
        A negative width, a wrong length, or a thickness outside 0.3 to 30 mm.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    target = whole_map(mesh, surfaces, target_mm)
    rim = own_thickness(mesh, surfaces) if rim_mm is None else whole_map(mesh, surfaces, rim_mm)
    return blend_at_border(mesh, surfaces, target, rim, width_mm)


def thicken_at(
    mesh: trimesh.Trimesh,
    target_mm: ArrayLike,
    points_mm: ArrayLike,
    *,
    thickness_mm: float,
    radius_mm: float = 6.0,
    inside_mm: ArrayLike | None = None,
) -> Floats:
    """Raise a target thickness to bosses at fixation points, so that screws have enough material.

    Within the radius around the point of the outer surface nearest to each fixation point, the wall has the
    given thickness; from there it blends smoothly into the surrounding wall, nowhere steeper than 23 degrees.
    A wall that is already thicker is unchanged.

    Parameters
    ----------
    mesh : Trimesh
        A closed implant, LPS mm.
    target_mm : float or (n,) array-like
        The thickness elsewhere, mm: one number, or one per vertex, of which those of the outer surface are
        used (nan: the nearest known value).
    points_mm : (k, 3) array-like
        Fixation points (or one point), LPS mm, at most 10 mm off the outer surface.
    thickness_mm : float or (k,) array-like
        Thickness of the bosses.
    radius_mm : float
        Radius of their full thickness. Default 6.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the implant's curvature.

    Returns
    -------
    ndarray
        The thickness (n,), for `set_thickness`.

    Raises
    ------
    InputError
        A point is not finite or too far off, a radius not above 0, a target of a wrong length, or a thickness
        outside 0.3 to 30 mm.
    MeshError
        The triangles are too large to shape a boss of that radius.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    points = np.atleast_2d(np.asarray(points_mm, float))
    if points.ndim != 2 or points.shape[1] != 3 or not len(points) or not np.isfinite(points).all():
        raise InputError(f"expected fixation points (k, 3) of finite numbers, got shape {points.shape}")
    if not 0 < radius_mm < np.inf:
        raise InputError(f"expected a radius above 0 mm around fixation points, got {radius_mm!r}")
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    target = whole_map(mesh, surfaces, target_mm)
    raised = np.maximum(whole_map(mesh, surfaces, thickness_mm) - target, 0)
    feet = _feet(mesh, surfaces, points)
    away = cKDTree(feet).query(np.asarray(mesh.vertices))[0]
    outer = surfaces.vertex_labels == OUTER
    _require_fine(feet, np.asarray(mesh.vertices)[outer], radius_mm)
    width = 1.5 * float(raised.max()) / _STEEPEST
    return target + raised * smooth_step(1 - (away - radius_mm) / max(width, 1e-9))


def whole_map(mesh: trimesh.Trimesh, surfaces: Surfaces, values_mm: ArrayLike) -> Floats:
    """Return a validated thickness (n,) per vertex from one number or one per vertex, nan filled in."""
    vertices = np.asarray(mesh.vertices)
    thickness = np.asarray(values_mm, float)
    if thickness.ndim and thickness.shape != (len(vertices),):
        raise InputError(
            f"expected one thickness or one per vertex ({len(vertices)}), got shape {thickness.shape}"
        )
    outer = surfaces.vertex_labels == OUTER
    values = fill_nearest(vertices, np.broadcast_to(thickness, len(vertices)), outer)
    low, high = float(values.min()), float(values.max())
    if not (WALL_RANGE_MM[0] <= low and high <= WALL_RANGE_MM[1]):
        raise InputError(
            f"expected a thickness of {WALL_RANGE_MM[0]:g} to {WALL_RANGE_MM[1]:g} mm, "
            f"got {low:g} to {high:g} mm"
        )
    return values


def own_thickness(mesh: trimesh.Trimesh, surfaces: Surfaces) -> Floats:
    """Return the present thickness (n,): at each vertex that of the nearest point of the outer surface."""
    outer = surfaces.vertex_labels == OUTER
    return np.clip(fill_nearest(np.asarray(mesh.vertices), across(mesh, surfaces), outer), *WALL_RANGE_MM)


def blend_at_border(
    mesh: trimesh.Trimesh, surfaces: Surfaces, target: Floats, rim: Floats, width_mm: float
) -> Floats:
    """Blend two maps (n,): the rim's at the border, the target's from `width_mm` away from it."""
    if not 0 <= width_mm < np.inf:
        raise InputError(f"expected a feather width of 0 mm or more, got {width_mm!r}")
    wall = surfaces.vertex_labels == WALL
    if width_mm == 0 or not wall.any():
        return target
    vertices = np.asarray(mesh.vertices)
    share = smooth_step(cKDTree(vertices[wall]).query(vertices)[0] / width_mm)
    return share * target + (1 - share) * rim


def fill_nearest(vertices: Floats, values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return values (n,), where unknown or nan replaced by those of the nearest known vertex."""
    known = known & ~np.isnan(values)
    if not known.any():
        raise InputError("expected a thickness on the outer surface, got nan at all its vertices")
    filled = np.array(values, float)
    if (filled[known] == filled[known][0]).all():
        filled[:] = filled[known][0]
    elif not known.all():
        filled[~known] = filled[known][cKDTree(vertices[known]).query(vertices[~known])[1]]
    return filled


def _feet(mesh: trimesh.Trimesh, surfaces: Surfaces, points: Floats) -> Floats:
    """Return the points (k, 3) of the outer surface nearest to fixation points (k, 3)."""
    import igl

    sheet = np.asarray(mesh.faces)[surfaces.face_labels == OUTER]
    squared, _, feet = igl.point_mesh_squared_distance(points, np.asarray(mesh.vertices), sheet)[:3]
    worst = int(np.argmax(squared))
    off = float(np.sqrt(squared[worst]))
    if off > REACH_MM:
        raise InputError(
            f"expected fixation points within {REACH_MM:g} mm of the outer surface, got "
            f"{np.round(points[worst], 1).tolist()}, {off:.1f} mm off: check their frame and unit"
        )
    return np.atleast_2d(feet)


def _require_fine(feet: Floats, vertices: Floats, radius_mm: float) -> None:
    """Raise `MeshError` where too few vertices (m, 3) lie around a foot (k, 3) to shape its boss."""
    counts = cKDTree(vertices).query_ball_point(feet, radius_mm, return_length=True)
    fewest = int(np.argmin(counts))
    if counts[fewest] < _FEWEST_VERTICES:
        raise MeshError(
            f"expected at least {_FEWEST_VERTICES} vertices within {radius_mm:g} mm of each fixation point, "
            f"got {counts[fewest]} at {np.round(feet[fewest], 1).tolist()}: "
            "give a larger radius or a finer mesh"
        )
