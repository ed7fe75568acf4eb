"""`write_dicom_seg`: a mask, such as the reconstruction, as a DICOM segmentation in the frame of a series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError, GeometryError, require_type
from meshimplant.io.dicom.export_context import (
    SIDES,
    SKULL,
    ExportContext,
    Laterality,
    coded,
    item_of,
    new_object,
    referenced,
    save_object,
)
from meshimplant.runtime.today import today
from meshimplant.voxels.volume import Volume

#: SOP class of a segmentation, and codes (value, scheme, meaning).
_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
_STRUCTURE, _BONE = ("91723000", "SCT", "Anatomical Structure"), ("272673000", "SCT", "Bone")

_PURPOSE = ("121322", "DCM", "Source image for image processing operation")
_SEGMENTED = ("113076", "DCM", "Segmentation")
#: Colour of the segment, CIELab as DICOM stores it: the blue of parts in pictures.
_COLOUR = [38200, 27200, 25700]
#: Axes that are farther from a right angle cannot be stored.
_RIGHT_ANGLE = 1e-4


def write_dicom_seg(
    mask: Volume,
    path: str | Path,
    context: ExportContext,
    *,
    name: str = "missing bone",
    laterality: Laterality | None = None,
    report_sha256: str = "",
) -> None:
    """Write a mask as a binary DICOM segmentation of one segment.

    Slices are those of the mask's own grid; empty ones are left out, as the standard has it.

    Parameters
    ----------
    mask : Volume
        Non-zero is inside.
    path : str or Path
        The ``.dcm`` file to write.
    context : ExportContext
        The series, from `read_dicom_context`.
    name : str
        What the segment is called.
    laterality : str, optional
        ``R``, ``L`` or ``B`` (both sides); None: not stated.
    report_sha256 : str
        SHA-256 of the report of the design.

    Raises
    ------
    EmptyMaskError
        The mask is empty.
    GeometryError
        Its axes are not at right angles.
    OutputError
        The file cannot be written.
    """
    require_type(mask, Volume, "the mask")
    upright = mask.reorient("LPS")
    inside = upright.array != 0
    filled = np.flatnonzero(inside.any(axis=(0, 1)))
    if not len(filled):
        raise EmptyMaskError("expected a mask with voxels in it, got an empty one: check the file")
    axes = upright.affine[:3, :3] / upright.spacing_mm
    if np.abs(axes.T @ axes - np.eye(3)).max() > _RIGHT_ANGLE:
        raise GeometryError("expected axes at right angles, got a sheared grid: resample the mask")
    frames = np.ascontiguousarray(inside[:, :, filled].transpose(2, 1, 0))
    packed = np.packbits(frames.ravel(), bitorder="little").tobytes()
    file = new_object(
        context,
        packed + np.asarray(upright.affine).tobytes(),
        sop_class=_CLASS,
        modality="SEG",
        title=name,
        date=today(),
        laterality=laterality,
        report_sha256=report_sha256,
    )
    _describe(file, name, laterality, frames.shape)
    _place(file, context, upright, axes, filled)
    file.PixelData = packed + b"\0" * (len(packed) % 2)
    file["PixelData"].VR = "OB"
    save_object(file, path)


def _describe(
    file: Any,
    name: str,
    laterality: Laterality | None,
    shape: tuple[int, ...],
) -> None:
    """State what the frames are, and which segment they show."""
    file.ImageType = ["DERIVED", "PRIMARY"]
    file.NumberOfFrames, file.Rows, file.Columns = shape
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 1, 1, 0, 0
    file.LossyImageCompression, file.SegmentationType, file.BurnedInAnnotation = "00", "BINARY", "NO"
    file.SegmentsOverlap = "NO"
    file.ContentLabel, file.ContentDescription, file.ContentCreatorName = "MISSING_BONE", name[:64], ""
    region = coded(SKULL)
    if laterality is not None:
        region.AnatomicRegionModifierSequence = [coded(SIDES[laterality])]
    del file.AnatomicRegionSequence  # belongs to the segment
    file.SegmentSequence = [
        item_of(
            SegmentNumber=1,
            SegmentLabel=name[:64],
            SegmentAlgorithmType="AUTOMATIC",
            SegmentAlgorithmName="meshimplant",
            RecommendedDisplayCIELabValue=_COLOUR,
            SegmentedPropertyCategoryCodeSequence=[coded(_STRUCTURE)],
            SegmentedPropertyTypeCodeSequence=[coded(_BONE)],
            AnatomicRegionSequence=[region],
        )
    ]


def _place(
    file: Any,
    context: ExportContext,
    mask: Volume,
    axes: NDArray[np.float64],
    filled: NDArray[np.int64],
) -> None:
    """State where each frame lies, and what the frames were made from."""
    organization = f"{file.SeriesInstanceUID}.1"[:64]
    file.DimensionOrganizationSequence = [item_of(DimensionOrganizationUID=organization)]
    file.DimensionIndexSequence = [
        item_of(
            DimensionOrganizationUID=organization,
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=group,
            DimensionDescriptionLabel=label,
        )
        for pointer, group, label in (
            (0x0062000B, 0x0062000A, "ReferencedSegmentNumber"),
            (0x00200032, 0x00209113, "ImagePositionPatient"),
        )
    ]
    column_mm, row_mm, slice_mm = mask.spacing_mm
    measures = item_of(
        PixelSpacing=_numbers([row_mm, column_mm]),
        SliceThickness=_numbers([slice_mm])[0],
        SpacingBetweenSlices=_numbers([slice_mm])[0],
    )
    sources = referenced(context.instances)
    for source in sources:
        source.PurposeOfReferenceCodeSequence = [coded(_PURPOSE)]
    derived = item_of(SourceImageSequence=sources, DerivationCodeSequence=[coded(_SEGMENTED)])
    directions = item_of(ImageOrientationPatient=_numbers(axes[:, :2].T))
    file.SharedFunctionalGroupsSequence = [
        item_of(
            PixelMeasuresSequence=[measures],
            PlaneOrientationSequence=[directions],
            DerivationImageSequence=[derived],
            SegmentIdentificationSequence=[item_of(ReferencedSegmentNumber=1)],
        )
    ]
    places = mask.to_mm([(0, 0, int(k)) for k in filled])
    file.PerFrameFunctionalGroupsSequence = [
        item_of(
            FrameContentSequence=[item_of(DimensionIndexValues=[1, number])],
            PlanePositionSequence=[item_of(ImagePositionPatient=_numbers(place))],
        )
        for number, place in enumerate(places, 1)
    ]


def _numbers(values: Any) -> list[str]:
    """Return numbers as decimal strings of at most 16 characters."""
    from pydicom.valuerep import format_number_as_ds

    return [format_number_as_ds(float(value)) for value in np.asarray(values, float).ravel()]
