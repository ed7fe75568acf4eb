"""`set_thickness`: give an implant's wall a thickness in millimetres (`measure_thickness` measures it)."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.edit.thickness_target import blend_at_border, fill_nearest, own_thickness, whole_map
from meshimplant.errors import InputError, require_type
from meshimplant.implant.regional_value import RegionalValue
from meshimplant.implant.surfaces import (
    INNER,
    OUTER,
    WALL,
    Surfaces,
    split_surfaces,
    wall_depth,
)
from meshimplant.implant.wall_thickness import WALL_RANGE_MM, across
from meshimplant.line.extract import extract
from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.crossings import find_crossings
from meshimplant.mesh.cut_away import body_count, cut_away, require_solid
from meshimplant.mesh.nearest import surface_tree
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.occupancy import dilated_box, occupancy
from meshimplant.voxels.volume import Volume

#: Grid spacing of the distance to the outer surface, mm: it is smooth enough to place the surface within
#: 0.005 mm.
_GRID_MM = 1.0
#: Where the wall is too thin it is first thickened by this much more than needed, mm; the exact cut removes
#: the surplus.
_SURPLUS_MM = 0.4
#: Rounds that spread the displacement over the border wall (2 mm on a mesh with 0.45 mm edges), attempts at a
#: displacement without folds, and the distance around a fold that is then kept fixed, mm.
_RELAXATIONS, _ATTEMPTS, _FOLD_MM = 20, 3, 1.0


def set_thickness(
    mesh: trimesh.Trimesh,
    target_mm: ArrayLike | RegionalValue | None = None,
    *,
    fraction: float | None = None,
    inside_mm: ArrayLike | None = None,
    feather_mm: float = 0.0,
) -> trimesh.Trimesh:
    """Set an implant's wall thickness; its outer surface and the remaining border do not move.

    The body is cut at the target distance from its outer surface. The cut is an offset surface, so nothing
    can fold over, and no part of the border moves closer to bone. Where the implant is thinner than the
    target, its inner surface is first moved inward.

    Parameters
    ----------
    mesh : Trimesh
        A closed implant, LPS mm.
    target_mm : float, (n,) array-like or RegionalValue, optional
        Thickness: one number, or one per vertex, of which those of the outer surface are used (nan: the
        nearest known value); or by region, see `place_regions`. `skull_thickness`, `feather` and `thicken_at`
        make such maps: ``0.5 * skull_thickness(mesh, skull)`` is half as thick as the bone.
    fraction : float, optional
        Instead of `target_mm`: a fraction of the implant's present local thickness, 0 to 2; at least 0.3 mm
        everywhere.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the implant's curvature.
    feather_mm : float
        Width of the zone along the border over which the thickness changes from the present one to the
        target. Default 0.

    Returns
    -------
    Trimesh
        A new mesh; the input is unchanged.

    Raises
    ------
    InputError
        Not exactly one of `target_mm` and `fraction`, a wrong length, or a thickness outside 0.3 to 30 mm.
    MeshError
        The mesh is not closed, or has no outer or inner surface.

    Notes
    -----
    Measured on caps of 4 to 10 mm (vertex, parietal, frontal, temporal): median error <= 0.02 mm, p5-p95 <=
    0.1 mm. A thickened implant may reach bone that it did not reach before: run `trim` afterwards.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    solid = require_solid(mesh)
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    if isinstance(target_mm, RegionalValue):
        target_mm = target_mm.at(mesh.vertices)
    target = _target(mesh, surfaces, target_mm, fraction, feather_mm)
    thick = _thickened(mesh, surfaces, target)
    sheet = np.asarray(mesh.faces)[surfaces.face_labels == OUTER]
    beyond = _beyond(thick, np.asarray(mesh.vertices), sheet, target)
    if beyond is None:
        return new_mesh(thick.vertices, thick.faces)
    solid = solid if thick is mesh else None
    return cut_away(thick, extract(beyond, level=0), bodies=body_count(mesh), solid=solid).mesh


