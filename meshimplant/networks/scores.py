"""How far a completed head is from the truth, beside how far its base was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from meshimplant.networks.head_grid import CLIP_MM

#: Voxels this near to the true surface tell how far off a field is there.
_NEAR_MM = 3.0
#: How far beyond the opening an implant is looked for.
_MARGIN_MM = 6.0


@dataclass(frozen=True)
class Scores:
    """One case, or the mean of several.

    Attributes
    ----------
    error_mm, base_error_mm : float
        Mean absolute error of the signed distance in the opening within 3 mm of the true surface: the network's and its base's.
    dice, base_dice : float
        Overlap of the implant's voxels of 1 mm with the truth.
    """

    error_mm: float
    base_error_mm: float
    dice: float
    base_dice: float

    @property
    def gain_mm(self) -> float:
        """By how much the network's error is smaller than its base's."""
        return self.base_error_mm - self.error_mm

    @classmethod
    def mean(cls, scores: Iterable[Scores]) -> Scores:
        """Return the mean of several cases, each counted once."""
        rows = [[getattr(one, part.name) for part in fields(cls)] for one in scores]
        return cls(*(float(value) for value in np.mean(rows, axis=0)))


def score(
    result: NDArray[np.float32],
    base: NDArray[np.float32],
    target: NDArray[np.float32],
    defective: NDArray[np.float32],
    opening: NDArray[np.float32],
) -> Scores:
    """Compare a completed head and its base with the truth; all are fields of one box of `FINE`, in units of `CLIP_MM`."""
    there = (opening > 0) & (np.abs(target) < _NEAR_MM / CLIP_MM)
    errors = [
        CLIP_MM * float(np.abs(field[there] - target[there]).mean()) if there.any() else 0.0
        for field in (result, base)
    ]
    place = (opening > -_MARGIN_MM / CLIP_MM) & (defective <= 0)
    truth = place & (target > 0)
    return Scores(*errors, *(_dice(place & (field > 0), truth) for field in (result, base)))


def _dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    both = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * float(np.count_nonzero(first & second)) / both if both else 1.0
