"""`LipLine`: the places of a part's border at which an onlay lip begins, and how far it reaches there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from meshimplant.implant.find_free_border import OPPOSITE_MM
from meshimplant.mesh.rays import RayCaster
from meshimplant.theatre.bone_beside import measure_columns
from meshimplant.theatre.border_line import BorderLine
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.volume import Volume

Floats = NDArray[np.float64]

#: Depths below the part's outer surface at which the gap is measured, mm; the first that finds bone counts.
_GAP_DEPTHS_MM = (1.0, 1.5, 0.6)
#: The gap and the lean are medians over, and then averaged over, so much of the border, mm.
_MEDIAN_MM, _MEAN_MM = 11.0, 5.0
#: Share of the bone under the lip that must be there at a place. No source: our choice.
_LEAST_BONE = 0.7
#: Bone may be missing over this much of the border; a lip shorter than the second is none, mm. No source: our
#: choice.
_BRIDGED_MM, SHORTEST_LIP_MM = 6.0, 10.0
#: The wall is measured this far inside the border, at these shares of its thickness.
_INSIDE_MM, _SHARES = 4.0, (0.25, 0.75)


@dataclass(frozen=True, eq=False)
class LipLine:
    """The places of a border, with what a lip needs to know of them.

    Attributes
    ----------
    border : BorderLine
        The n places.
    gap_mm : (n,) array
        How far beyond the border bone begins, at its outer surface.
    lean : (n,) array
        How far the border wall recedes inward per millimetre of depth, -1 to 1; negative where it widens.
    carries : (n,) array of bool
        Where bone lies under the lip.
    """

    border: BorderLine
    gap_mm: Floats
    lean: Floats
    carries: NDArray[np.bool_]

    def where_bone_lies(self, share: Floats) -> LipLine:
        """Return the line, carrying a lip only where enough bone, a share (n,) of it, lies under it.

        Short interruptions are bridged, unless the border is free there; short rests are left out.
        """
        carries = _regular(self.carries & (share >= _LEAST_BONE), self.carries, self.border.step_mm)
        return replace(self, carries=carries)

    def without(self, places: NDArray[np.int64]) -> LipLine:
        """Return the line without a lip at some of its places (k,)."""
        carries = self.carries.copy()
        carries[places] = False
        return replace(self, carries=_without_short(carries, self.border.step_mm))

    def at(self, place: Floats, values: Floats) -> Floats:
        """Return values (n,) of the places at places with fractions (...)."""
        return np.asarray(np.interp(place, np.arange(len(values)), values, period=len(values)))

    def end_distance_mm(self) -> Floats:
        """Return how far along the border each place (n,) lies from an end of the lip, negative beside it.

        Infinite for a whole ring.
        """
        if self.carries.all():
            return np.full(len(self.carries), np.inf)
        count = len(self.carries)
        row = np.tile(self.carries, 3)[None]
        steps = (distance_inside(row) - distance_outside(row))[0, count : 2 * count]
        return np.asarray(steps * self.border.step_mm, np.float64)


def measured_lip_line(border: BorderLine, mesh: trimesh.Trimesh, bone: Volume) -> LipLine:
    """Return the line of a part, given the signed distance to the bone, mm, positive inside."""
    lean = _evened(_leans(border, RayCaster(mesh)), border.step_mm)
    gap = _gaps(border, bone, lean)
    carries = _filled(~border.free, _BRIDGED_MM, border.step_mm)
    return LipLine(border, np.maximum(_evened(gap, border.step_mm), 0.0), lean, carries)


def _gaps(border: BorderLine, bone: Volume, lean: Floats) -> Floats:
    """Return how far beyond each place bone begins; nan where it does not.

    It is measured below the edge, which voxels round, and the bone leans as the border does.
    """
    gap = np.full(len(border.points_mm), np.nan)
    for depth in _GAP_DEPTHS_MM:
        due = np.flatnonzero(np.isnan(gap))
        start = border.points_mm[due] - depth * border.outward[due]
        found = measure_columns(bone, start, border.across[due], reach_mm=OPPOSITE_MM).start_mm
        gap[due] = found + depth * lean[due]
    return gap


def _leans(border: BorderLine, rays: RayCaster) -> Floats:
    """Return how far the wall recedes per millimetre of depth; nan where it cannot be measured."""
    inside = border.points_mm - _INSIDE_MM * border.across
    above = inside + 2.0 * border.outward
    enter = rays.first(above, -border.outward)[0]
    top = above - (enter + 0.05)[:, None] * border.outward
    top[np.isnan(enter)] = inside[np.isnan(enter)]
    wall = rays.first(top, -border.outward)[0]
    known = np.nan_to_num(wall, nan=1.0)
    reach = [
        rays.first(top - (share * known)[:, None] * border.outward, border.across)[0] for share in _SHARES
    ]
    lean = (reach[0] - reach[1]) / (np.diff(_SHARES)[0] * known)
    return np.where(np.isnan(wall + enter), np.nan, np.clip(lean, -1.0, 1.0))


def _evened(values: Floats, step_mm: float) -> Floats:
    """Return values (n,) along a closed line without outliers and gaps, smoothed."""
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros(len(values))
    places = np.arange(len(values))
    filled = np.interp(places, places[known], values[known], period=len(values))
    size = max(3, int(_MEDIAN_MM / step_mm) | 1)
    median = ndimage.median_filter(filled, size, mode="wrap")
    return np.asarray(ndimage.gaussian_filter1d(median, _MEAN_MM / step_mm, mode="wrap"))


def _regular(carries: NDArray[np.bool_], may: NDArray[np.bool_], step_mm: float) -> NDArray[np.bool_]:
    """Return places with short interruptions bridged, unless the border is free there, and no short rests."""
    bridged = _filled(carries, _BRIDGED_MM, step_mm) & (may | carries)
    return _without_short(bridged, step_mm)


def _without_short(carries: NDArray[np.bool_], step_mm: float) -> NDArray[np.bool_]:
    """Return places without runs that are shorter than the shortest lip."""
    return ~_filled(~carries, SHORTEST_LIP_MM, step_mm)


def _filled(chosen: NDArray[np.bool_], length_mm: float, step_mm: float) -> NDArray[np.bool_]:
    """Return a closed row of places with runs of unchosen ones shorter than a length chosen, too."""
    if chosen.all() or not chosen.any():
        return chosen
    start = int(np.argmax(chosen))
    turned = np.roll(chosen, -start)
    labels, count = ndimage.label(~turned)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * step_mm
    short = (labels > 0) & (sizes[labels] < length_mm)
    return np.roll(turned | short, start)


def nearest_place(border: BorderLine, points_mm: Floats) -> tuple[Floats, Floats]:
    """Return the distance (n,) of points (n, 3) from a border's line, and the places (n,) nearest to them."""
    closed = np.concatenate([border.points_mm, border.points_mm[:1]])
    shares = np.arange(0.0, len(border.points_mm) - 0.01, 0.05)
    index = shares.astype(int)
    part = (shares - index)[:, None]
    dense = closed[index] * (1 - part) + closed[index + 1] * part
    distance, nearest = cKDTree(dense).query(points_mm)
    return distance, shares[nearest]
