"""Headers of DICOM files: which are slices of a CT, and what every other file is.

Of a header only geometry, identifiers that tell series apart, description and kernel are read; name, birth
date, patient numbers and comments never are.
"""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

from meshimplant.io.dicom.ct_slice import (
    LeftOut,
    Slice,
    Traits,
    code_values,
    lengths,
    number_or,
    numbers,
    plain_text,
    quiet,
)
from meshimplant.io.dicom.directory import missing_files
from meshimplant.io.dicom.enhanced import frame_slices
from meshimplant.io.dicom.study_files import DICOM_SUFFIXES, StudyFile, has_preamble

DAMAGED = "damaged file"
NO_PLACE = "page without a position"
NO_PLACES = "multi-frame file without positions"
LOCALIZER = "localizer"

_TAGS = [
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"),
    *("Modality", "ImageType", "SeriesNumber", "SeriesDescription", "ConvolutionKernel"),
    *("AcquisitionNumber", "AcquisitionTime", "ContentTime", "RescaleType"),
    *("PatientID", "RescaleSlope", "RescaleIntercept"),
    *("Rows", "Columns", "SamplesPerPixel", "NumberOfFrames"),
    *("PixelSpacing", "SliceThickness", "ImagePositionPatient", "ImageOrientationPatient"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]
_DIRECTORY = "1.2.840.10008.1.3.10"
_DOSE_REPORT = "1.2.840.10008.5.1.4.1.1.88.67"
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
#: What files with segments are.
SEGMENTATIONS = ("segmentation", "contour set")
#: What files of other modalities are, in words.
_MODALITIES = {
    "SR": "structured report",
    "DOC": "PDF document",
    "PR": "presentation state",
    "KO": "key object note",
    "SEG": SEGMENTATIONS[0],
    "RTSTRUCT": SEGMENTATIONS[1],
    "OT": "secondary capture",
    "SC": "secondary capture",
}
#: Endings that may hold DICOM without its preamble.
_BARE_SUFFIXES = {"", *DICOM_SUFFIXES, ".img"}


def read_headers(files: Sequence[StudyFile]) -> tuple[list[Slice], list[LeftOut]]:
    """Return every CT slice of a study, and every other DICOM file with its kind.

    Files that are no DICOM (notes, viewers of a CD) are in neither list. Images that a DICOMDIR lists and
    that are not there count among the others.
    """
    slices: list[Slice] = []
    others: list[LeftOut] = []
    for file in files:
        found = _read(file)
        if isinstance(found, LeftOut):
            others.append(found)
        else:
            slices.extend(found)
    return slices, others + missing_files(files)


def _read(file: StudyFile) -> list[Slice] | LeftOut:
    """Return the slices of a file, none for one that is no DICOM, or what else it is."""
    if file.is_directory_file:
        return []
    damaged = LeftOut(DAMAGED, "", file)
    try:
        with file.open() as stream:
            marked = has_preamble(stream)
            if not marked and file.suffix not in _BARE_SUFFIXES:
                return []
            stream.seek(0)
            header = _parsed(stream)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError):
        return damaged
    if header is None or not ("SOPClassUID" in header or "Modality" in header):
        return damaged if marked or file.suffix in DICOM_SUFFIXES else []
    try:
        return _slices(file, header)
    except Exception:  # a value that is not of its kind fails when it is first used, in any way
        return damaged


def _parsed(stream: Any) -> Any | None:
    """Return the tags of a file, or None where they cannot be parsed."""
    import pydicom

    with quiet():
        try:
            return pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=_TAGS, force=True)
        except Exception:  # parsing a damaged or foreign file can fail in any way
            return None


def _slices(file: StudyFile, header: Any) -> list[Slice] | LeftOut:
    with quiet():
        series = str(header.get("SeriesInstanceUID", "") or "")
        sop_class = str(header.get("SOPClassUID", "") or "")
        if sop_class == _DIRECTORY:
            return []
        kind = _other_kind(header, sop_class)
        if kind is not None:
            return LeftOut(kind, series, file)
        try:
            return _placed(file, header)
        except (AttributeError, TypeError, ValueError):
            return LeftOut(_without_place(header, sop_class), series, file)


def _placed(file: StudyFile, header: Any) -> list[Slice]:
    """Return the slices of a CT file; raises ValueError, TypeError or AttributeError without a place."""
    if "PerFrameFunctionalGroupsSequence" in header:
        return frame_slices(file, header, _common(header), _traits(header))
    if (number_or(header.get("NumberOfFrames"), 1) or 1) > 1:
        raise ValueError("expected a place for each frame")
    place = {
        "pixel_mm": lengths(header.get("PixelSpacing")),
        "position_mm": numbers(header.get("ImagePositionPatient"), 3),
        "orientation": numbers(header.get("ImageOrientationPatient"), 6),
        "thickness_mm": number_or(header.get("SliceThickness"), 0.0),
    }
    has_scale = "RescaleSlope" in header and "RescaleIntercept" in header
    common = {**_common(header), "has_scale": has_scale}
    return [Slice(source=file, frame=None, **place, traits=_traits(header), **common)]


def _common(header: Any) -> dict[str, Any]:
    """Return the properties that a file states once."""
    number = number_or(header.get("SeriesNumber"), None)
    return {
        "instance": str(header.get("SOPInstanceUID", "") or ""),
        "series": str(header.get("SeriesInstanceUID", "") or ""),
        "patient": str(header.get("PatientID", "") or ""),
        "study": str(header.get("StudyInstanceUID", "") or ""),
        "frame_of_reference": str(header.get("FrameOfReferenceUID", "") or ""),
        "series_number": None if number is None else int(number),
        "shape": (int(header.Rows), int(header.Columns)),
    }


def _traits(header: Any) -> Traits:
    time = number_or(header.get("AcquisitionTime"), None)
    return Traits(
        kernel=plain_text(header.get("ConvolutionKernel")),
        description=plain_text(header.get("SeriesDescription")),
        image_type=code_values(header.get("ImageType")),
        acquisition=plain_text(header.get("AcquisitionNumber")),
        unit=plain_text(header.get("RescaleType")).upper(),
        time_s=number_or(header.get("ContentTime"), None) if time is None else time,
    )


def _other_kind(header: Any, sop_class: str) -> str | None:
    """Return what a file is, or None if it may be a slice of a CT."""
    modality = str(header.get("Modality", "") or "")
    if sop_class == _DOSE_REPORT:
        return "dose report"
    if sop_class.startswith(_ENCAPSULATED):
        return _MODALITIES["DOC"]
    if modality != "CT":
        return _MODALITIES.get(modality, _modality_words(modality))
    if "Rows" not in header:
        return "file without an image"
    if LOCALIZER.upper() in code_values(header.get("ImageType")):
        return LOCALIZER
    if (number_or(header.get("SamplesPerPixel"), 1) or 1) > 1:
        return "colour picture"
    is_multi_frame = (number_or(header.get("NumberOfFrames"), 1) or 1) > 1
    if is_multi_frame and "PerFrameFunctionalGroupsSequence" not in header:
        return NO_PLACES
    return None


def _without_place(header: Any, sop_class: str) -> str:
    """Return what an image of a CT is that states no usable place."""
    if sop_class.startswith(_CAPTURE):
        return _MODALITIES["SC"]
    return NO_PLACES if "PerFrameFunctionalGroupsSequence" in header else NO_PLACE


def _modality_words(modality: str) -> str:
    """Return a modality as words; it is free text in a header, and only a code is shown."""
    return f"{modality} file" if re.fullmatch(r"[A-Z]{2,12}", modality) else "file of no stated modality"
