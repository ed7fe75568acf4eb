"""Small segmentations as other programs write them: DICOM SEG, RTSTRUCT and a CT series beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    RTStructureSetStorage,
    SegmentationStorage,
    generate_uid,
)

from meshimplant.voxels.volume import Volume

PLANTED = "Doe^Jane"
LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"


def _item(**tags: object) -> Dataset:
    item = Dataset()
    for name, value in tags.items():
        setattr(item, name, value)
    return item


def _file(sop_class: str, modality: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    file.Modality, file.PatientName, file.PatientID = modality, PLANTED, "ID-4711"
    file.SeriesInstanceUID = generate_uid()
    return file


def _numbers(values: np.ndarray) -> list[str]:
    return [f"{value:.8g}" for value in np.asarray(values, float).ravel()]


def write_ct(folder: Path, ct: Volume, series: str) -> None:
    """Write a volume whose axes are column, row and slice as a CT series."""
    folder.mkdir(parents=True, exist_ok=True)
    axes = ct.affine[:3, :3] / ct.spacing_mm
    for k in range(ct.shape[2]):
        file = _file(CTImageStorage, "CT")
        file.SeriesInstanceUID, file.ImageType = series, ["ORIGINAL", "PRIMARY", "AXIAL"]
        file.Columns, file.Rows = ct.shape[:2]
        file.PixelSpacing = _numbers(ct.spacing_mm[[1, 0]])
        file.ImagePositionPatient = _numbers(ct.to_mm((0, 0, k)))
        file.ImageOrientationPatient = _numbers(axes[:, :2].T)
        file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
        file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 1
        file.RescaleSlope, file.RescaleIntercept = 1, 0
        file.PixelData = ct.array[:, :, k].T.astype("<i2").tobytes()
        file.save_as(folder / f"ct{k:03d}.dcm", enforce_file_format=True)


def write_seg(
    path: Path,
    segments: dict[str, np.ndarray],
    grid: Volume,
    *,
    kind: str = "BINARY",
    leave_out_empty: bool = True,
    positions_mm: np.ndarray | None = None,
    series: str = "",
) -> None:
    """Write segments on a grid (axes column, row, slice); of a fractional one, values from 0 to 1."""
    file = _file(LABEL_MAP_STORAGE if kind == "LABELMAP" else SegmentationStorage, "SEG")
    file.SegmentationType = kind
    axes = grid.affine[:3, :3] / grid.spacing_mm
    places = grid.to_mm([(0, 0, k) for k in range(grid.shape[2])]) if positions_mm is None else positions_mm
    file.SegmentSequence = Sequence(
        [_item(SegmentNumber=n, SegmentLabel=name) for n, name in enumerate(segments, start=1)]
    )
    file.Columns, file.Rows = grid.shape[:2]
    measures = _item(PixelSpacing=_numbers(grid.spacing_mm[[1, 0]]), SliceThickness="1")
    directions = _item(ImageOrientationPatient=_numbers(axes[:, :2].T))
    file.SharedFunctionalGroupsSequence = Sequence(
        [_item(PixelMeasuresSequence=Sequence([measures]), PlaneOrientationSequence=Sequence([directions]))]
    )
    if series:
        file.ReferencedSeriesSequence = Sequence([_item(SeriesInstanceUID=series)])
    frames, groups = [], []
    layers = dict(enumerate(segments.values(), start=1))
    if kind == "LABELMAP":
        layers = {0: sum(n * (mask != 0).astype(np.uint8) for n, mask in layers.items())}
    for number, mask in layers.items():
        for k in range(grid.shape[2]):
            if leave_out_empty and not mask[:, :, k].any():
                continue
            frames.append(mask[:, :, k].T)
            group = _item(PlanePositionSequence=Sequence([_item(ImagePositionPatient=_numbers(places[k]))]))
            if number:
                chosen = _item(ReferencedSegmentNumber=number)
                group.SegmentIdentificationSequence = Sequence([chosen])
            groups.append(group)
    order = np.random.default_rng(1).permutation(len(frames))
    file.PerFrameFunctionalGroupsSequence = Sequence([groups[n] for n in order])
    file.NumberOfFrames = len(frames)
    file.SamplesPerPixel, file.PhotometricInterpretation, file.PixelRepresentation = 1, "MONOCHROME2", 0
    file.BitsAllocated = file.BitsStored = 1 if kind == "BINARY" else 8
    file.HighBit = file.BitsStored - 1
    stack = np.array([frames[n] for n in order])
    if kind == "BINARY":
        data = np.packbits(stack.ravel() != 0, bitorder="little").tobytes()
    elif kind == "FRACTIONAL":
        file.SegmentationFractionalType, file.MaximumFractionalValue = "PROBABILITY", 200
        data = np.rint(stack * 200).astype(np.uint8).tobytes()
    else:
        data = stack.astype(np.uint8).tobytes()
    file.PixelData = data + b"\0" * (len(data) % 2)
    file["PixelData"].VR = "OB"
    file.save_as(path, enforce_file_format=True)


def write_rtstruct(path: Path, regions: dict[str, list[np.ndarray]], series: str) -> None:
    """Write regions of closed contours (n, 3), LPS mm, drawn on a CT series."""
    file = _file(RTStructureSetStorage, "RTSTRUCT")
    of_series = _item(SeriesInstanceUID=series)
    of_study = _item(RTReferencedSeriesSequence=Sequence([of_series]))
    file.ReferencedFrameOfReferenceSequence = Sequence(
        [_item(FrameOfReferenceUID=generate_uid(), RTReferencedStudySequence=Sequence([of_study]))]
    )
    file.StructureSetROISequence = Sequence(
        [_item(ROINumber=n, ROIName=name) for n, name in enumerate(regions, start=1)]
    )
    file.ROIContourSequence = Sequence()
    for number, contours in enumerate(regions.values(), start=1):
        drawn = [
            _item(
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=len(contour),
                ContourData=_numbers(contour),
            )
            for contour in contours
        ]
        file.ROIContourSequence.append(_item(ReferencedROINumber=number, ContourSequence=Sequence(drawn)))
    file.save_as(path, enforce_file_format=True)
