"""Contour sets of radiotherapy (RTSTRUCT): regions of interest, and their closed planar contours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError, FileReadError
from meshimplant.io.dicom.ct_slice import quiet
from meshimplant.io.segments import Segment

#: Types of contours that surround an area.
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR")
_CONTOUR_DATA = 0x30060050


def rtstruct_segments(dataset: Any) -> list[Segment]:
    """Return the regions of interest that have closed contours, in the order of the file.

    Parameters
    ----------
    dataset : pydicom.Dataset
        The whole file.

    Returns
    -------
    list of Segment
    """
    with quiet():
        drawn = {
            int(item.ReferencedROINumber)
            for item in dataset.get("ROIContourSequence", ()) or ()
            if any(_is_closed(contour) for contour in item.get("ContourSequence", ()) or ())
        }
        regions = [
            Segment(int(item.ROINumber), str(item.get("ROIName", "") or ""))
            for item in dataset.get("StructureSetROISequence", ()) or ()
        ]
    return [region for region in regions if region.number in drawn]


def rtstruct_contours(dataset: Any, number: int) -> list[NDArray[np.float64]]:
    """Return the closed contours (n, 3) of a region of interest, LPS mm.

    Parameters
    ----------
    dataset : pydicom.Dataset
        The whole file.
    number : int
        Number of the region.

    Returns
    -------
    list of (n, 3) array

    Raises
    ------
    FileReadError
        A contour is damaged.
    EmptyMaskError
        The region has no closed contour.

    Notes
    -----
    Source: DICOM PS3.3, C.8.8.6 (ROI Contour).
    """
    with quiet():
        try:
            found = [
                _corners(contour)
                for item in dataset.ROIContourSequence
                if int(item.ReferencedROINumber) == number
                for contour in item.get("ContourSequence", ()) or ()
                if _is_closed(contour)
            ]
        except Exception as error:  # a value that is not of its kind fails in many ways
            raise FileReadError(
                "expected corners of three numbers in each contour of the contour set, got a damaged one: "
                "export it again"
            ) from error
    contours = [corners for corners in found if len(corners) >= 3]
    if not contours:
        raise EmptyMaskError(f"expected closed contours of region {number}, got none: choose another segment")
    return contours


def referenced_series(dataset: Any) -> list[str]:
    """Return the SeriesInstanceUIDs of the images on which contours or segments were drawn."""
    found: list[str] = []
    with quiet():
        for series in dataset.get("ReferencedSeriesSequence", ()) or ():  # of a SEG
            found.append(str(series.get("SeriesInstanceUID", "")))
        for frame in dataset.get("ReferencedFrameOfReferenceSequence", ()) or ():
            for study in frame.get("RTReferencedStudySequence", ()) or ():
                for series in study.get("RTReferencedSeriesSequence", ()) or ():
                    found.append(str(series.get("SeriesInstanceUID", "")))
    return [uid for uid in dict.fromkeys(found) if uid]


def _is_closed(contour: Any) -> bool:
    return str(contour.get("ContourGeometricType", "")).upper() in _CLOSED


def _corners(contour: Any) -> NDArray[np.float64]:
    """Return the corners (n, 3); as text they are parsed at once, which takes a tenth of the time."""
    value = contour.get_item(_CONTOUR_DATA).value
    numbers = value.split(b"\\") if isinstance(value, bytes) else value
    corners = np.array([float(number) for number in numbers]).reshape(-1, 3)
    if not np.isfinite(corners).all():
        raise ValueError("a corner that is not finite")
    return corners
