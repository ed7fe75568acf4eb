"""`is_graded`: whether few whole numbers are grades of an image instead of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.values.fitting_words import FULL_SCALES
from meshimplant.values.value_facts import MAX_BONE_DEPTH_MM, ValueFacts
from meshimplant.voxels.volume import Volume

#: From so many values on, grades are told by how few voxels have equal neighbours.
_MANY_VALUES = 8
#: Grades have fewer voxels whose neighbours are equal, as a fraction: in a transition, and in an image.
_MOST_FLAT_TRANSITION, _MOST_FLAT_IMAGE = 0.1, 0.2
#: Planes that are looked at.
_PLANES = 32
#: Grades border on lower and on higher ones: least ratio of the smaller of these two areas to the larger, and
#: largest fraction of all borders that lies between the lowest and the highest value.
_LEAST_BALANCE, _MOST_JUMPS = 0.2, 0.5


def is_graded(volume: Volume, levels: NDArray[Any]) -> bool:
    """Return whether few values from 0 upwards are grades of an image instead of labels.

    Parameters
    ----------
    volume : Volume
        Whole numbers, the lowest 0.
    levels : (n,) array
        Its distinct values, three at least.

    Returns
    -------
    bool
    """
    is_full_scale = levels[-1] in FULL_SCALES.values() and levels[-1] != 1
    if is_full_scale or len(levels) >= _MANY_VALUES:
        most = _MOST_FLAT_TRANSITION if is_full_scale else _MOST_FLAT_IMAGE
        if _flat_fraction(volume, float(levels[-1]) if is_full_scale else np.inf) < most:
            return True
    return len(levels) < _MANY_VALUES and _are_steps(volume, levels)


def _flat_fraction(volume: Volume, below: float) -> float:
    """Return the fraction of the voxels between 0 and a value whose neighbours are equal to them.

    A label has such voxels; a grade of a transition has hardly any, and a few bits of a CT not many.
    Measured: CTs of 8 to 42 grades 0.02 to 0.12; the bone of a head, in voxels of 1 and 2 mm and cut into 30
    to 63 labels, 0.56 to 0.68. 1 where there is no such voxel.
    """
    planes = _planes(volume.array)
    core = planes[:, 1:-1, 1:-1]
    middle = (core > 0) & (core < below)
    flat = middle & (core == planes[:, :-2, 1:-1]) & (core == planes[:, 2:, 1:-1])
    flat &= (core == planes[:, 1:-1, :-2]) & (core == planes[:, 1:-1, 2:])
    return float(np.count_nonzero(flat) / np.count_nonzero(middle)) if middle.any() else 1.0


def _are_steps(volume: Volume, levels: NDArray[Any]) -> bool:
    """Return whether even steps rise from 0 to thin bone, each between a lower and a higher one.

    A label borders on the background or on another label, one much more than the other. Measured as the ratio
    of both areas: windows of bone in 3 to 7 grades, of 1, 2 and 4 mm voxels, 0.25 to 1; a skull and its
    implant, in halves, or its cortex and diploe, 0 to 0.23, with more than half of all borders between the
    lowest and the highest value from 0.2 on. Values that fill a head are told by their depth.
    """
    gaps = np.diff(levels.astype(float))
    if gaps.max() - gaps.min() > 1:  # steps of a scale up to 255 are rounded
        return False
    pairs = _borders(_planes(np.searchsorted(levels, volume.array)), len(levels))
    lower = sum(float(pairs[:n, n].sum()) for n in range(1, len(levels) - 1))
    higher = sum(float(pairs[n, n + 1 :].sum()) for n in range(1, len(levels) - 1))
    if min(lower, higher) < _LEAST_BALANCE * max(lower, higher) or pairs[0, -1] > _MOST_JUMPS * pairs.sum():
        return False
    depth_mm = ValueFacts.of(volume.with_array((volume.array != 0).view(np.uint8))).depth_mm(0.5)
    return depth_mm <= MAX_BONE_DEPTH_MM


def _planes(array: NDArray[Any]) -> NDArray[Any]:
    """Return every few planes normal to the first axis."""
    return array[:: max(1, array.shape[0] // _PLANES)]


def _borders(ranks: NDArray[np.integer[Any]], count: int) -> NDArray[np.int64]:
    """Return, above its diagonal, how often two ranks (below `count`) are neighbours within a plane."""
    pairs = np.zeros((count, count), np.int64)
    for axis in (1, 2):
        ahead = np.moveaxis(ranks, axis, 0)
        one, other = ahead[:-1].ravel(), ahead[1:].ravel()
        low, high = np.minimum(one, other), np.maximum(one, other)
        pairs += np.bincount(low * count + high, minlength=count**2).reshape(count, count)
    np.fill_diagonal(pairs, 0)
    return pairs
