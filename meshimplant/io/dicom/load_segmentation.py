"""Segmentations of a DICOM study, SEG and RTSTRUCT, chosen by the name or number of a segment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshimplant.errors import FileReadError, GeometryError
from meshimplant.io.dicom.contour_mask import contours_to_mask
from meshimplant.io.dicom.ct_slice import quiet
from meshimplant.io.dicom.rtstruct import referenced_series, rtstruct_contours, rtstruct_segments
from meshimplant.io.dicom.seg import seg_segments, seg_volume
from meshimplant.io.dicom.segmentation_files import (
    RTSTRUCT_CLASS,
    SEGMENTATION_CLASSES,
    is_segmentation_file,
    sop_class,
)
from meshimplant.io.dicom.series_grid import holds_ct, series_grid
from meshimplant.io.dicom.study_files import StudyFile, is_one_file, study_files
from meshimplant.io.segments import Segment, choose_segment, segment_finding
from meshimplant.report import Finding
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

_UNDEFINED_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True)
class _Place:
    """A segment, and the file and number under which it is found."""

    dataset: Any
    number: int


def holds_segmentation_only(path: Path) -> bool:
    """Return whether a DICOM study holds a SEG or an RTSTRUCT and no CT."""
    with study_files(path) as files:
        if not any(sop_class(file) in SEGMENTATION_CLASSES for file in files):
            return False
    return not holds_ct(path)


def load_segmentation(
    path: Path, wanted: str | int | None = None, *, grid: Grid | None = None
) -> tuple[Volume, tuple[Finding, ...]]:
    """Read one segment of the segmentations of a DICOM study as a mask.

    The mask is on the grid of the CT on which it was drawn, if its files are in the study. Without them a SEG
    has its own grid, and contours (RTSTRUCT) are filled on `grid`.

    Parameters
    ----------
    path : Path
        A study (folder, zip, DICOMDIR), whose segmentations are all searched, or one SEG or RTSTRUCT file.
    wanted : str or int, optional
        Name of a segment, in any capitals, or its number; not needed where there is only one.
    grid : Grid, optional
        Where to fill contours whose CT is not in the study.

    Returns
    -------
    volume : Volume
        Uint8 0/1, or a probability (float32) of a fractional segmentation.
    findings : tuple of Finding
        Which segment was read, and what was resampled or interpolated.

    Raises
    ------
    FileReadError
        There is no segmentation, or it is damaged.
    InputError
        Several segments may be meant, or none.
    GeometryError
        Contours without a CT or a grid, or frames that form no volume.
    """
    segments, places = _listed(path)
    if not segments:
        raise FileReadError(
            "expected a segmentation (DICOM SEG or RTSTRUCT) with a segment, got none: "
            "leave segment (--segment) out to read the CT"
        )
    chosen = choose_segment(segments, wanted, name="the segmentation")
    place = places[chosen]
    ct = series_grid(path.parent if is_one_file(path) else path, referenced_series(place.dataset))
    if _is_contours(place.dataset):
        volume, findings = _filled(place, grid if ct is None else ct)
    else:
        volume, findings = seg_volume(place.dataset, place.number)
        volume = _on_ct(volume, ct)
    return volume, (segment_finding(segments, chosen), *findings)


def _listed(path: Path) -> tuple[list[Segment], list[_Place]]:
    """Return the segments of all segmentations of a study, or of the one file that the path names."""
    segments: list[Segment] = []
    places: list[_Place] = []
    is_alone = is_segmentation_file(path)
    with study_files(path) as files:
        for file in files:
            if is_alone and file.name != path.name:
                continue
            kind = sop_class(file)
            if kind not in SEGMENTATION_CLASSES:
                continue
            dataset = _read(file)
            try:
                found = rtstruct_segments(dataset) if kind == RTSTRUCT_CLASS else seg_segments(dataset)
            except Exception as error:  # a tag that is missing or of another kind fails in many ways
                raise _damaged() from error
            segments += found
            places += [_Place(dataset, segment.number) for segment in found]
    return segments, places


def _filled(place: _Place, grid: Grid | None) -> tuple[Volume, tuple[Finding, ...]]:
    """Fill contours on a grid."""
    contours = rtstruct_contours(place.dataset, place.number)
    if grid is None:
        raise GeometryError(
            "expected the CT on which the contours were drawn beside them, got the contours alone: "
            "put the files of that CT series into the same folder"
        )
    return contours_to_mask(contours, grid)


def _on_ct(volume: Volume, ct: Grid | None) -> Volume:
    """Return a mask on the whole CT where it is a part of it: empty slices that a SEG leaves out come back.

    Bone at the end of the slices that are there would be taken for bone that the scan cuts off.
    """
    if ct is None or not volume.shares_voxels_with(ct):
        return volume
    start = volume.start_in(ct)
    if (start < 0).any() or (start + volume.shape > ct.shape).any():
        return volume
    return volume.paste_into(ct)


def _is_contours(dataset: Any) -> bool:
    return str(dataset.get("SOPClassUID", "")) == RTSTRUCT_CLASS


def _read(file: StudyFile) -> Any:
    import pydicom

    try:
        with file.open() as stream, quiet():
            dataset = pydicom.dcmread(stream)
            is_cut = any(_is_cut(dataset.get_item(tag)) for tag in list(dataset.keys()))
    except Exception as error:  # parsing a damaged file can fail in any way
        raise _damaged() from error
    if is_cut:
        raise _damaged()
    return dataset


def _is_cut(element: Any) -> bool:
    """Return whether an element is shorter than it states; pydicom takes what is left of a truncated file."""
    length, value = getattr(element, "length", None), element.value
    return isinstance(value, bytes) and isinstance(length, int) and len(value) < length < _UNDEFINED_LENGTH


def _damaged() -> FileReadError:
    return FileReadError(
        "expected a readable segmentation, got one that is damaged or truncated: copy or export it again"
    )
