"""Scalar fields on voxel grids: signed distances of masks, and reading fields between voxels.

Fields are **positive inside** the body and negative outside, in millimetres, with the surface at 0. So a mask, a probability
map and a signed distance all grow towards the inside, and `extract` treats them alike.
"""

from __future__ import annotations

import edt
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.runtime.threads import thread_count
from meshimplant.voxels.volume import Volume


def signed_distance(mask: Volume, *, smooth_voxels: float = 0.7) -> Volume:
    """Return the signed distance of a mask's surface on the mask's own grid, float32 mm, positive inside.

    The exact Euclidean distance between voxel *centres* of the two phases overestimates the distance to the surface between them,
    by half a voxel next to it and less farther away, where more lattice points compete to be the nearest. Measured on spheres and
    three voxel shapes, the excess is ``0.5 s (d / s) ** -0.6`` for a distance d >= s and a mean voxel edge s; it is subtracted.
    A Gaussian of `smooth_voxels` voxels then takes off the staircase.

    Crop first: time and memory grow with the grid (two float32 copies). What lies beyond the grid is unknown, not air.

    Source: measured on spheres of 20 and 60 mm radius at 0.45 x 0.45 x 0.63 mm: bias <= 0.02 mm within 3 mm of the surface,
    scatter 0.05 mm (tests/surface/test_fields.py).
    """
    field = _lattice_distance(np.ascontiguousarray(mask.array != 0), mask.spacing_mm)
    if smooth_voxels > 0:
        field = ndimage.gaussian_filter(field, smooth_voxels, truncate=3, mode="nearest")
    return Volume(field, mask.affine)


def sample(field: Volume, points_mm: ArrayLike, *, fill: float = np.nan) -> NDArray[np.float64]:
    """Read a field at LPS points (n, 3) by trilinear interpolation; `fill` outside the grid. Returns (n,)."""
    index = field.to_index(points_mm).T
    values = ndimage.map_coordinates(field.array, index, output=np.float64, order=1, mode="nearest")
    limits = np.array(field.shape)[:, None] - 0.5
    values[((index < -0.5) | (index > limits)).any(axis=0)] = fill
    return values


def _lattice_distance(solid: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the distance of each voxel to the surface, negative outside; far values are capped at 1 m.

    One transform of the two phases as two labels gives both distances at once (measured: bit for bit those of a transform of
    each phase, in 0.55 of their time). What follows is done plane by plane, in the cache and without another copy.
    """
    anisotropy = tuple(float(s) for s in spacing_mm)
    phases = solid.view(np.uint8) + np.uint8(1)
    distance: NDArray[np.float32] = edt.edt(
        phases, anisotropy=anisotropy, black_border=False, parallel=thread_count()
    )
    edge = float(np.mean(spacing_mm))
    for plane, inside in zip(distance, solid, strict=True):
        np.clip(plane, 0, 1000, out=plane)
        excess = np.maximum(plane / edge, 1) ** np.float32(-0.6) * np.float32(0.5 * edge)
        np.subtract(plane, excess, out=plane)
        np.subtract(0, plane, out=plane, where=~inside)
    return distance
