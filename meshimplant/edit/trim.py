"""`trim`: cut an implant back to a clearance from bone, and remove what lies over or under intact bone."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.edit.bevel import bevel, require_bevel
from meshimplant.errors import InputError, require_type
from meshimplant.head.direction_map import DirectionMap, Extent
from meshimplant.head.fill import fill_from_nearest
from meshimplant.implant.intact_bone import intact_bone
from meshimplant.implant.regional_value import Regional, RegionalValue, least_of, most_of, plus, values_at
from meshimplant.implant.site import Bone, Site
from meshimplant.implant.surfaces import outward_field
from meshimplant.line.extract import extract
from meshimplant.mesh.cut_away import Cut, cut_away, require_solid
from meshimplant.mesh.limits import LEAST_CUT_MM
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.fields import sample
from meshimplant.voxels.occupancy import dilated_box, occupancy
from meshimplant.voxels.volume import Volume

#: Largest permitted clearance, mm.
MAX_CLEARANCE_MM = 5.0
#: Bone farther than this outside the implant's bounding box is ignored, mm.
_MARGIN_MM = 8.0
#: Added to the clearance so that flat triangles across a concave wall keep it, too (measured on nine
#: craniectomies: no point is more than 0.05 mm closer than prescribed).
_CHORD_MM = 0.05
#: Every bone voxel's centre keeps the clearance plus this fraction of a voxel's edge: smoothing the distance
#: removes tips and thin layers of bone.
_CORE_VOXELS = 0.3
#: The remainder of a truncated column must be this thick, mm; otherwise the whole column is removed, because
#: thinner edges break in printing.
_EDGE_MM = 0.6
#: The intact surface ends about this far from the rim on the map, mm, because voxels round the rim.
_ROUNDING_MM = 0.15
#: Points farther than this from bone are neither over nor under it, nor in the remainder of a column, mm.
_BESIDE_MM = 8.0


def trim(
    mesh: trimesh.Trimesh,
    skull: Volume | Site,
    *,
    clearance_mm: Regional = 0.8,
    bevel_deg: Regional = 0.0,
    inside_mm: ArrayLike | None = None,
) -> trimesh.Trimesh:
    """Cut an implant back so that none of it is closer to bone than the clearance.

    The bone, expanded by the clearance, is subtracted as a solid. Where the implant reached the bone its
    border then runs parallel to the wall of the defect; the rest of its surface is unchanged. Material over
    the skull's intact outer surface or under its inner surface is removed as well, and so are edges thinner
    than 0.6 mm that the cut would leave.

    Parameters
    ----------
    mesh : Trimesh
        A closed implant, LPS mm, that meets the bone or overlaps it.
    skull : Volume or Site
        Mask of the defective skull on any grid, or the site; only the bone around the implant is read.
    clearance_mm : float or RegionalValue
        Distance to keep from the bone's surface, 0 to 5 mm. Default 0.8, see `ImplantSpec`. By region: see
        `place_regions`.
    bevel_deg : float or RegionalValue
        Least inward lean of the border from the outward direction, 0 to 45 degrees, see `bevel`. Default 0:
        parallel to the wall of the defect.
    inside_mm : (3,) array-like, optional
        A point (3,) inside the head, LPS mm. None: derived from the implant's curvature and the skull.

    Returns
    -------
    Trimesh
        A solid with as many bodies as the input; loose fragments are dropped (`trim_to_clearance` lists
        them).

    Raises
    ------
    MeshError
        The mesh is not closed, or nothing of it remains.

    Notes
    -----
    Measured at 0.8 mm on five SkullFix implants and four other craniectomies, expanded by a voxel: median gap
    0.85 mm, 95th percentile 0.94 to 1.09 mm, no point closer than 0.75 mm; 5 s.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    require_type(skull, (Volume, Site), "the skull")
    _require_clearance(clearance_mm)
    site = Site.around(skull, mesh, inside_mm=inside_mm, margin_mm=_MARGIN_MM)
    return trim_to_clearance(mesh, site, clearance_mm=clearance_mm, bevel_deg=bevel_deg).mesh


