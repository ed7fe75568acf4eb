"""Exact distances, float64 millimetres, between voxels of masks: what the challenge's metrics are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.voxels.distance import distance_outside

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: Distances of a transform come as float32; voxels this close to the limit are decided again in float64.
_TIE_MM = 1e-2


@dataclass(frozen=True, eq=False)
class SurfaceVoxelDistances:
    """Distances of one mask's surface voxels to another mask's.

    Attributes
    ----------
    index : (n, 3) array
        The surface voxels of the first mask, in the array's order.
    distance_mm : (n,) array
        Of each to the nearest surface voxel of the second mask, centre to centre.
    beyond : (n,) array of bool
        Whether it lies outside the second mask: there the first one *reaches beyond* the second.
    nearest : (n, 3) array
        That nearest surface voxel.
    """

    index: NDArray[np.int64]
    distance_mm: Floats
    beyond: Bools
    nearest: NDArray[np.int64]

    @property
    def reach_mm(self) -> Floats:
        """How far each surface voxel lies beyond the second mask; 0 where it lies inside."""
        return np.where(self.beyond, self.distance_mm, 0.0)


def surface_voxels(mask: Bools) -> Bools:
    """Return the mask xor its erosion by the six neighbours; what lies beyond the array counts as unset."""
    return mask & ~eroded(mask)


def eroded(mask: Bools) -> Bools:
    """Return the voxels whose six neighbours are all set; what lies beyond the array counts as unset."""
    inner = mask.copy()
    for axis in range(3):
        ahead, behind = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        ahead[1:] &= behind[:-1]
        ahead[:-1] &= behind[1:]
        ahead[0] = ahead[-1] = False
    return inner


def measure_distances(first: Bools, second: Bools, spacing_mm: Floats) -> SurfaceVoxelDistances:
    """Measure from each surface voxel of `first` to the nearest one of `second`; neither may be empty.

    Voxels that are surface of both are 0 mm away from themselves and need no search.
    """
    source, target = surface_voxels(first), surface_voxels(second)
    index = np.argwhere(source)
    alone = ~target[tuple(index.T)]
    distance, nearest = np.zeros(len(index)), index.copy()
    if alone.any():
        distance[alone], nearest[alone] = nearest_voxels(index[alone], np.argwhere(target), spacing_mm)
    return SurfaceVoxelDistances(index, distance, ~second[tuple(index.T)], nearest)


def nearest_voxels(
    source: NDArray[np.int64], target: NDArray[np.int64], spacing_mm: Floats
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the distance (n,) of each index of `source` (n, 3) to the nearest of `target` (m, 3), and that index (n, 3).

    The distance is taken from the index *difference*, so that one of exactly a limit's length is not lost to rounding.
    """
    from scipy.spatial import cKDTree

    _, hit = cKDTree(target * spacing_mm).query(source * spacing_mm)
    nearest = target[hit]
    return np.sqrt((((source - nearest) * spacing_mm) ** 2).sum(axis=1)), nearest


def voxels_within(asked: Bools, mask: Bools, limit: float, spacing: Floats) -> Bools:
    """Tell which voxels of `asked` lie at most `limit` from a voxel of `mask`, centre to centre; others are undefined.

    One float32 distance transform decides all but the voxels at the limit itself: for those, in float64.
    """
    if not mask.any():
        return np.zeros_like(asked)
    distance = distance_outside(mask, spacing)
    near = np.asarray(distance <= limit)
    tied = np.argwhere(asked & (np.abs(distance - limit) < _TIE_MM))
    if len(tied):
        exact, _ = nearest_voxels(tied, np.argwhere(surface_voxels(mask)), spacing)
        near[tuple(tied.T)] = exact <= limit
    return near
