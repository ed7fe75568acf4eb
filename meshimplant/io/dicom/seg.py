"""DICOM segmentations (SEG): binary, fractional and label-map frames as one mask on an even grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError, FileReadError, GeometryError
from meshimplant.io.dicom.ct_slice import quiet
from meshimplant.io.dicom.slice_stack import Stack, stack_to_volume
from meshimplant.io.dicom.stack_findings import stack_findings
from meshimplant.io.segments import Segment
from meshimplant.report import Finding
from meshimplant.runtime.memory import require_memory
from meshimplant.voxels.volume import Volume

#: Frames nearer than this along their normal are at one position, mm.
_SAME_PLACE_MM = 0.01
#: A step may differ from a multiple of the smallest one by this fraction of it.
_MULTIPLE_FRACTION = 0.05
_MOST_PLANES = 10_000


@dataclass(frozen=True)
class _Frame:
    index: int
    segment: int | None  # None in a label map, whose voxels are the numbers
    position_mm: NDArray[np.float64]


def seg_segments(dataset: Any) -> list[Segment]:
    """Return the segments that a SEG lists, in its order.

    Parameters
    ----------
    dataset : pydicom.Dataset
        The file; its pixels are not needed.

    Returns
    -------
    list of Segment
        The background of a label map (number 0) is left out.
    """
    with quiet():
        listed = [
            Segment(int(item.SegmentNumber), str(item.get("SegmentLabel", "") or ""))
            for item in dataset.get("SegmentSequence", ()) or ()
        ]
    return [segment for segment in listed if segment.number != 0]


def seg_volume(dataset: Any, number: int) -> tuple[Volume, tuple[Finding, ...]]:
    """Return one segment of a SEG as a mask, or of a fractional one as a probability.

    Frames are sorted by their position along their normal. Positions at which a SEG leaves out all frames,
    because nothing is segmented there, are empty slices. A tilted or uneven stack is resampled, as that of a
    CT is.

    Parameters
    ----------
    dataset : pydicom.Dataset
        The whole file.
    number : int
        Number of the segment.

    Returns
    -------
    volume : Volume
        Uint8 0/1, or float32 from 0 to 1.
    findings : tuple of Finding
        What was resampled or filled.

    Raises
    ------
    FileReadError
        Pixels or positions are missing or damaged.
    GeometryError
        The frames differ in orientation or pixel size, or are too few or too far apart.
    EmptyMaskError
        No frame holds the segment.

    Notes
    -----
    Source: DICOM PS3.3, C.8.20 (Segmentation), C.8.20.2 for the packing of bits.
    """
    with quiet():
        try:
            frames, orientation, pixel_mm = _geometry(dataset)
            pixels = _pixels(dataset)
        except (GeometryError, FileReadError):
            raise
        except Exception as error:  # a tag that is missing or of another kind fails in many ways
            raise FileReadError(
                "expected a DICOM segmentation with a position for each frame, "
                "got one that is damaged or incomplete: export it again"
            ) from error
    if len(pixels) != len(frames):
        raise FileReadError(
            f"expected a position for each of {len(pixels)} frames of the segmentation, got {len(frames)}: "
            "export it again"
        )
    return _stacked(dataset, number, frames, orientation, pixel_mm, pixels)


def _stacked(
    dataset: Any,
    number: int,
    frames: list[_Frame],
    orientation: NDArray[np.float64],
    pixel_mm: NDArray[np.float64],
    pixels: NDArray[Any],
) -> tuple[Volume, tuple[Finding, ...]]:
    normal = np.cross(orientation[:3], orientation[3:])
    places = _Places.of(np.array([frame.position_mm for frame in frames]), normal)
    wanted: dict[int, list[_Frame]] = {}
    for frame, plane in zip(frames, places.plane_of_frame, strict=True):
        if frame.segment in (None, number):
            wanted.setdefault(int(plane), []).append(frame)
    shape = (int(dataset.Rows), int(dataset.Columns))
    zeros = np.zeros(len(places.positions_mm))
    stack = Stack(shape, pixel_mm, orientation, places.positions_mm, zeros)
    findings = [finding for finding in stack_findings(stack) if finding.code != "input.thick_slices"]
    top = _top(dataset)
    volume = stack_to_volume(stack, _planes(wanted, number, pixels, len(zeros), shape), fill=0)
    if not volume.array.any():
        raise EmptyMaskError(
            f"expected voxels of segment {number} in the segmentation, got none: choose another segment"
        )
    if top == 1:
        return volume.with_array((volume.array > 0).view(np.uint8)), tuple(findings)
    return volume.with_array((volume.array / np.float32(top)).astype(np.float32)), tuple(findings)


def _planes(
    wanted: dict[int, list[_Frame]], number: int, pixels: NDArray[Any], count: int, shape: tuple[int, int]
) -> Iterator[NDArray[np.float32]]:
    """Yield the slices in order, empty where no frame holds the segment."""
    for plane in range(count):
        out = np.zeros(shape, np.float32)
        for frame in wanted.get(plane, ()):
            values = pixels[frame.index]
            np.maximum(out, values == number if frame.segment is None else values, out=out)
        yield out


def _top(dataset: Any) -> int:
    """Return the stored value that means full: 1 unless the segmentation is fractional."""
    if str(dataset.get("SegmentationType", "BINARY")).upper() != "FRACTIONAL":
        return 1
    return max(1, int(dataset.get("MaximumFractionalValue", 255)))


# -- where the frames are ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Places:
    """Positions (n, 3) of all slices, those without frames included, and the slice of each frame."""

    positions_mm: NDArray[np.float64]
    plane_of_frame: NDArray[np.int64]

    @classmethod
    def of(cls, frames_mm: NDArray[np.float64], normal: NDArray[np.float64]) -> _Places:
        heights = frames_mm @ normal
        order = np.argsort(heights, kind="stable")
        is_new = np.diff(heights[order], prepend=-np.inf) > _SAME_PLACE_MM
        row_of_frame = np.empty(len(order), np.int64)
        row_of_frame[order] = np.cumsum(is_new) - 1
        known = frames_mm[order][is_new]
        if len(known) < 2:
            raise GeometryError(
                "expected frames at several positions in the segmentation, got one: export a whole volume"
            )
        counts = _slices_between(np.diff(known @ normal))
        planes = np.concatenate([[0], np.cumsum(counts)])
        if planes[-1] >= _MOST_PLANES:
            raise GeometryError(
                f"expected at most {_MOST_PLANES} slices in the segmentation, got {planes[-1] + 1}: "
                "its positions are damaged, export it again"
            )
        every = np.arange(planes[-1] + 1)
        positions = np.column_stack([np.interp(every, planes, known[:, axis]) for axis in range(3)])
        return cls(positions, planes[row_of_frame])


def _slices_between(steps_mm: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many slices each step between frames spans: more than 1 where frames were left out.

    Where a step is no multiple of the smallest one, the steps are uneven, and none is filled.
    """
    smallest = float(steps_mm.min())
    counts = np.rint(steps_mm / smallest).astype(np.int64)
    if (np.abs(steps_mm / smallest - counts) > _MULTIPLE_FRACTION * np.maximum(counts, 1)).any():
        return np.ones_like(counts)
    return counts


