"""What the values of a volume are: a mask, labels, a probability or Hounsfield units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import InputError
from meshimplant.voxels.volume import Volume

__all__ = ["distinct_values", "is_probability", "require_background", "require_hounsfield"]

#: A volume with more distinct values than this is an image, not a map of labels.
MAX_LEVELS = 64


def distinct_values(array: NDArray[Any]) -> NDArray[Any] | None:
    """Return the distinct values in ascending order, or None if there are more than `MAX_LEVELS`."""
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


def is_probability(array: NDArray[Any]) -> bool:
    """Return whether all values are floating-point numbers between 0 and 1."""
    return array.dtype.kind == "f" and float(array.min()) >= 0 and float(array.max()) <= 1


def require_background(levels: NDArray[Any]) -> None:
    """Raise `InputError` unless the values are those of a mask: 0 for air, and none negative."""
    if levels.min() < 0 or (0 not in levels and len(levels) > 1):
        shown = ", ".join(f"{level:g}" for level in levels[:6])
        raise InputError(
            f"expected a mask (0 and bone) or a CT in Hounsfield units, got the values {shown}: "
            "set the background to 0, or give threshold_hu"
        )


def require_hounsfield(ct: Volume) -> None:
    """Raise `InputError` unless there are values below water (0 HU) and of bone (from 300 HU)."""
    low, high = float(ct.array.min()), float(ct.array.max())
    if low >= 0 or high < 300:
        raise InputError(
            "expected a CT in Hounsfield units (air -1000, bone 300 and more) or a mask, "
            f"got values from {low:g} to {high:g}: rescale them, or give threshold_hu in their unit "
            "(about 1224 for values stored as HU + 1024)"
        )
