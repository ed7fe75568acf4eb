"""CT series from a folder of DICOM files: find, sort and check slices, and put them on an even grid.

Only geometry and pixel tags are read from a file; name, birth date, identifiers and comments never are.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError
from meshimplant.io.slice_stack import Stack, stack_findings, stack_to_volume
from meshimplant.report import Finding
from meshimplant.voxels.volume import Volume

#: Value of padding outside the scanner's field of view, and lower limit of all values: air.
AIR_HU = -1024

_GEOMETRY_TAGS = [
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "ImageType",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "PixelSpacing",
    "SliceThickness",
    "ImagePositionPatient",
    "ImageOrientationPatient",
]
_PIXEL_TAGS = [
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "PixelData",
]
#: Endings of files that are tried even without the DICOM preamble.
_BARE_SUFFIXES = {"", ".dcm", ".ima", ".img"}


@dataclass(frozen=True)
class DicomSeries:
    """A CT series in Hounsfield units.

    Attributes
    ----------
    volume : Volume
        The voxels on an even, unsheared grid.
    findings : tuple of Finding
        What was resampled, interpolated or left out.
    """

    volume: Volume
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Slice:
    path: Path
    instance: str
    series: str
    shape: tuple[int, int]
    pixel_mm: tuple[float, float]
    thickness_mm: float
    position_mm: tuple[float, float, float]
    orientation: tuple[float, ...]

    @property
    def plane(self) -> tuple[Any, ...]:
        """Properties that all slices of a stack share, rounded to the precision of headers."""
        return (self.shape, tuple(np.round(self.pixel_mm, 3)), tuple(np.round(self.orientation, 3) + 0.0))


def read_dicom_series(folder: str | Path) -> Volume:
    """Read the largest CT series below a folder in Hounsfield units, int16.

    Parameters, errors and method are those of `load_dicom_series`, which returns the findings, too.
    """
    return load_dicom_series(folder).volume


def load_dicom_series(folder: str | Path) -> DicomSeries:
    """Read the largest CT series below a folder, with findings about tilt, uneven steps and missing slices.

    Slices are sorted by their position along the slice normal. A straight, even stack is kept as it is. A
    gantry tilt (slices that also move within their plane) and uneven steps are resampled linearly onto an
    unsheared, even grid, since ignoring them shears or stretches the head. Padding becomes air. All transfer
    syntaxes of classic CT are decoded: uncompressed, deflated, run length, JPEG (8 and 12 bits, lossless),
    JPEG-LS and JPEG 2000.

    Parameters
    ----------
    folder : str or Path
        Folder that holds the files, at any depth.

    Returns
    -------
    DicomSeries
        Volume and findings.

    Raises
    ------
    FileReadError
        There is no DICOM file, or no CT slice, or a slice is damaged.
    GeometryError
        Slices lack their position, differ in orientation, occupy one position with different content, leave a
        gap, or are too few or too far apart.
    """
    slices = _scan(Path(folder))
    counts = Counter(item.series for item in slices)
    series = [item for item in slices if item.series == counts.most_common(1)[0][0]]
    findings = []
    if len(counts) > 1:
        message = f"The folder holds {len(counts)} CT series; the largest ({len(series)} slices) was read."
        findings.append(Finding("input.other_series", "info", message, len(counts), 1, "series"))
    series = _one_plane(series)
    stack = _sorted_stack(series)
    findings += stack_findings(stack)
    return DicomSeries(stack_to_volume(stack, _planes(stack), fill=AIR_HU), tuple(findings))


def _scan(folder: Path) -> list[_Slice]:
    """Return the geometry of every CT slice below the folder, each instance once."""
    if not folder.is_dir():
        raise FileReadError(
            "expected a folder of DICOM files, got a path that is not a folder: name the folder"
        )
    slices: dict[str, _Slice] = {}
    others: set[str] = set()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        header = _header(path)
        if header is None:
            continue
        modality = str(header.get("Modality", "unknown"))
        if modality == "CT" and "LOCALIZER" not in header.get("ImageType", ()):
            item = _to_slice(path, header)
            slices.setdefault(item.instance, item)
        else:
            others.add("a localizer" if modality == "CT" else modality)
    if not slices:
        kind = f"only {', '.join(sorted(others))}" if others else "no DICOM file"
        raise FileReadError(
            f"expected a folder with the slices of a CT series, got {kind}: name the CT's own folder"
        )
    return list(slices.values())


def _header(path: Path) -> Any | None:
    """Return the geometry tags of a DICOM image, or None for any other file."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    with _quiet():
        try:
            header = pydicom.dcmread(
                path,
                stop_before_pixels=True,
                specific_tags=_GEOMETRY_TAGS,
                force=path.suffix.lower() in _BARE_SUFFIXES,
            )
            return header if "Rows" in header and "Modality" in header else None
        except InvalidDicomError:
            return None
        except Exception:  # parsing a foreign file can fail in any way
            return None


