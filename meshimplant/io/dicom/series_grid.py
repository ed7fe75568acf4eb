"""The grid on which a CT series of a study is read, from its headers alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from meshimplant.io.dicom.ct_slice import SAME_PLACE_MM, Slice
from meshimplant.io.dicom.group_slices import SliceGroup, group_slices, heights_mm
from meshimplant.io.dicom.headers import read_headers
from meshimplant.io.dicom.read_series import load_dicom_series
from meshimplant.io.dicom.series_summary import stack_of
from meshimplant.io.dicom.slice_stack import stack_to_volume
from meshimplant.io.dicom.study_files import study_files
from meshimplant.voxels.grid import Grid


def series_grid(path: Path, uids: Sequence[str]) -> Grid | None:
    """Return the grid of the first of these series that a study holds.

    Parameters
    ----------
    path : Path
        A study.
    uids : sequence of str
        SeriesInstanceUIDs.

    Returns
    -------
    Grid or None
        That of the volume which `load_dicom_series` gives; None where the study holds none of the series.
    """
    if not uids:
        return None
    slices = _slices(path)
    for uid in uids:
        mine = [item for item in slices if item.series == uid]
        groups = group_slices(mine)
        if len(groups) == 1 and _is_plain(groups[0]):
            return _empty_grid(groups[0])
        if mine:
            return load_dicom_series(path, series=uid).volume.grid
    return None


def holds_ct(path: Path) -> bool:
    """Return whether a study holds slices of a CT."""
    return bool(_slices(path))


def _slices(path: Path) -> list[Slice]:
    with study_files(path) as files:
        return read_headers(files)[0]


def _is_plain(group: SliceGroup) -> bool:
    """Return whether a series has enough slices and one at each position."""
    heights = heights_mm(group.slices)
    return len(heights) > 2 and bool((np.diff(heights) >= SAME_PLACE_MM).all())


def _empty_grid(group: SliceGroup) -> Grid:
    stack = stack_of(group.slices)
    empty = (np.zeros(stack.shape, np.float32) for _ in group.slices)
    return stack_to_volume(stack, empty, fill=0).grid
