"""Small DICOM files: CT slices of a round head, and the other files that a study from a hospital holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EncapsulatedPDFStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    XRayRadiationDoseSRStorage,
    generate_uid,
)

#: Planted in every file; must never be printed or written, except a description by info.
NAME, NUMBER = "Doe^Jane", "ID-4711"
STUDY, FRAME = generate_uid(), generate_uid()
#: Pixels of 8 mm: a field of 192 mm holds a head.
SIZE, PIXEL_MM = 24, 8.0
#: Heights of slices across a whole head.
HEAD_MM = np.arange(0, 160, 8.0)


def head_slice(noise_hu: float = 0.0, seed: int = 0, level: int = 40) -> np.ndarray:
    """Return one slice in Hounsfield units, int16: a ring of bone around brain of a level, in air."""
    away = np.hypot(*(np.indices((SIZE, SIZE)) - (SIZE - 1) / 2)) * PIXEL_MM
    brain = level + noise_hu * np.random.default_rng(seed).standard_normal((SIZE, SIZE))
    return np.where(away > 85, -1000, np.where(away > 70, 900, brain)).round().astype(np.int16)


def new_file(sop_class: str = CTImageStorage, **tags: Any) -> FileDataset:
    """Return a file with identifiers, a planted identity, and further tags."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, sop_class
    meta.MediaStorageSOPInstanceUID = tags.get("SOPInstanceUID", generate_uid())
    file = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    file.StudyInstanceUID, file.SeriesInstanceUID, file.FrameOfReferenceUID = STUDY, generate_uid(), FRAME
    file.PatientName, file.PatientID, file.Modality = NAME, NUMBER, "CT"
    for name, value in tags.items():
        setattr(file, name, value)
    return file


def put_pixels(file: Dataset, values: np.ndarray, *, intercept: int = -1024) -> None:
    """Store Hounsfield units (rows, columns) or (frames, rows, columns), as unsigned words of 16 bits."""
    file.Rows, file.Columns = values.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 0
    file.RescaleSlope, file.RescaleIntercept = 1, intercept
    file.PixelData = np.maximum(values.astype(int) - intercept, 0).astype(np.uint16).tobytes()


def ct_slice(
    values: np.ndarray,
    height_mm: float,
    *,
    pixel: Sequence[float] = (PIXEL_MM, PIXEL_MM),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    corner: Sequence[float] = (-92.0, -92.0),
    **tags: Any,
) -> FileDataset:
    """Return one axial slice; `tags` override what it states."""
    file = new_file(ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])
    file.PixelSpacing, file.ImageOrientationPatient = list(pixel), list(orientation)
    file.ImagePositionPatient = [*corner, float(height_mm)]
    put_pixels(file, values)
    for name, value in tags.items():
        setattr(file, name, value)
    return file


def write(file: FileDataset, path: Path) -> Path:
    """Write a file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    heights_mm: Sequence[float] = HEAD_MM,
    *,
    noise_hu: float = 0.0,
    level: int = 40,
    **tags: Any,
) -> list[Path]:
    """Write one series of slices; a tag given as a list of as many values as slices differs between them."""
    tags.setdefault("SeriesInstanceUID", generate_uid())
    paths = []
    for n, height in enumerate(heights_mm):
        own = {k: v[n] if isinstance(v, list) and len(v) == len(heights_mm) else v for k, v in tags.items()}
        file = ct_slice(head_slice(noise_hu, n, level), height, **own)
        paths.append(write(file, folder / f"IM{n:04d}.dcm"))
    return paths


def scout(**tags: Any) -> FileDataset:
    """Return a localizer."""
    tags = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], **tags}
    return ct_slice(head_slice(), 0.0, orientation=(1, 0, 0, 0, 0, -1), **tags)


def dose_report(**tags: Any) -> FileDataset:
    """Return a dose report."""
    return new_file(XRayRadiationDoseSRStorage, Modality="SR", **tags)


def capture(**tags: Any) -> FileDataset:
    """Return a screenshot."""
    file = new_file(SecondaryCaptureImageStorage, ImageType=["DERIVED", "SECONDARY"])
    put_pixels(file, head_slice())
    for name, value in {"Modality": "OT", **tags}.items():
        setattr(file, name, value)
    return file


def pdf() -> FileDataset:
    """Return a report as PDF."""
    return new_file(EncapsulatedPDFStorage, Modality="DOC", EncapsulatedDocument=b"%PDF")


def page(**tags: Any) -> FileDataset:
    """Return a page of text among the slices: an image of a CT without a position."""
    file = ct_slice(head_slice(), 0.0, **tags)
    del file.ImagePositionPatient
    return file


def enhanced(
    frames: Sequence[np.ndarray],
    places: Sequence[dict[str, Any]],
    shared: dict[str, Any] | None = None,
    **tags: Any,
) -> FileDataset:
    """Return an enhanced CT; `places` and `shared` map names of functional groups to their attributes."""
    file = new_file(EnhancedCTImageStorage, ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])
    put_pixels(file, np.array(frames))
    del file.RescaleSlope, file.RescaleIntercept
    file.NumberOfFrames = len(frames)
    file.SharedFunctionalGroupsSequence = [_groups(shared or {})]
    file.PerFrameFunctionalGroupsSequence = [_groups(place) for place in places]
    for name, value in tags.items():
        setattr(file, name, value)
    return file


def _groups(groups: dict[str, Any]) -> Dataset:
    out = Dataset()
    for name, attributes in groups.items():
        item = Dataset()
        for keyword, value in attributes.items():
            setattr(item, keyword, value)
        setattr(out, name, [item])
    return out


def recode(path: Path, syntax: int) -> None:
    """Write a slice again in another transfer syntax."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


def write_study(folder: Path) -> dict[str, str]:
    """Write a study as a hospital hands it out; return the identifiers of its series by name.

    A scout, a thick series of a soft kernel, a thin one of a bone kernel, a reformat, and beside them a dose
    report, a screenshot, a PDF, a page without a position and a file that is no DICOM.
    """
    uids = {name: generate_uid() for name in ("scout", "thick", "thin", "mpr")}
    write(scout(SeriesInstanceUID=uids["scout"], SeriesNumber=1), folder / "A" / "1")
    write_series(
        folder / "B", SeriesInstanceUID=uids["thick"], SeriesNumber=2, ConvolutionKernel="H31s",
        SeriesDescription=f"Head 5mm {NAME}",
    )  # fmt: skip
    thin = {"SeriesInstanceUID": uids["thin"], "SeriesNumber": 3}
    write_series(
        folder / "C", np.arange(0, 160, 2.0), **thin, ConvolutionKernel="H60s", noise_hu=5,
        SeriesDescription="Bone \x1b[2J1.0",
    )  # fmt: skip
    write_series(
        folder / "D", np.arange(0, 160, 1.0), SeriesInstanceUID=uids["mpr"], SeriesNumber=4,
        ImageType=["DERIVED", "SECONDARY", "MPR"],
    )  # fmt: skip
    write(page(**thin), folder / "C" / "page.dcm")
    write(dose_report(), folder / "E" / "dose")
    write(capture(), folder / "E" / "capture")
    write(pdf(), folder / "E" / "report")
    (folder / "autorun.inf").write_text("[autorun]")
    return uids
