"""Exact distances between the surface voxels of two masks, as the challenge's metrics define them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.voxels.distance import distance_outside

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: A distance transform gives float32; voxels this close to a limit are decided again in float64, mm.
_TIE_MM = 1e-2


@dataclass(frozen=True, eq=False)
class SurfaceVoxelDistances:
    """Distances from the surface voxels of one mask to those of another.

    Attributes
    ----------
    index : (n, 3) array of int
        The surface voxels of the first mask, in the order of the array.
    distance_mm : (n,) array
        From each of them to the nearest surface voxel of the second mask, centre to centre.
    beyond : (n,) array of bool
        Whether it lies outside the second mask, so that the first mask protrudes there.
    nearest : (n, 3) array of int
        That nearest surface voxel of the second mask.
    """

    index: NDArray[np.int64]
    distance_mm: Floats
    beyond: Bools
    nearest: NDArray[np.int64]

    @property
    def reach_mm(self) -> Floats:
        """Distance by which each surface voxel lies outside the second mask; 0 where it lies inside."""
        return np.where(self.beyond, self.distance_mm, 0.0)


def surface_voxels(mask: Bools) -> Bools:
    """Return the mask xor its erosion by six neighbours; voxels beyond the array count as not set."""
    return mask & ~eroded(mask)


def eroded(mask: Bools) -> Bools:
    """Return the voxels whose six neighbours are all set; voxels beyond the array count as not set."""
    inner = mask.copy()
    for axis in range(3):
        ahead, behind = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        ahead[1:] &= behind[:-1]
        ahead[:-1] &= behind[1:]
        ahead[0] = ahead[-1] = False
    return inner


def measure_distances(first: Bools, second: Bools, spacing_mm: Floats) -> SurfaceVoxelDistances:
    """Measure the distance from each surface voxel of one mask to the nearest one of another.

    Voxels on both surfaces have distance 0 and need no search.

    Parameters
    ----------
    first, second : (i, j, k) arrays of bool
        Masks on one grid; neither may be empty.
    spacing_mm : (3,) array
        Voxel edges.
    """
    source, target = surface_voxels(first), surface_voxels(second)
    index = np.argwhere(source)
    unshared = ~target[tuple(index.T)]
    distance, nearest = np.zeros(len(index)), index.copy()
    if unshared.any():
        distance[unshared], nearest[unshared] = nearest_voxels(
            index[unshared], np.argwhere(target), spacing_mm
        )
    return SurfaceVoxelDistances(index, distance, ~second[tuple(index.T)], nearest)


def nearest_voxels(
    source: NDArray[np.int64], target: NDArray[np.int64], spacing_mm: Floats
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the distance (n,) from each source voxel to the nearest target voxel, and that voxel (n, 3).

    The distance is computed from the index *difference*, so that a distance that equals a limit is not missed
    through rounding.

    Parameters
    ----------
    source, target : (n, 3) and (m, 3) arrays of int
        Voxel indices.
    spacing_mm : (3,) array
        Voxel edges.
    """
    from scipy.spatial import cKDTree

    _, hit = cKDTree(target * spacing_mm).query(source * spacing_mm)
    nearest = target[hit]
    return np.sqrt((((source - nearest) * spacing_mm) ** 2).sum(axis=1)), nearest


def voxels_within(candidates: Bools, mask: Bools, limit: float, spacing: Floats) -> Bools:
    """Return which candidate voxels lie at most `limit` from a voxel of a mask, centre to centre.

    A float32 distance transform decides all voxels except those at the limit itself, which are decided in
    float64. Values at voxels that are no candidates are undefined.

    Parameters
    ----------
    candidates, mask : (i, j, k) arrays of bool
    limit : float
        In the unit of `spacing`.
    spacing : (3,) array
        Voxel edges, mm; ones give distances in voxels.
    """
    if not mask.any():
        return np.zeros_like(candidates)
    distance = distance_outside(mask, spacing)
    near = np.asarray(distance <= limit)
    tied = np.argwhere(candidates & (np.abs(distance - limit) < _TIE_MM))
    if len(tied):
        exact, _ = nearest_voxels(tied, np.argwhere(surface_voxels(mask)), spacing)
        near[tuple(tied.T)] = exact <= limit
    return near
