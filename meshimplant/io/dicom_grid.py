"""The grid on which a CT series of a study is read, from its headers alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from meshimplant.errors import FileReadError
from meshimplant.io.dicom import load_dicom_series
from meshimplant.io.dicom_groups import heights_mm
from meshimplant.io.dicom_slice import SAME_PLACE_MM
from meshimplant.io.dicom_study import StudySeries, open_study
from meshimplant.io.dicom_summary import stack_of
from meshimplant.io.slice_stack import stack_to_volume
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
    try:
        with open_study(path) as study:
            for uid in uids:
                found = [series for series in study.series if uid in series.uids]
                if len(found) == 1 and _is_plain(found[0]):
                    return _empty_grid(found[0])
                if found:
                    return load_dicom_series(path, series=uid).volume.grid
    except FileReadError:
        if holds_ct(path):
            raise
    return None


def holds_ct(path: Path) -> bool:
    """Return whether a study holds a CT series."""
    try:
        with open_study(path) as study:
            return bool(study.series)
    except FileReadError:
        return False


def _is_plain(series: StudySeries) -> bool:
    """Return whether a series has enough slices and one at each position."""
    slices = series.group.slices
    return len(slices) > 2 and bool((np.diff(heights_mm(slices)) >= SAME_PLACE_MM).all())


def _empty_grid(series: StudySeries) -> Grid:
    stack = stack_of(series.group.slices)
    empty = (np.zeros(stack.shape, np.float32) for _ in series.group.slices)
    return stack_to_volume(stack, empty, fill=0).grid