def _require_clearance(clearance_mm: Regional) -> None:
    """Raise `InputError` for a clearance outside its range."""
    for each in (least_of(clearance_mm), most_of(clearance_mm)):
        if not 0 <= each <= MAX_CLEARANCE_MM:
            raise InputError(
                f"expected a clearance of 0 to {MAX_CLEARANCE_MM:g} mm, got {each!r}: give millimetres"
            )


def trim_to_clearance(
    mesh: trimesh.Trimesh, site: Site, *, clearance_mm: Regional = 0.8, bevel_deg: Regional = 0.0
) -> Cut:
    """Trim as `trim` does, and return the mesh with the fragments that came loose and the volume removed."""
    _require_clearance(clearance_mm)
    require_bevel(bevel_deg)
    solid = require_solid(mesh)
    site = Site.around(site, mesh, margin_mm=_MARGIN_MM)
    forbidden = None if site.bone is None else _forbidden_field(mesh, site.bone, clearance_mm, site.inside_mm)
    if forbidden is None:
        cut = Cut(mesh.copy(), (), 0.0)
    else:
        cut = cut_away(mesh, extract(forbidden, level=0), solid=solid)
    if most_of(bevel_deg) == 0:
        return cut
    leaning = bevel(cut.mesh, bevel_deg, inside_mm=site.inside_mm)
    return Cut(leaning.mesh, cut.fragments + leaning.fragments, cut.removed_mm3 + leaning.removed_mm3)


def is_clear(mesh: trimesh.Trimesh, site: Site, *, clearance_mm: Regional) -> bool:
    """Return whether every vertex of a mesh keeps the clearance from bone within 0.05 mm."""
    bone = Site.around(site, mesh, margin_mm=most_of(clearance_mm) + 2).bone
    if bone is None:
        return True
    least = values_at(clearance_mm, mesh.vertices) - _CHORD_MM
    return bool((-sample(bone.distance, mesh.vertices, fill=-1e3) >= least).all())


def _forbidden_field(
    mesh: trimesh.Trimesh, near_bone: Bone, clearance_mm: Regional, centre: NDArray[np.float64]
) -> Volume | None:
    """Return a field that is positive where the implant must not be; None if the implant is nowhere there."""
    box, bone = near_bone.mask, near_bone.distance
    core = distance_outside(box.array != 0, box.spacing_mm)
    part = occupancy(mesh, box)
    around = dilated_box(part, 3)
    values = np.maximum(bone.array, _CORE_VOXELS * float(np.mean(box.spacing_mm)) - core) + _on_grid(
        plus(clearance_mm, _CHORD_MM), box, around
    )
    near = around & (values > -_BESIDE_MM)
    columns = np.full(box.shape, -1.0, np.float32)
    columns[near] = _column_field(mesh, bone, clearance_mm, centre, box.to_mm(np.argwhere(near)))
    reached = sample(box.with_array(values), mesh.vertices, fill=-1).max() > LEAST_CUT_MM
    if not reached and not (part & ((values > LEAST_CUT_MM) | (columns > 0.9 * _EDGE_MM))).any():
        return None
    field = box.with_array(np.where(near, np.maximum(values, columns), np.float32(-1)))
    return _vented(field, part, centre)


def _on_grid(value: Regional, grid: Volume, near: NDArray[np.bool_]) -> NDArray[np.float32] | np.float32:
    """Return a value on a grid where it is needed, the largest elsewhere; one number for a plain one."""
    if not isinstance(value, RegionalValue):
        return np.float32(value)
    values = np.full(grid.shape, value.most, np.float32)
    values[near] = value.at(grid.to_mm(np.argwhere(near)))
    return values