def _target(
    mesh: trimesh.Trimesh,
    surfaces: Surfaces,
    target_mm: ArrayLike | None,
    fraction: float | None,
    feather_mm: float,
) -> NDArray[np.float64]:
    """Return the validated target thickness (n,) of every vertex."""
    if (target_mm is None) == (fraction is None):
        raise InputError(
            "expected either a thickness in millimetres or a fraction of the local one, got both or neither"
        )
    if fraction is not None and not 0 < fraction <= 2:
        raise InputError(f"expected a fraction of the local thickness between 0 and 2, got {fraction!r}")
    if fraction is None and feather_mm == 0:
        return whole_map(mesh, surfaces, np.asarray(target_mm, float))
    own = own_thickness(mesh, surfaces)
    target = (
        np.asarray(target_mm, float) if fraction is None else np.maximum(fraction * own, WALL_RANGE_MM[0])
    )
    return blend_at_border(mesh, surfaces, whole_map(mesh, surfaces, target), own, feather_mm)


def _thickened(mesh: trimesh.Trimesh, surfaces: Surfaces, target: NDArray[np.float64]) -> trimesh.Trimesh:
    """Return the mesh with its inner surface moved inward wherever it is thinner than the target."""
    vertices = np.asarray(mesh.vertices)
    inner, wall = surfaces.vertex_labels == INNER, surfaces.vertex_labels == WALL
    missing = target - across(mesh, surfaces)
    if not np.nanmax(np.where(inner, missing, np.nan), initial=-1.0) > 0:
        return mesh
    needed = np.zeros(len(vertices))
    needed[inner] = np.maximum(fill_nearest(vertices, missing, inner)[inner] + _SURPLUS_MM, 0)
    shift = needed.copy()
    if wall.any():
        share, nearest = wall_depth(vertices, surfaces)
        shift[wall] = share * needed[inner][nearest]
    free = inner | wall
    for _ in range(_ATTEMPTS):
        shift = _relaxed(shift, needed, free, np.asarray(mesh.faces))
        moving = shift > 0
        moved = vertices.copy()
        moved[moving] -= shift[moving, None] * surfaces.outward.at(vertices[moving])
        folded = _folds(moved, np.asarray(mesh.faces), moving)
        if not len(folded):
            break
        stuck = cKDTree(moved[folded]).query(moved, distance_upper_bound=_FOLD_MM)[0] <= _FOLD_MM
        free, needed[stuck], shift[stuck] = free & ~stuck, 0, 0
    return new_mesh(moved, np.asarray(mesh.faces))


def _relaxed(
    values: NDArray[np.float64], least: NDArray[np.float64], free: NDArray[np.bool_], faces: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Average the values of free vertices over their neighbours repeatedly, keeping them above a minimum."""
    corners = faces[free[faces].any(axis=1)]
    count = np.maximum(np.bincount(corners.ravel(), minlength=len(values)), 1)
    for _ in range(_RELAXATIONS):
        face_mean = values[corners].mean(axis=1)
        total = sum(np.bincount(corner, face_mean, minlength=len(values)) for corner in corners.T)
        values = np.where(free, np.maximum(total / count, least), values)
    return values


def _folds(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], moving: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the vertices of moved faces that cross each other."""
    moved = faces[moving[faces].any(axis=1)]
    return np.unique(moved[np.unique(find_crossings(new_mesh(vertices, moved)))])


def _beyond(
    mesh: trimesh.Trimesh,
    vertices: NDArray[np.float64],
    sheet: NDArray[np.int64],
    target: NDArray[np.float64],
) -> Volume | None:
    """Return a field, positive where a body is farther from the outer surface than the target; or None."""
    import igl

    grid = Grid.around(*np.asarray(mesh.bounds), spacing_mm=_GRID_MM, margin_voxels=3.3)
    near = dilated_box(occupancy(mesh, grid), 3)
    points = grid.to_mm(np.argwhere(near))
    used = np.unique(sheet)
    about, nearest = surface_tree(vertices[used]).query(points)
    value = about - target[used][nearest]
    close = np.abs(value) < 1.5 * _GRID_MM
    squared, face, foot = igl.point_mesh_squared_distance(points[close], vertices, sheet)[:3]
    value[close] = np.sqrt(squared) - _interpolated(vertices, target, sheet[face], foot)
    if not (value > 0).any():
        return None
    values = np.full(grid.shape, -1, np.float32)
    values[near] = value
    return Volume(values, grid.affine)


def _interpolated(
    vertices: NDArray[np.float64],
    values: NDArray[np.float64],
    faces: NDArray[np.int64],
    points: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return values (p,) at points (p, 3) on the given faces (p, 3), linear between their corners."""
    if np.ptp(values) == 0:
        return np.full(len(points), float(values[0]))
    import trimesh.triangles

    weights = trimesh.triangles.points_to_barycentric(vertices[faces], points)
    return (np.clip(weights, 0, 1) * values[faces]).sum(axis=1)
