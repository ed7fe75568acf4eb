"""The distinct values of a volume, and whole numbers stored as fractions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_LEVELS", "as_whole_numbers", "distinct_values"]

#: A volume with more distinct values than this is an image, not a map of labels.
MAX_LEVELS = 64
#: Labels that were resampled or rescaled are this close to whole numbers.
_WHOLE = 1e-3


def distinct_values(array: NDArray[Any]) -> NDArray[Any] | None:
    """Return the distinct values in ascending order, or None if there are more than `MAX_LEVELS`.

    Parameters
    ----------
    array : (i, j, k) array
        Voxels. An image is recognised on an eighth of its planes; a mask is read completely.

    Returns
    -------
    array or None
    """
    levels = np.unique(array[:: max(1, array.shape[0] // 8)])
    if len(levels) > MAX_LEVELS:
        return None
    low, high = array.min(), array.max()
    if array.dtype.kind == "b" or (array.dtype.kind in "ui" and int(high) - int(low) <= 1):
        return np.unique([low, high])
    for plane in array.T:
        known = np.zeros(plane.shape, bool)
        for level in levels[:3]:
            known |= plane == level
        if not known.all():
            levels = np.union1d(levels, plane[~known])
            if len(levels) > MAX_LEVELS:
                return None
    return levels


def as_whole_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Return fractions that all lie within 0.001 of whole numbers as int32; any other array unchanged.

    Parameters
    ----------
    array : (i, j, k) array

    Returns
    -------
    (i, j, k) array
        The same array where it does not hold such fractions, or where rounding would leave one value.
    """
    if array.dtype.kind != "f" or not _nearly_whole(array[:: max(1, array.shape[0] // 8)]):
        return array
    if not all(_nearly_whole(plane) for plane in array.T):
        return array
    whole = np.rint(array).astype(np.int32)
    return array if whole.min() == whole.max() else whole


def _nearly_whole(values: NDArray[Any]) -> bool:
    size = np.abs(values)
    return bool(size.max() < 2**31 - 1 and np.abs(values - np.rint(values)).max() <= _WHOLE)
