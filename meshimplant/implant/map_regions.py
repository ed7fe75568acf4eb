"""Regions of a map opened and closed by discs, their signed distances, and the tongues that they have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.voxels.distance import distance_inside, distance_outside

Region = NDArray[np.bool_]
#: What a disc leaves along a rough outline is this deep, mm, and connects no pieces.
_SLACK_MM = 0.6


def grown(region: Region, reach_mm: float, spacing_mm: float) -> Region:
    """Return a region of a map with everything within a distance of it."""
    return np.asarray(distance_outside(region) * spacing_mm <= reach_mm + spacing_mm / 2)


def shrunk(region: Region, depth_mm: float, spacing_mm: float) -> Region:
    """Return the pixels of a region of a map that are deeper than a distance; the map's edge is no edge."""
    return np.asarray(distance_inside(region) * spacing_mm > depth_mm + spacing_mm / 2)


def opened(region: Region, radius_mm: float, spacing_mm: float) -> Region:
    """Return what a disc covers that moves within a region of a map: without tongues narrower than it."""
    return region & grown(shrunk(region, radius_mm, spacing_mm), radius_mm, spacing_mm)


def closed(region: Region, radius_mm: float, spacing_mm: float) -> Region:
    """Return a region of a map with what no disc beside it reaches: without slits narrower than that."""
    return region | shrunk(grown(region, radius_mm, spacing_mm), radius_mm, spacing_mm)


def edge_distance(region: Region, spacing_mm: float) -> NDArray[np.float64]:
    """Return the signed distance to the edge of a region of a map, mm, positive inside."""
    inside, outside = distance_inside(region), distance_outside(region)
    field = np.where(region, inside - 0.5, 0.5 - outside)
    return np.clip(field.astype(float) * spacing_mm, -1e3, 1e3)


def nearer(first: Region, second: Region) -> Region:
    """Return which pixels are nearer to a first region than to a second one."""
    if not second.any():
        return np.ones(first.shape, bool)
    return np.asarray(distance_outside(first) < distance_outside(second))


def rim_of(region: Region) -> Region:
    """Return the pixels of a region beside its complement."""
    return np.asarray(region & ~ndimage.binary_erosion(region, np.ones((3, 3)), border_value=1))


def find_tongues(
    region: Region,
    free: Region,
    fixed: Region,
    *,
    radius_mm: float,
    spacing_mm: float,
    reach_mm: float = 0.0,
    free_share: float = 0.25,
) -> Region:
    """Return what a disc that moves within a region of a map does not cover, piece by piece.

    Parameters
    ----------
    region : (rows, columns) array of bool
        The region; with its complement this finds slits.
    free, fixed : (rows, columns) array of bool
        Pixels of its outline that count, and that do not.
    radius_mm : float
        Radius of the disc.
    spacing_mm : float
        Distance between the nodes of the map.
    reach_mm : float
        Pieces that reach this far beyond the disc are returned: a disc of radius r leaves 0.41 r at a square
        corner and r at one of 60 degrees.
    free_share : float
        Least share of the piece's outline without that which does not count.
    """
    beyond_mm = distance_outside(opened(region, radius_mm, spacing_mm)) * spacing_mm
    labels, count = ndimage.label(region & (beyond_mm > _SLACK_MM), np.ones((3, 3)))
    if not count:
        return np.zeros(region.shape, bool)
    numbers, rim = np.arange(1, count + 1), rim_of(region)
    beyond = ndimage.maximum(beyond_mm, labels, numbers)
    own, near_free, near_fixed = (ndimage.sum(at & rim, labels, numbers) for at in (rim, free, fixed))
    chosen = (beyond > reach_mm) & (near_free > 0) & (1 - near_fixed / np.maximum(own, 1) >= free_share)
    found = np.isin(labels, numbers[chosen])
    return np.asarray(region & (beyond_mm > 0) & grown(found, _SLACK_MM + spacing_mm, spacing_mm))
