"""`find_outer_layer`: where a thin layer that is no bone lies outside the skull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import LOWEST_ELEVATION_SIN, direction_sphere, fill_from_neighbours, grow
from meshimplant.skull.bone_runs import BoneRuns

#: A layer is at most this thick along a ray, and the air between it and the skull this wide, mm. A dressing
#: is 0.5 to 2 mm thick.
_THICKEST_MM = 4.0
_GAP_MM = (0.5, 10.0)
#: Neighbouring rays, 2 mm apart, meet the same layer if its radius changes by less than this, mm.
_SLOPE_MM = 2.0
#: Layers are looked for above this elevation (sine); the face and the cheek bones lie below.
_LOWEST_SIN = -0.3
#: The smallest layer, mm2, and the smallest fraction of its outline along which the skull goes on beneath it.
#: The outer wall of a frontal sinus and an outer table over wide diploe pass into the skull all round.
#: Measured on 39 complete skulls and 20 with defects: a head holder, and sheets over four foreheads, end
#: free along 0.75 to 0.95 of their outline; 55 layers of bone from 2 cm2 upwards along 0.13 at most.
_LEAST_MM2, _FREE_FRACTION = 200.0, 0.35
#: A layer that touches the skull in many places also passes into it there; so many edges between rays, 1.3 mm
#: of outline each, are enough. Layers of bone have 70 at most.
_FREE_EDGES = 150
#: Rings of 2 mm around the opening whose outlines do not count: its wall may cut through hollow diploe.
_WALL_RINGS = 4
#: Holes in a layer, and places where it touches the skull, are bridged up to twice as many rings of 2 mm.
_RINGS = 6
#: Rings by which the skull is continued under them, and under the edge of an opening.
_FILL_RINGS = 24
#: Where a layer touches the skull, this much of it is left on the bone, whose surface is interpolated, mm.
_TOUCH_MM = 1.0
#: Elsewhere, the floor keeps this far from a surface that is known, mm.
_SPARE_MM = 0.5
#: A floor that no voxel of a head lies above, mm.
_NO_FLOOR_MM = 1000.0


@dataclass(frozen=True, eq=False)
class OuterLayer:
    """A thin layer outside the skull, along the directions of `direction_sphere`.

    Attributes
    ----------
    members : (n,) array of bool
        Directions that meet it.
    floor_mm : (n,) array
        Radius between skull and layer; everything beyond is removed. Very large where there is no layer.
    area_mm2 : float
        Its area.
    gap_mm : float
        Median width of the air between it and the skull.
    thickness_mm : float
        Its median thickness.
    place_mm : (3,) array
        A point of it, near its middle, LPS.
    """

    members: NDArray[np.bool_]
    floor_mm: NDArray[np.float64]
    area_mm2: float
    gap_mm: float
    thickness_mm: float
    place_mm: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Rays:
    """For each ray: the layer that may be foreign, the bone beneath it, and the outermost bone."""

    begin_mm: NDArray[np.float64]
    end_mm: NDArray[np.float64]
    beneath_mm: NDArray[np.float64]
    outer_mm: NDArray[np.float64]
    thin_mm: NDArray[np.float64]


def find_outer_layer(runs: BoneRuns, pose: HeadPose) -> OuterLayer | None:
    """Find the thin layers outside the skull that end free: a dressing, a strap, a sheet, a head holder.

    Along rays from the head's centre, a thin run of bone above a gap may be a layer. Neighbouring ones form a
    patch. A patch is foreign if, along its outline, the skull's surface goes on beneath it; where the outer
    surface goes on instead, it is the skull's own outer table. A foreign layer is followed across the
    opening, where nothing lies beneath it.

    Parameters
    ----------
    runs : BoneRuns
        The runs of bone along `direction_sphere`.
    pose : HeadPose
        The head's frame.

    Returns
    -------
    OuterLayer or None
        All such layers together; None without one.
    """
    directions, edges = direction_sphere()
    rays = _rays_of(runs, len(directions))
    over_bone = _foreign(rays, directions, edges)
    if not over_bone.any():
        return None
    members = _across_opening(rays, over_bone, directions, edges)
    floor = _floor(rays, over_bone, members)
    cell = 4 * np.pi / len(directions)
    middle = np.where(members, directions @ directions[members].mean(axis=0), -np.inf).argmax()
    gaps = (rays.begin_mm - rays.beneath_mm)[over_bone]
    layer_mm = np.where(over_bone, rays.begin_mm, rays.thin_mm)
    return OuterLayer(
        members=members,
        floor_mm=floor,
        area_mm2=float(cell * np.sum(layer_mm[members] ** 2)),
        gap_mm=float(np.median(gaps)),
        thickness_mm=float(np.median((rays.end_mm - rays.begin_mm)[over_bone])),
        place_mm=pose.centre_mm + layer_mm[middle] * (directions[middle] @ pose.axes),
    )


def _rays_of(runs: BoneRuns, count: int) -> _Rays:
    """Return the outermost pair of bone and thin layer of each ray, and its outermost bone."""
    begin, end, beneath, outer, thin = (np.full(count, np.nan) for _ in range(5))
    last = runs.is_last
    outer[runs.ray[last]] = runs.end_mm[last]
    gap = np.append(np.nan, runs.begin_mm[1:] - runs.end_mm[:-1])[: len(runs.ray)]
    is_thin = runs.thickness_mm <= _THICKEST_MM
    above = is_thin & ~runs.is_first & (gap >= _GAP_MM[0]) & (gap <= _GAP_MM[1])
    at = np.flatnonzero(above)  # the outermost of a ray comes last, and is the one that stays
    begin[runs.ray[at]], end[runs.ray[at]] = runs.begin_mm[at], runs.end_mm[at]
    beneath[runs.ray[at]] = runs.end_mm[at - 1]
    alone = is_thin & runs.is_first
    thin[runs.ray[alone]] = runs.begin_mm[alone]
    return _Rays(begin, end, beneath, outer, thin)


def _foreign(rays: _Rays, directions: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the rays (n,) whose thin layer belongs to a patch that ends free."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    candidate = np.isfinite(rays.begin_mm) & (directions[:, 2] > LOWEST_ELEVATION_SIN)
    with np.errstate(invalid="ignore"):
        step = np.abs(rays.begin_mm[edges[:, 0]] - rays.begin_mm[edges[:, 1]])
        joined = edges[candidate[edges].all(axis=1) & (step < _SLOPE_MM)]
    graph = coo_array((np.ones(len(joined), np.int8), tuple(joined.T)), shape=(len(candidate),) * 2)
    patch = connected_components(graph, directed=False)[1]
    patch[~candidate] = -1
    count = patch.max(initial=0) + 1
    judged = candidate & (directions[:, 2] > _LOWEST_SIN)
    cell_mm2 = 4 * np.pi / len(candidate) * rays.begin_mm[judged] ** 2
    area = np.bincount(patch[judged], cell_mm2, minlength=count)
    free, total = _outlines(rays, patch, edges[judged[edges].any(axis=1)], count)
    ends = (free > _FREE_FRACTION * total) | (free >= _FREE_EDGES)
    return np.asarray(candidate & ((area >= _LEAST_MM2) & ends)[patch])


def _outlines(
    rays: _Rays, patch: NDArray[np.int64], edges: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each patch, how many edges of its outline end free, and how many meet bone.

    Edges at the wall of the opening are left out.
    """
    both = np.concatenate([edges, edges[:, ::-1]])
    both = both[~grow(np.isnan(rays.outer_mm), _WALL_RINGS)[both[:, 1]]]
    inside, beside = both[(patch[both[:, 0]] >= 0) & (patch[both[:, 0]] != patch[both[:, 1]])].T
    with np.errstate(invalid="ignore"):
        beneath = np.abs(rays.outer_mm[beside] - rays.beneath_mm[inside])
        level = np.abs(rays.outer_mm[beside] - rays.end_mm[inside])
        free = beneath + _SPARE_MM < level
    known = np.isfinite(level)
    counted = patch[inside]
    return (
        np.bincount(counted[free], minlength=count).astype(float),
        np.bincount(counted[known], minlength=count).astype(float),
    )


