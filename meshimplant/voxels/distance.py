"""Distances on voxel grids: to a mask, inside a mask, and signed from its surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.runtime.threads import thread_count
from meshimplant.voxels.volume import Volume

#: Signed distances are capped at this, mm, where a grid holds only one phase.
_FARTHEST_MM = 1000


def distance_inside(
    mask: NDArray[np.bool_], spacing_mm: ArrayLike = 1.0, *, edge_is_outside: bool = False
) -> NDArray[np.float32]:
    """Return the distance of each voxel of a mask to the nearest one that is not set, 0 outside the mask.

    Parameters
    ----------
    mask : (i, j) or (i, j, k) array of bool
    spacing_mm : float or (2,) or (3,) array
        Edge lengths of a voxel; 1.0 gives distances in voxels.
    edge_is_outside : bool
        Whether voxels beyond the edge of the array count as not set; else they are unknown.

    Returns
    -------
    array of float32
        From centre to centre; infinite where no voxel is outside.
    """
    return _transform(mask, spacing_mm, edge_is_outside=edge_is_outside)


def distance_outside(mask: NDArray[np.bool_], spacing_mm: ArrayLike = 1.0) -> NDArray[np.float32]:
    """Return the distance of each voxel to the nearest one of a mask, 0 in the mask.

    The parameters are those of `distance_inside`.
    """
    return _transform(np.logical_not(mask), spacing_mm)


def signed_distance(mask: Volume, *, smooth_voxels: float = 0.7) -> Volume:
    """Return the signed distance of a mask's surface on the mask's own grid, float32 mm, positive inside.

    The Euclidean distance between the *centres* of voxels of the two phases overestimates the distance to the
    surface between them: by half a voxel next to it, and by less farther away, where more voxel centres
    compete to be the nearest. Measured on spheres and three voxel shapes, the excess is
    ``0.5 s (d / s) ** -0.6`` for a distance d >= s and a mean voxel edge s; it is subtracted. A Gaussian then
    smooths the voxel staircase.

    Parameters
    ----------
    mask : Volume
        Non-zero is inside. Crop it first: time and memory grow with the grid (two float32 copies). Beyond the
        grid the mask is unknown, not empty.
    smooth_voxels : float
        Standard deviation of the Gaussian, voxels; 0 leaves the distances sharp.

    Notes
    -----
    Measured on spheres of 20 and 60 mm radius at 0.45 x 0.45 x 0.63 mm: bias at most 0.02 mm within 3
    mm of the surface, standard deviation 0.05 mm.
    """
    field = _lattice_distance(np.ascontiguousarray(mask.array != 0), mask.spacing_mm)
    if smooth_voxels > 0:
        field = ndimage.gaussian_filter(field, smooth_voxels, truncate=3, mode="nearest")
    return Volume(field, mask.affine)


def _lattice_distance(solid: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the distance of each voxel to the surface, negative outside, capped at 1 m.

    One transform of both phases as two labels gives both distances (measured: bit for bit those of one
    transform of each phase, in 0.55 of the time). The rest works plane by plane, within the cache and without
    another copy.
    """
    distance = _transform(solid.view(np.uint8) + np.uint8(1), spacing_mm)
    edge = float(np.mean(spacing_mm))
    for plane, inside in zip(distance, solid, strict=True):
        np.clip(plane, 0, _FARTHEST_MM, out=plane)
        excess = np.maximum(plane / edge, 1) ** np.float32(-0.6) * np.float32(0.5 * edge)
        np.subtract(plane, excess, out=plane)
        np.subtract(0, plane, out=plane, where=~inside)
    return distance


def _transform(
    labels: NDArray[np.bool_] | NDArray[np.uint8], spacing_mm: ArrayLike, *, edge_is_outside: bool = False
) -> NDArray[np.float32]:
    """Return the exact Euclidean distance of each labelled voxel to the nearest of another label."""
    import edt  # noqa: TID251 (the one place)

    # edt requires a writeable buffer; the array of a Volume is read-only.
    array = np.require(labels, requirements=["C", "W"])
    anisotropy = tuple(np.broadcast_to(np.asarray(spacing_mm, float), array.ndim).tolist())
    return edt.edt(array, anisotropy=anisotropy, black_border=edge_is_outside, parallel=thread_count())