def _vented(field: Volume, part: NDArray[np.bool_], centre: NDArray[np.float64]) -> Volume:
    """Connect closed cavities, around loose bone within the part, to the inside of the head."""
    pieces, count = ndimage.label(field.array > 0)
    enclosed = np.setdiff1d(np.arange(1, count + 1), pieces[~part])
    if not len(enclosed):
        return field
    points = field.to_mm(np.argwhere(np.isin(pieces, enclosed)))
    step = float(field.spacing_mm.min()) / 2
    inward = (centre - points) / np.linalg.norm(centre - points, axis=1, keepdims=True) * step
    channel = np.zeros(part.shape, bool)
    while len(points):
        index = np.rint(field.to_index(points)).astype(int)
        within = ((index >= 0) & (index < part.shape)).all(axis=1)
        index, points, inward = index[within], points[within], inward[within]
        channel[tuple(index.T)] = True
        on = part[tuple(index.T)]
        points, inward = points[on] + inward[on], inward[on]
    return field.with_array(
        np.where(dilated_box(channel, 1), np.maximum(field.array, np.float32(step)), field.array)
    )


def _column_field(
    mesh: trimesh.Trimesh,
    bone: Volume,
    clearance_mm: Regional,
    centre: NDArray[np.float64],
    points: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return values (n,), positive at points (n, 3) over or under intact bone or in columns cut too thin."""
    view = DirectionMap.around_points(mesh.vertices, centre)
    part = view.extent(mesh)
    pixels, reach = view.place(points)
    clearance = values_at(clearance_mm, view.middle_points)
    field = view.read(_thin_remainder(view, bone, clearance, part), pixels.T)
    outwards = outward_field(mesh, centre)
    for side in (1, -1):
        surface, intact = intact_bone(view, bone, part, outwards, side=side)
        intact &= ndimage.binary_dilation(part.hit, iterations=4)
        if not intact.any():
            continue
        apart = _flat_distance(intact, view.spacing_mm) + (clearance + _ROUNDING_MM)
        level = view.read(fill_from_nearest(surface, intact), pixels.T)
        beyond = side * (reach - level)
        field = np.maximum(field, np.minimum(view.read(apart, pixels.T), beyond))
    return field


def _thin_remainder(
    view: DirectionMap, bone: Volume, clearance_mm: NDArray[np.float64], part: Extent
) -> NDArray[np.float64]:
    """Return a map, positive where the clearance leaves a column of the part thinner than `_EDGE_MM`."""
    step = 0.4
    known = part.hit
    rest = np.zeros(int(known.sum()))
    unit, low, high = view.directions[known], part.inner_mm[known], part.outer_mm[known]
    asked = clearance_mm[known]
    for radius in np.arange(low.min(), high.max() + step, step):
        inside = np.clip(np.minimum(high, radius + step / 2) - np.maximum(low, radius - step / 2), 0, step)
        there = np.flatnonzero(inside)
        distance = sample(bone, view.centre_mm + unit[there] * radius, fill=-1e3)
        rest[there] += inside[there] * np.clip(0.5 - (distance + asked[there]) / step, 0, 1)
    cut = np.zeros(view.shape, bool)
    cut[known] = high - low - rest > 0.05
    cut = ndimage.binary_dilation(cut, iterations=2)
    missing = np.zeros(view.shape)
    missing[known] = np.clip(_EDGE_MM - rest, -_EDGE_MM, _EDGE_MM)
    missing[known & ~cut] = -_EDGE_MM
    return fill_from_nearest(missing, known)


def _flat_distance(mask: NDArray[np.bool_], pixel_mm: float) -> NDArray[np.float64]:
    """Return the smoothed signed distance to the edge of a region on the map, mm, positive inside."""
    field = np.maximum(distance_inside(mask) - 0.5, 0) - np.maximum(distance_outside(mask) - 0.5, 0)
    return ndimage.gaussian_filter(field.astype(float), 1.0) * pixel_mm
