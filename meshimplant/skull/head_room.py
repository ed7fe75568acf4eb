"""The sides on which the scan ends at the head, and those on which it cuts through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.report import Finding
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

#: Bone cut by a side of the grid over more than this area is reported, mm2 (the lower side, the neck, is
#: always cut and not reported).
CUT_AREA_MM2 = 25.0
#: A grid that was cropped to the bone only touches it: the section is this much smaller at the side than at
#: this depth below it. Through a vault, 6 mm thick and of 80 mm radius, that a scan cuts, both are alike.
_TOUCH_FRACTION, _TOUCH_DEPTH_MM = 0.5, 3.0
_NAMES = {"L": "left", "R": "right", "A": "front", "P": "back", "S": "upper", "I": "lower"}


@dataclass(frozen=True)
class _Side:
    axis: int
    at_end: bool
    letter: str
    area_mm2: float
    is_cut: bool


def grid_with_room(skull: Volume, start: ArrayLike, stop: ArrayLike) -> Grid:
    """Return the skull's grid, grown by whole voxels to hold a box.

    A mask that was cropped to its bone has no room for the bone that is missing at its sides. The grid does
    not grow downwards, where the head goes on and was not scanned, nor on a side where the scan cuts through
    bone.

    Parameters
    ----------
    skull : Volume
        Mask; non-zero is bone.
    start, stop : (3,) array-like
        Index box on the grid of the skull; it may reach beyond.

    Returns
    -------
    Grid
        Its voxels coincide with those of the skull.
    """
    low, high = np.minimum(start, 0), np.maximum(stop, skull.shape)
    if not low.any() and np.array_equal(high, skull.shape):
        return skull.grid
    for side in _sides(skull):
        if side.letter == "I" or side.is_cut:
            if side.at_end:
                high[side.axis] = skull.shape[side.axis]
            else:
                low[side.axis] = 0
    return skull.grid.spanning(low, high)


def is_cut_above(mask: Volume) -> bool:
    """Return whether the scan ends below the vertex, in the middle of the bone."""
    return any(side.is_cut and side.letter == "S" for side in _sides(mask))


def cut_off_findings(mask: Volume) -> list[Finding]:
    """Return a warning for each side other than the neck where the scan cuts through bone."""
    findings = []
    for side in _sides(mask):
        if side.letter == "I" or not side.is_cut:
            continue
        face = _section(mask, side, 0)
        place = np.insert(np.argwhere(face).mean(axis=0), side.axis, _layer(mask, side, 0))
        x, y, z = (float(value) for value in mask.to_mm(place))
        message = (
            f"The {_NAMES[side.letter]} side of the scan cuts through bone; an opening there is not a defect."
        )
        findings.append(
            Finding("input.cut_off", "warning", message, side.area_mm2, CUT_AREA_MM2, "mm2", (x, y, z))
        )
    return findings


def _sides(mask: Volume) -> Iterator[_Side]:
    for axis, letter in enumerate(mask.orientation):
        opposite = "LRAPSI"["RLPAIS".index(letter)]
        for at_end, name in ((False, opposite), (True, letter)):
            side = _Side(axis, at_end, name, 0.0, False)
            area_mm2 = mask.voxel_volume_mm3 / mask.spacing_mm[axis]
            here = np.count_nonzero(_section(mask, side, 0)) * area_mm2
            depth = max(1, round(_TOUCH_DEPTH_MM / mask.spacing_mm[axis]))
            below = np.count_nonzero(_section(mask, side, min(depth, mask.shape[axis] - 1))) * area_mm2
            is_cut = here > CUT_AREA_MM2 and here >= _TOUCH_FRACTION * below
            yield _Side(axis, at_end, name, float(here), bool(is_cut))


def _layer(mask: Volume, side: _Side, depth: int) -> int:
    return mask.shape[side.axis] - 1 - depth if side.at_end else depth


def _section(mask: Volume, side: _Side, depth: int) -> NDArray[np.bool_]:
    return np.asarray(np.moveaxis(mask.array, side.axis, 0)[_layer(mask, side, depth)] != 0)
