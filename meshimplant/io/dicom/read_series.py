"""CT series from DICOM files as volumes on an even grid: `load_dicom_series`, `list_series`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import GeometryError, InputError
from meshimplant.io.dicom.choose_series import choose_series, with_choice
from meshimplant.io.dicom.ct_slice import SAME_PLACE_MM, Slice
from meshimplant.io.dicom.group_slices import heights_mm
from meshimplant.io.dicom.one_scan import require_one_scan
from meshimplant.io.dicom.pixels import AIR_HU, PixelReader
from meshimplant.io.dicom.series_summary import SeriesSummary, stack_of
from meshimplant.io.dicom.slice_jitter import has_thick_slices, jitter_of
from meshimplant.io.dicom.slice_stack import stack_to_volume
from meshimplant.io.dicom.stack_findings import stack_findings
from meshimplant.io.dicom.study import open_study
from meshimplant.io.dicom.study_findings import left_out_findings, repeated_uid_findings
from meshimplant.report import Finding, plain_values
from meshimplant.voxels.volume import Volume


@dataclass(frozen=True)
class DicomSeries:
    """A CT series in Hounsfield units.

    Attributes
    ----------
    volume : Volume
        The voxels on an even, unsheared grid.
    findings : tuple of Finding
        What was resampled, interpolated or left out.
    step_mm : float
        Largest distance between neighbouring slices as they were scanned.
    """

    volume: Volume
    findings: tuple[Finding, ...]
    step_mm: float


@dataclass(frozen=True)
class StudyContents:
    """What a study holds.

    Attributes
    ----------
    series : tuple of SeriesSummary
        Its CT series, by number.
    left_out : dict
        Number of files that are not slices, by kind: localizers, dose reports, damaged files.
    """

    series: tuple[SeriesSummary, ...]
    left_out: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values."""
        return {"series": [plain_values(vars(item)) for item in self.series], "left_out": self.left_out}


def list_series(path: str | Path) -> tuple[SeriesSummary, ...]:
    """List the CT series of a DICOM study, and mark the one that is read unless another is named.

    Only headers are read, and three slices of a series where its noise decides.

    Parameters
    ----------
    path : str or Path
        A folder (files at any depth), a zip archive of one, a DICOMDIR, or one ``.dcm`` file.

    Returns
    -------
    tuple of SeriesSummary
        By number.

    Raises
    ------
    FileReadError
        There is no CT slice, or an archive is damaged or far larger than a study.
    GeometryError
        There are CT slices, and none states its place.
    """
    return study_contents(path).series


def study_contents(path: str | Path) -> StudyContents:
    """Return what `list_series` returns, and the number of files that are not slices."""
    with open_study(path) as study:
        try:
            chosen = choose_series(study, PixelReader()).series
        except InputError:  # none can be read, or none without a choice: then none is marked
            chosen = None
        return StudyContents(with_choice(study, chosen), study.left_out_counts)


def read_dicom_series(path: str | Path, *, series: int | str | None = None) -> Volume:
    """Read a CT series in Hounsfield units, int16 where the values fit.

    Parameters, errors and method are those of `load_dicom_series`, which returns the findings, too.
    """
    return load_dicom_series(path, series=series).volume


def load_dicom_series(path: str | Path, *, series: int | str | None = None) -> DicomSeries:
    """Read the series of a DICOM study that shows bone best, with findings about what was done.

    Slices are sorted by their position along the slice normal. A straight, even stack is kept as it is. A
    gantry tilt (slices that also move within their plane) and uneven steps are resampled onto an unsheared,
    even grid, since ignoring them shears or stretches the head; between thick slices, what they show moves
    from one place to the other (`MovingPlanes`). Padding becomes air. All transfer
    syntaxes of CT are decoded, one slice or many in a file: uncompressed, deflated, run length, JPEG (8 and
    12 bits, lossless), JPEG-LS and JPEG 2000.

    Parameters
    ----------
    path : str or Path
        A folder (files at any depth), a zip archive of one, a DICOMDIR, or one ``.dcm`` file, whose series is
        then read.
    series : int or str, optional
        Number of the series as `list_series` gives it, or its SeriesInstanceUID. Default: the best for bone,
        see `choose_series`; a finding names the others.

    Returns
    -------
    DicomSeries
        Volume and findings.

    Raises
    ------
    FileReadError
        There is no DICOM file, or no CT slice, or a slice is damaged, or several studies might be meant, or
        the series holds slices of several patients, or some without their Hounsfield units.
    GeometryError
        Slices lack their position, occupy one position with different content, leave a gap, or are too few or
        too far apart.
    InputError
        No series has the number or identifier.
    """
    reader = PixelReader()
    with open_study(path) as study:
        choice = choose_series(study, reader, series)
        require_one_scan(choice.series.group.slices)
        slices = _without_repeats(choice.series.group.slices, reader)
        stack = stack_of(slices)
        findings = [
            *choice.findings,
            *left_out_findings(study, choice.series),
            *repeated_uid_findings(slices),
        ]
        findings += stack_findings(stack)
        planes: Iterable[NDArray[np.float32]] = _planes(slices, reader)
        aside_mm = None
        if has_thick_slices(stack):
            planes = list(planes)
            aside_mm, jitter = jitter_of(stack, planes)
            findings += jitter
        volume = stack_to_volume(stack, planes, fill=AIR_HU, moving=True, aside_mm=aside_mm)
    return DicomSeries(volume, tuple(findings), float(stack.steps_mm.max()))


def _planes(slices: list[Slice], reader: PixelReader) -> Iterator[NDArray[np.float32]]:
    """Yield the slices in order as Hounsfield units (rows, columns)."""
    for item in slices:
        yield reader.hounsfield(item)


def _without_repeats(slices: tuple[Slice, ...], reader: PixelReader) -> list[Slice]:
    """Drop slices that repeat the one at their position, and refuse those that differ from it."""
    kept: list[Slice] = []
    place = -np.inf
    for item, height in zip(slices, heights_mm(slices), strict=True):
        is_repeat = height - place < SAME_PLACE_MM
        for one, other in [(item, copy) for copy in item.copies] + ([(item, kept[-1])] if is_repeat else []):
            if not _are_equal(one, other, reader):
                raise GeometryError(
                    "expected one slice at each position, "
                    f"got two that differ at {np.round(item.position_mm, 2).tolist()} mm: "
                    "the series holds two reconstructions or phases, export one of them"
                )
        if not is_repeat:
            kept.append(item)
            place = height
    return kept


def _are_equal(one: Slice, other: Slice, reader: PixelReader) -> bool:
    is_shifted = np.abs(np.subtract(one.position_mm, other.position_mm)).max() >= SAME_PLACE_MM
    return not is_shifted and np.array_equal(reader.hounsfield(one), reader.hounsfield(other))