def _across_opening(
    rays: _Rays,
    over_bone: NDArray[np.bool_],
    directions: NDArray[np.float64],
    edges: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return a layer with the rays of the opening that it crosses, where it is the only bone."""
    both = np.concatenate([edges, edges[:, ::-1]])
    begin = np.where(over_bone, rays.begin_mm, rays.thin_mm)
    alone = np.isfinite(rays.thin_mm) & ~over_bone & (directions[:, 2] > LOWEST_ELEVATION_SIN)
    both = both[alone[both[:, 1]]]
    here, there = both.T
    with np.errstate(invalid="ignore"):
        step = np.abs(begin[there] - begin[here])
        # At the layer's own edge the next ray meets thin bone, whose outer surface goes on beneath it.
        bare = over_bone[here] & (np.abs(rays.outer_mm[there] - rays.beneath_mm[here]) <= step)
        links = both[(step < _SLOPE_MM) & ~bare]
    members = over_bone.copy()
    while True:
        reached = links[members[links[:, 0]] & ~members[links[:, 1]], 1]
        if not len(reached):
            return members
        members[reached] = True


def _floor(rays: _Rays, over_bone: NDArray[np.bool_], members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the radius (n,) beyond which nothing belongs to the skull."""
    floor = np.full(len(members), np.nan)
    floor[members] = rays.thin_mm[members] - _SPARE_MM
    floor[over_bone] = ((rays.begin_mm + rays.beneath_mm) / 2)[over_bone]
    closed = ~grow(~grow(members, _RINGS), _RINGS)
    between = closed & ~members
    skull = fill_from_neighbours(rays.beneath_mm, ~over_bone, rings=_FILL_RINGS)
    floor[between] = skull[between] + _TOUCH_MM
    rim = members & ~over_bone & grow(between, 1)  # what hangs on the wall of the opening may be bone
    floor[rim] = np.fmax(floor[rim], skull[rim] + _TOUCH_MM)
    known = closed | members
    for _ in range(2):  # beyond its edge the layer may go on for less than the distance of the rays
        ring = grow(known, 1) & ~known
        floor[ring] = np.fmax(
            fill_from_neighbours(floor, ring, rings=2)[ring], rays.outer_mm[ring] + _SPARE_MM
        )
        known |= ring
    return np.where(known & np.isfinite(floor), floor, _NO_FLOOR_MM)
