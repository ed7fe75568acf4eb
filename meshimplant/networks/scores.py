"""Scores of a completed head against the truth, beside those of its base."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from meshimplant.networks.head_grid import CLIP_MM

#: The error is measured at voxels within this distance of the true surface.
_NEAR_MM = 3.0
#: The implant is compared up to this distance beyond the opening.
_MARGIN_MM = 6.0


@dataclass(frozen=True)
class Scores:
    """One case, or the mean of several.

    Attributes
    ----------
    error_mm, base_error_mm : float
        Mean absolute error of the signed distance in the opening, within 3 mm of the true surface, of the
        network and of its base.
    dice, base_dice : float
        Dice of the implant's voxels of 1 mm.
    """

    error_mm: float
    base_error_mm: float
    dice: float
    base_dice: float

    @property
    def gain_mm(self) -> float:
        """Reduction of the error by the network."""
        return self.base_error_mm - self.error_mm

    @classmethod
    def mean(cls, scores: Iterable[Scores]) -> Scores:
        """Return the mean of several cases."""
        rows = [[getattr(one, part.name) for part in fields(cls)] for one in scores]
        return cls(*(float(value) for value in np.mean(rows, axis=0)))


def score(
    result: NDArray[np.float32],
    base: NDArray[np.float32],
    target: NDArray[np.float32],
    defective: NDArray[np.float32],
    opening: NDArray[np.float32],
) -> Scores:
    """Score a completed head and its base; all are fields on one box of `FINE`, in units of `CLIP_MM`."""
    near = (opening > 0) & (np.abs(target) < _NEAR_MM / CLIP_MM)
    errors = [
        CLIP_MM * float(np.abs(field[near] - target[near]).mean()) if near.any() else 0.0
        for field in (result, base)
    ]
    compared = (opening > -_MARGIN_MM / CLIP_MM) & (defective <= 0)
    truth = compared & (target > 0)
    return Scores(*errors, *(_dice(compared & (field > 0), truth) for field in (result, base)))


def _dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    both = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * float(np.count_nonzero(first & second)) / both if both else 1.0
