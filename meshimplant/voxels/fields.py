"""Read scalar fields between voxels.

Fields are **positive inside** the body and negative outside, in millimetres, with the surface at 0. So a
mask, a probability map and a signed distance all grow towards the inside, and `extract` treats them alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.voxels.volume import Volume


def sample(field: Volume, points_mm: ArrayLike, *, fill: float = np.nan) -> NDArray[np.float64]:
    """Return the values (n,) of a field at LPS points (n, 3), trilinear; `fill` outside the grid."""
    index = field.to_index(points_mm).T
    values = ndimage.map_coordinates(field.array, index, output=np.float64, order=1, mode="nearest")
    outside = np.zeros(len(values), bool)
    for along, count in zip(index, field.shape, strict=True):  # by axis: `any` along the shorter axis is slow
        outside |= (along < -0.5) | (along > count - 0.5)
    values[outside] = fill
    return values
