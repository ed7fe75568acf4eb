"""Enhanced multi-frame CT: one file with many slices, each with its own place, rescaling and kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from meshimplant.io.dicom.ct_slice import Slice, Traits, code_values, lengths, number_or, numbers, plain_text
from meshimplant.io.dicom.study_files import StudyFile


def frame_slices(file: StudyFile, header: Any, common: dict[str, Any], traits: Traits) -> list[Slice]:
    """Return one slice for each frame of an enhanced CT.

    A group of attributes is looked up in the frame's own functional groups, and then in those shared by all
    frames.

    Parameters
    ----------
    file : StudyFile
        The file.
    header : pydicom.Dataset
        Its header, with the functional groups.
    common : dict
        The fields of `Slice` that the file states once.
    traits : Traits
        The traits that the file states once.

    Raises
    ------
    ValueError, TypeError, AttributeError
        A frame has no place, or the number of frames is not that of their descriptions.
    """
    frames = header.PerFrameFunctionalGroupsSequence
    shared = header.get("SharedFunctionalGroupsSequence") or [None]
    if len(frames) != int(header.NumberOfFrames):
        raise ValueError("expected one description for each frame")
    return [_frame(file, index, _Groups(own, shared[0]), common, traits) for index, own in enumerate(frames)]


class _Groups:
    """The functional groups of one frame, backed by those of all frames."""

    def __init__(self, own: Any, shared: Any | None) -> None:
        self._sources = [source for source in (own, shared) if source is not None]

    def get(self, group: str, keyword: str) -> Any:
        """Return one attribute of a group, or None where neither has it."""
        for source in self._sources:
            items = source.get(group)
            if items and items[0].get(keyword) is not None:
                return items[0].get(keyword)
        return None


def _frame(file: StudyFile, index: int, groups: _Groups, common: dict[str, Any], traits: Traits) -> Slice:
    return Slice(
        source=file,
        frame=index,
        pixel_mm=lengths(groups.get("PixelMeasuresSequence", "PixelSpacing")),
        thickness_mm=number_or(groups.get("PixelMeasuresSequence", "SliceThickness"), 0.0),
        position_mm=numbers(groups.get("PlanePositionSequence", "ImagePositionPatient"), 3),
        orientation=numbers(groups.get("PlaneOrientationSequence", "ImageOrientationPatient"), 6),
        traits=_frame_traits(groups, traits),
        rescale=_rescale(groups),
        **common,
    )


def _rescale(groups: _Groups) -> tuple[float, float] | None:
    values = [
        groups.get("PixelValueTransformationSequence", keyword)
        for keyword in ("RescaleSlope", "RescaleIntercept")
    ]
    return None if values == [None, None] else numbers(values, 2)


def _frame_traits(groups: _Groups, traits: Traits) -> Traits:
    """Return the traits of the file, with those that the frame states itself."""
    own = {
        "kernel": plain_text(groups.get("CTReconstructionSequence", "ConvolutionKernel")),
        "image_type": code_values(groups.get("CTImageFrameTypeSequence", "FrameType")),
        "acquisition": plain_text(groups.get("FrameContentSequence", "FrameAcquisitionNumber")),
        "stack": plain_text(groups.get("FrameContentSequence", "StackID")),
        "unit": plain_text(groups.get("PixelValueTransformationSequence", "RescaleType")).upper(),
        "phase": plain_text(groups.get("FrameContentSequence", "TemporalPositionIndex")),
        "time_s": number_or(groups.get("FrameContentSequence", "FrameAcquisitionDateTime"), None),
    }
    return replace(traits, **{name: value for name, value in own.items() if value not in ("", (), None)})