def _to_slice(path: Path, header: Any) -> _Slice:
    if int(header.get("NumberOfFrames", 1) or 1) > 1:
        raise FileReadError(
            "expected one CT slice per DICOM file, got a multi-frame file: export it as classic CT slices"
        )
    try:
        return _Slice(
            path=path,
            instance=str(header.get("SOPInstanceUID", path)),
            series=str(header.get("SeriesInstanceUID", "")),
            shape=(int(header.Rows), int(header.Columns)),
            pixel_mm=_positive(_floats(header.PixelSpacing, 2)),
            thickness_mm=float(header.get("SliceThickness", 0) or 0),
            position_mm=_floats(header.ImagePositionPatient, 3),
            orientation=_floats(header.ImageOrientationPatient, 6),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise GeometryError(
            "expected PixelSpacing, ImagePositionPatient and ImageOrientationPatient in every CT slice, "
            "got a slice without a usable one: export the original series again"
        ) from error


def _floats(values: Sequence[Any], count: int) -> Any:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise ValueError(f"expected {count} finite numbers")
    return numbers


def _positive(numbers: tuple[float, float]) -> tuple[float, float]:
    if min(numbers) <= 0:
        raise ValueError("expected lengths above 0")
    return numbers


def _one_plane(series: list[_Slice]) -> list[_Slice]:
    """Return the slices of the common plane; one or two others (a scout) are dropped, more are refused."""
    planes = Counter(item.plane for item in series)
    plane, count = planes.most_common(1)[0]
    if len(series) - count > 2:
        raise GeometryError(
            "expected slices of one orientation, size and pixel spacing, "
            f"got {len(planes)} kinds among {len(series)} slices: export one reconstruction of the series"
        )
    return [item for item in series if item.plane == plane]


def _sorted_stack(series: list[_Slice]) -> Stack:
    """Sort slices along their normal, drop identical ones at one position, and refuse different ones."""
    orientation = np.mean([item.orientation for item in series], axis=0)
    normal = np.cross(orientation[:3], orientation[3:])
    heights = np.array([item.position_mm for item in series]) @ normal
    ordered = [series[n] for n in np.argsort(heights, kind="stable")]
    distinct: list[_Slice] = []
    for item in ordered:
        if distinct and np.abs((np.array(item.position_mm) - distinct[-1].position_mm) @ normal) < 1e-3:
            if not np.array_equal(_hounsfield(item.path), _hounsfield(distinct[-1].path)):
                raise GeometryError(
                    "expected one slice at each position, "
                    f"got two that differ at {np.round(item.position_mm, 2).tolist()} mm: "
                    "the series holds two reconstructions or phases, export one of them"
                )
            continue
        distinct.append(item)
    return Stack(
        shape=distinct[0].shape,
        pixel_mm=np.array(distinct[0].pixel_mm),
        orientation=orientation,
        positions_mm=np.array([item.position_mm for item in distinct]),
        thickness_mm=np.array([item.thickness_mm for item in distinct]),
        sources=tuple(item.path for item in distinct),
    )


def _planes(stack: Stack) -> Iterator[NDArray[np.float32]]:
    """Yield the slices in order as Hounsfield units (rows, columns)."""
    for path in stack.sources:
        plane = _hounsfield(path)
        if plane.shape != stack.shape:
            raise FileReadError(
                f"expected a slice of {stack.shape} pixels, got {plane.shape}: export the series again"
            )
        yield plane


def _hounsfield(path: Path) -> NDArray[np.float32]:
    """Return one slice in Hounsfield units, float32 (rows, columns); padding becomes air."""
    import pydicom

    with _quiet():
        try:
            file = pydicom.dcmread(path, specific_tags=_PIXEL_TAGS, force=True)
            slope, intercept = float(file.get("RescaleSlope", 1)), float(file.get("RescaleIntercept", 0))
            values = _pixels(path, file).astype(np.float32) * np.float32(slope) + np.float32(intercept)
        except Exception as error:  # decoders fail in many ways; each makes the slice unusable
            raise FileReadError(
                "expected readable pixels in every slice, "
                "got one that is truncated or in an unknown transfer syntax: copy or export the series again"
            ) from error
    padding = file.get("PixelPaddingValue")
    if padding is not None:
        limits = np.array([padding, file.get("PixelPaddingRangeLimit", padding)], float)
        if file.get("PixelRepresentation", 0) == 1:
            limits[limits > 32767] -= 65536  # signed values written under an unsigned tag
        low, high = np.sort(limits * slope + intercept) + np.array([-0.25, 0.25]) * abs(slope)
        values[(values >= low) & (values <= high)] = AIR_HU
    return np.maximum(values, np.float32(AIR_HU), out=values)


def _pixels(path: Path, file: Any) -> NDArray[Any]:
    """Decode the stored values (rows, columns) of one slice."""
    from pydicom.uid import JPEGExtended12Bit

    is_12_bit_jpeg = file.file_meta.TransferSyntaxUID == JPEGExtended12Bit and file.BitsStored > 8
    return _pixels_through_gdcm(path) if is_12_bit_jpeg else file.pixel_array


def _pixels_through_gdcm(path: Path) -> NDArray[Any]:
    """Decode a file with GDCM itself; its plug-in for pydicom refuses JPEG of 12 bits."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise ValueError("GDCM cannot decode the pixels")
    image = reader.GetImage()
    form = image.GetPixelFormat()
    kind = "i" if form.GetPixelRepresentation() else "u"
    values = image.GetBuffer().encode("utf-8", "surrogateescape")  # SWIG returns bytes as a string
    size = image.GetDimension(1), image.GetDimension(0)
    return np.frombuffer(values, f"<{kind}{form.GetBitsAllocated() // 8}").reshape(size)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence pydicom's warnings: they may quote values, and every fault that matters is raised here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
