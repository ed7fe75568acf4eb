"""`measure_columns`: where bone begins and ends along lines into a skull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

#: Step along a line, mm.
_STEP_MM = 0.25
#: Air up to this long is a pore or a vessel of the diploe, and longer air ends the bone, mm. No source: our
#: choice; air cells of the sinuses are larger.
PORE_MM = 2.0
#: Bone that comes back within this distance makes the air in between a cell, mm.
_CELL_MM = 15.0


@dataclass(frozen=True, eq=False)
class BoneColumns:
    """The bone along lines.

    Attributes
    ----------
    start_mm : (n,) array
        Distance along each line at which bone begins; nan where it meets none.
    length_mm : (n,) array
        Length of the bone from there to its first end; pores belong to it. nan without bone.
    cell : (n,) array of bool
        Whether air ends the bone behind which more bone lies: an air cell or a sinus.
    ends : (n,) array of bool
        Whether the bone ends within the line's reach; otherwise it is at least that long.
    """

    start_mm: NDArray[np.float64]
    length_mm: NDArray[np.float64]
    cell: NDArray[np.bool_]
    ends: NDArray[np.bool_]


def measure_columns(
    bone: Volume, points_mm: NDArray[np.float64], directions: NDArray[np.float64], *, reach_mm: float
) -> BoneColumns:
    """Measure the bone along lines.

    Parameters
    ----------
    bone : Volume
        Signed distance to the bone, mm, positive inside; beyond its grid there is air.
    points_mm : (n, 3) array
        Where the lines begin, LPS mm.
    directions : (n, 3) array
        Their unit directions.
    reach_mm : float
        Their length.

    Notes
    -----
    The signed distance makes bone of 1.5 mm 0.1 to 0.4 mm too thin (measured on shells), thicker bone less.
    """
    count = len(points_mm)
    start, end = np.full(count, np.nan), np.full(count, np.nan)
    cell, done = np.zeros(count, bool), np.zeros(count, bool)
    before = np.full(count, -1.0)
    for travelled in np.arange(0.0, reach_mm + _STEP_MM / 2, _STEP_MM):
        value = sample(bone, points_mm + travelled * directions, fill=-1e3)
        entered = (value > 0) & (before <= 0)
        left = (value <= 0) & (before > 0)
        here = travelled - _STEP_MM * value / np.where(value == before, 1.0, value - before)
        came_back = entered & ~done & ~np.isnan(end)
        over = came_back & (travelled - end > PORE_MM)
        cell |= over & (travelled - end <= _CELL_MM)
        done |= over
        end[came_back & ~over] = np.nan
        first = entered & np.isnan(start)
        start[first] = np.maximum(here[first], 0.0)
        leaving = left & ~done
        end[leaving] = here[leaving]
        before = value
    ends = ~np.isnan(end)
    length = np.where(ends, end, reach_mm) - start
    return BoneColumns(start, length, cell, ends)