def _geometry(dataset: Any) -> tuple[list[_Frame], NDArray[np.float64], NDArray[np.float64]]:
    """Return the frames with their segments and positions, and the orientation and pixels of all."""
    shared = dataset.get("SharedFunctionalGroupsSequence")
    groups = shared[0] if shared else None
    is_label_map = str(dataset.get("SegmentationType", "")).upper() == "LABELMAP"
    frames: list[_Frame] = []
    planes: list[NDArray[np.float64]] = []
    for index, own in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        position = _group(own, groups, "PlanePositionSequence").ImagePositionPatient
        directions = _group(own, groups, "PlaneOrientationSequence").ImageOrientationPatient
        spacing = _group(own, groups, "PixelMeasuresSequence").PixelSpacing
        segment = None
        if not is_label_map:
            segment = int(_group(own, groups, "SegmentIdentificationSequence").ReferencedSegmentNumber)
        frames.append(_Frame(index, segment, np.array([float(value) for value in position])))
        planes.append(np.array([float(value) for value in (*directions, *spacing)]))
    if np.ptp(planes, axis=0).max() > 1e-3:
        raise GeometryError(
            "expected frames of one orientation and pixel size in the segmentation, got several: "
            "export it on the slices of the CT"
        )
    return frames, planes[0][:6], planes[0][6:]


def _group(own: Any, shared: Any, name: str) -> Any:
    """Return the one item of a functional group, of the frame itself or of all frames."""
    found = own.get(name) or (shared.get(name) if shared is not None else None)
    if not found:
        raise FileReadError(
            f"expected {name} for each frame of the segmentation, got a frame without: "
            "export it on the slices of the CT"
        )
    return found[0]


def _pixels(dataset: Any) -> NDArray[Any]:
    """Return the stored values (frames, rows, columns); bits are packed without a gap between frames."""
    count, rows, columns = int(dataset.get("NumberOfFrames", 1)), int(dataset.Rows), int(dataset.Columns)
    require_memory(count * rows * columns * max(1, int(dataset.BitsAllocated) // 8), name="the segmentation")
    if int(dataset.BitsAllocated) == 1 and not dataset.file_meta.TransferSyntaxUID.is_compressed:
        bits = np.frombuffer(dataset.PixelData, np.uint8)
        if len(bits) * 8 < count * rows * columns:
            raise FileReadError(
                f"expected {count} frames of {rows} x {columns} bits in the segmentation, got fewer: "
                "the file is truncated, copy it again"
            )
        unpacked = np.unpackbits(bits, bitorder="little", count=count * rows * columns)
        return unpacked.reshape(count, rows, columns)
    return np.asarray(dataset.pixel_array).reshape(count, rows, columns)
