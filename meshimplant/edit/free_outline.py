"""`plan_outline`: the line in which a part shall end where no bone lies opposite its border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.implant.find_free_border import FreeBorder
from meshimplant.implant.map_regions import (
    Region,
    closed,
    edge_distance,
    find_tongues,
    grown,
    nearer,
    opened,
    rim_of,
)
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.voxels.distance import distance_outside

#: Half the width of the narrowest tongue that is left, and the least radius of the line, mm.
TONGUE_RADIUS_MM, LINE_RADIUS_MM = 4.0, 3.0
#: Thinnest wall at which a free border ends, mm.
THINNEST_MM = 1.5
#: The outer surface ends where it has turned by this much from its direction 12 mm inside, degrees:
#: less than a check accepts, because that place moves inward with the line.
TURN_DEG = 45.0
#: What is cut away frees more of the border; most rounds of cutting.
_ROUNDS = 5
#: Threads of up to twice this width that a cut leaves go with it, mm.
_CRUMB_MM = 1.0
#: Everywhere the line runs at least this far inside the ragged one, mm; where it bridges a slit, as much more
#: as keeps it in material, within this distance.
_BACK_MM, _AROUND_MM = 0.6, 5.0
#: Width over which the line is smoothed, mm, and over which its distance from the old line may change.
_SMOOTH_MM, _SPREAD_MM = 1.5, 2.5
#: The border that has bone opposite is left alone within this distance, mm, by as much, mm; over the third
#: one, mm, the line joins it.
_FIXED_MM, _HELD_MM, _JOIN_MM = 1.5, 6.0, 6.0

_Sides = tuple[Region, Region, Region]


@dataclass(frozen=True, eq=False)
class FreeOutline:
    """The line in which a part shall end, on the map of its outline.

    Attributes
    ----------
    inside_mm : (rows, columns) array
        Distance from the line, mm, positive inside; large along the border that has bone opposite.
    wall_mm : (rows, columns) array
        Thickness of the wall, mm.
    """

    inside_mm: NDArray[np.float64]
    wall_mm: NDArray[np.float64]


def whole_part(outline: OutlineMap) -> FreeOutline:
    """Return the line that cuts nothing off."""
    return FreeOutline(np.full(outline.body.shape, 1e3), outline.wall_mm)


def plan_outline(outline: OutlineMap, border: FreeBorder) -> FreeOutline:
    """Choose the line in which a part shall end where no bone lies opposite its border."""
    pixel_mm, wall = outline.view.spacing_mm, outline.wall_mm
    free, fixed = border.sides(outline)
    bad = (wall < THINNEST_MM) | (outline.turn_deg > TURN_DEG)
    body = outline.body
    for _ in range(_ROUNDS):
        body, free, fixed = _reduced(body, free, fixed, bad, pixel_mm)
        inside = _distance_from_line(outline.body, body, fixed, pixel_mm)
        kept = body & (inside > 0)
        edge = rim_of(kept)
        narrow = _tongues(kept, edge & ~grown(fixed, pixel_mm, pixel_mm), edge & fixed, pixel_mm)
        if not narrow.any():
            break
        body &= ~grown(narrow, 1.0, pixel_mm)
    return FreeOutline(inside, wall)


def _reduced(body: Region, free: Region, fixed: Region, bad: Region, pixel_mm: float) -> _Sides:
    """Cut tongues, slits and bad places at the free border off a region, and what is free because of that."""
    for _ in range(_ROUNDS):
        left = _largest(body & ~(nearer(free, fixed) & bad))
        left &= ~_tongues(left, free, fixed, pixel_mm)
        left &= ~_crumbs(left, body & ~left, pixel_mm)
        left = _largest(_without_slits(left, grown(fixed, 2 * _FIXED_MM, pixel_mm), pixel_mm))
        fixed = fixed & left
        free = rim_of(left) & ~fixed
        if (left == body).all():
            break
        body = left
    return body, free, fixed


def _tongues(body: Region, free: Region, fixed: Region, pixel_mm: float) -> Region:
    """Return the tongues of a region that are narrower than 8 mm, and its corners."""
    return find_tongues(body, free, fixed, radius_mm=TONGUE_RADIUS_MM, spacing_mm=pixel_mm)


def _crumbs(left: Region, removed: Region, pixel_mm: float) -> Region:
    """Return threads of a region that are left beside what was removed of it, such as one row of pixels."""
    thin = left & ~opened(left, _CRUMB_MM, pixel_mm)
    return thin & grown(removed, 2 * _CRUMB_MM, pixel_mm)


def _distance_from_line(before: Region, body: Region, fixed: Region, pixel_mm: float) -> NDArray[np.float64]:
    """Return the distance from the smooth line within a region, mm, positive inside it."""
    bridged = closed(body, LINE_RADIUS_MM, pixel_mm)
    inside = ndimage.gaussian_filter(edge_distance(bridged, pixel_mm), _SMOOTH_MM / pixel_mm, mode="nearest")
    back = _back(body, bridged & ~grown(fixed, _FIXED_MM, pixel_mm), pixel_mm)
    inside -= back * np.clip(_apart(fixed, pixel_mm) / _JOIN_MM, 0, 1)
    return np.asarray(inside + _held(before & ~body, fixed, pixel_mm))


def _held(removed: Region, fixed: Region, pixel_mm: float) -> NDArray[np.float64]:
    """Return what is added to the distance from the line to keep the border that has bone opposite, mm."""
    held = _HELD_MM * np.clip(2 - _apart(fixed, pixel_mm) / _FIXED_MM, 0, 1)
    held[removed] = 0
    return np.asarray(ndimage.gaussian_filter(held, 1.0, mode="nearest"))


def _apart(fixed: Region, pixel_mm: float) -> NDArray[np.float64]:
    """Return the distance from the border that has bone opposite, mm; far where there is none."""
    if not fixed.any():
        return np.full(fixed.shape, 1e3)
    return np.asarray(distance_outside(fixed) * pixel_mm, np.float64)


def _largest(region: Region) -> Region:
    """Return the largest connected piece of a region."""
    labels, count = ndimage.label(region)
    if count < 2:
        return region
    return np.asarray(labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:])))


def _without_slits(body: Region, kept: Region, pixel_mm: float) -> Region:
    """Return a region whose deep slits are widened to bays: no material can fill them."""
    bridged = closed(body, LINE_RADIUS_MM, pixel_mm)
    slit = bridged & ~body & ~kept & (edge_distance(bridged, pixel_mm) > LINE_RADIUS_MM)
    return body & ~(grown(slit, LINE_RADIUS_MM, pixel_mm) & ~kept) if slit.any() else body


def _back(body: Region, bridged: Region, pixel_mm: float) -> NDArray[np.float64]:
    """Return how far the line keeps inside the smoothed one, mm: as deep as that one bridges air."""
    depth = np.where(bridged & ~body, np.maximum(edge_distance(bridged, pixel_mm), 0), 0)
    reach = int(np.ceil(_AROUND_MM / pixel_mm))
    disc = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= reach
    most = ndimage.maximum_filter(depth, footprint=disc)
    return np.asarray(_BACK_MM + ndimage.gaussian_filter(most, _SPREAD_MM / pixel_mm))
