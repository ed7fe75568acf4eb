"""Segmentations of 3D Slicer (.seg.nrrd): named segments in one layer of labels or in several."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from meshimplant.errors import FileReadError
from meshimplant.io.nrrd import read_nrrd, read_nrrd_entries
from meshimplant.io.nrrd_header import MOST_HEADER_BYTES, affine_of, read_header, sizes_of
from meshimplant.io.payload import RawVolume
from meshimplant.io.segments import Segment, choose_segment, segment_finding
from meshimplant.runtime.regular_files import open_regular
from meshimplant.voxels.grid import shifted_affine

_HEAD_BYTES = 1 << 16
#: What a segmentation holds whose values are labels.
_LABELS = "Binary labelmap"
#: Sizes of the whole reference image are believed up to this many voxels.
_MOST_VOXELS = 1 << 31


@dataclass(frozen=True)
class SegmentLayer:
    """Where one segment is stored.

    Attributes
    ----------
    segment : Segment
        Its number (the label value, or its place from 1 where label values repeat) and its name.
    layer : int
        Index of its layer.
    label : int
        Its value in the layer.
    """

    segment: Segment
    layer: int
    label: int


def is_seg_nrrd(path: Path) -> bool:
    """Return whether a file is an NRRD that lists segments, whatever its name."""
    if path.suffix.lower() not in (".nrrd", ".nhdr") or not path.is_file():
        return False
    with open_regular(path) as stream:
        head = stream.read(_HEAD_BYTES)
    return head.startswith(b"NRRD") and re.search(rb"^Segment\d+_\w+:=", head, re.MULTILINE) is not None


def read_segment_layers(path: Path) -> list[SegmentLayer]:
    """Return the segments that a .seg.nrrd lists, in its order.

    Files of Slicer before 4.11 state no layers: each segment is then a channel of its own.

    Raises `FileReadError` where a label or a layer is no number, where two segments are in one place, or
    where the values are no labels (a fractional labelmap).
    """
    entries = read_nrrd_entries(path)
    numbers = sorted({int(found[1]) for key in entries if (found := re.match(r"Segment([0-9]{1,9})_", key))})
    _require_labels(entries, name=path.name)
    has_layers = any(f"Segment{n}_Layer" in entries for n in numbers)
    channels = 1 if has_layers else _channel_count(path)
    try:
        labels = [int(entries.get(f"Segment{n}_LabelValue", "1")) for n in numbers]
        layers = [
            int(entries.get(f"Segment{n}_Layer", place if channels > 1 else 0))
            for place, n in enumerate(numbers)
        ]
    except ValueError as error:
        raise FileReadError(
            f"expected whole numbers as label values and layers in {path.name}, got other text: "
            "export the segmentation again"
        ) from error
    places = list(zip(layers, labels, strict=True))
    if len(set(places)) < len(places):
        raise FileReadError(
            f"expected a layer or a label value of its own for each segment of {path.name}, got two that "
            "share both: export the segmentation again"
        )
    names = [entries.get(f"Segment{n}_Name", entries.get(f"Segment{n}_ID", f"Segment{n}")) for n in numbers]
    shown = labels if len(set(labels)) == len(labels) else range(1, len(labels) + 1)
    return [
        SegmentLayer(Segment(number, name), layer, label)
        for number, name, layer, label in zip(shown, names, layers, labels, strict=True)
    ]


def _require_labels(entries: dict[str, str], *, name: str) -> None:
    """Raise `FileReadError` where a segmentation states that it holds something else than binary labels."""
    keys = ("Segmentation_SourceRepresentation", "Segmentation_MasterRepresentation")
    stated = next((entries[key] for key in keys if key in entries), _LABELS)
    if stated.strip().lower() != _LABELS.lower():
        raise FileReadError(
            f"expected a segmentation of binary labels in {name}, got {stated[:40]!r}: "
            "convert it to a binary labelmap in Slicer, and save it again"
        )


def _channel_count(path: Path) -> int:
    """Return the number of values that each voxel of an NRRD has."""
    with open_regular(path) as stream:
        fields, _ = read_header(stream.read(MOST_HEADER_BYTES), name=path.name)
    sizes = sizes_of(fields, name=path.name)
    spatial, _, _ = affine_of(fields, len(sizes), name=path.name)
    return prod(size for size, used in zip(sizes, spatial, strict=True) if not used)


def read_seg_nrrd(path: Path, wanted: str | int | None) -> RawVolume:
    """Read one segment of a .seg.nrrd as a mask (uint8 0/1), on the grid of its reference image.

    Slicer stores the box around all segments alone; the mask is put back into the whole image where the
    header states its extent, so that bone is not taken for cut off at the sides of the box.

    Parameters
    ----------
    path : Path
        The file.
    wanted : str or int, optional
        Name or label value of a segment; not needed where there is only one.

    Returns
    -------
    RawVolume

    Raises
    ------
    FileReadError
        The file is damaged, or has fewer layers than it states.
    InputError
        Several segments may be meant, or none.
    """
    layers = read_segment_layers(path)
    segments = [layer.segment for layer in layers]
    chosen = choose_segment(segments, wanted, name=path.name)
    raw = read_nrrd(path, channel=layers[chosen].layer)
    mask = (raw.array == layers[chosen].label).view(np.uint8)
    findings = (*raw.findings, segment_finding(segments, chosen))
    whole = RawVolume(mask, raw.affine, raw.missing, raw.spacing_mm, raw.choices, findings)
    return _in_reference(whole, read_nrrd_entries(path))


def _in_reference(raw: RawVolume, entries: dict[str, str]) -> RawVolume:
    """Put a mask back into the reference image, where the header states that image's size."""
    offset = re.findall(r"-?[0-9]{1,9}", entries.get("Segmentation_ReferenceImageExtentOffset", ""))
    geometry = re.search(
        r"Reference image geometry\|([^|&]*)", entries.get("Segmentation_ConversionParameters", "")
    )
    numbers = [part for part in geometry[1].split(";") if part] if geometry else []
    if raw.affine is None or len(offset) != 3 or len(numbers) < 22:
        return raw
    try:
        extent = [int(float(number)) for number in numbers[16:22]]
    except (ValueError, OverflowError):
        return raw
    start = np.array([int(number) for number in offset]) - extent[0:6:2]
    sizes = np.array(extent[1:6:2]) - extent[0:6:2] + 1
    stop = start + raw.array.shape
    if (start < 0).any() or (stop > sizes).any() or float(np.prod(sizes.astype(float))) > _MOST_VOXELS:
        return raw
    array = np.zeros(tuple(int(size) for size in sizes), raw.array.dtype, order="F")
    array[tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))] = raw.array
    return RawVolume(array, shifted_affine(raw.affine, -start), findings=raw.findings)
