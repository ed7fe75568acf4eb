"""MetaImage volumes (.mha, .mhd): read strictly, with every fault of the header reported; written exactly."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError, InputError
from meshimplant.io.number_words import decimal_number, whole_number
from meshimplant.io.orientation import no_origin_finding, spacing_of
from meshimplant.io.payload import (
    RawVolume,
    deflate,
    detached_file,
    inflate,
    read_bytes,
    shape_voxels,
    voxel_bytes,
)
from meshimplant.report import Finding
from meshimplant.voxels.grid import Grid

#: Voxel type of each ElementType; the last name of a type is written.
_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_NAMES = {code: name for name, code in _TYPES.items()}
_MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "um": 1e-3, "?": 1.0}
_ORIGIN_KEYS = ("Offset", "Position", "Origin")
_MATRIX_KEYS = ("TransformMatrix", "Rotation", "Orientation")
#: Letters of the identity: the axes come from right, anterior and inferior.
_IDENTITY_LETTERS = "RAI"
#: Sides, ordered so that each one's opposite is at the same place from the end.
_SIDES = "LPSIAR"


def read_metaimage(path: Path) -> RawVolume:
    """Read a MetaImage file, attached or detached, raw or zlib-compressed.

    Positions are LPS, as ITK defines the format. A missing orientation is not replaced by the identity, nor a
    missing spacing by 1.

    Source: https://itk.org/Wiki/MetaIO/Documentation.
    """
    data = read_bytes(path)
    fields, start = _read_header(data, name=path.name)
    _require_image(fields, name=path.name)
    sizes = tuple(_whole(fields, "DimSize", name=path.name))
    if fields.get("ElementNumberOfChannels", "1") != "1":
        sizes = (*sizes, *_whole(fields, "ElementNumberOfChannels", name=path.name))
    header_size, *_ = (*_whole(fields, "HeaderSize", name=path.name), 0)
    dtype = _dtype(fields, name=path.name)
    source = fields["ElementDataFile"]
    if source.upper() == "LIST" or "%" in source:
        raise InputError(
            f"expected one data file named in {path.name}, got several ({source[:80]!r}): export one file"
        )
    if source.upper() != "LOCAL":
        data, start = read_bytes(detached_file(path, source)), max(0, header_size)
    promised = prod(sizes) * dtype.itemsize
    if _is_true(fields, "CompressedData"):
        data, start = inflate(data[start:], name=path.name, promised=max(0, promised)), 0
    if header_size == -1:
        start = len(data) - promised
    array = shape_voxels(data, dtype, sizes, name=path.name, start=max(0, start))
    affine = _affine(fields, name=path.name)
    if affine is None:
        return RawVolume(array, None, "'ElementSpacing'")
    if missing := _missing_orientation(fields):
        return RawVolume(array, None, missing, spacing_of(affine[:3, :3]))
    unplaced = () if set(_ORIGIN_KEYS) & set(fields) else (no_origin_finding(_ORIGIN_KEYS[0]),)
    return RawVolume(array, affine, findings=(*unplaced, *_contradictions(fields, affine)))


def write_metaimage(
    array: NDArray[Any], affine: NDArray[np.float64], path: Path, *, compressed: bool = True
) -> None:
    """Write voxels (i, j, k) and their index -> LPS mm affine as an attached MetaImage.

    The rows of TransformMatrix are the unit vectors along the array axes, ElementSpacing their steps, both
    with 17 digits; their product can differ from the affine in the last bit.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    directions = affine[:3, :3] / spacing + 0.0  # no negative zeros: equal grids give equal bytes
    chunks = list(deflate(voxel_bytes(array), gzip=False)) if compressed else voxel_bytes(array)
    size = {"CompressedDataSize": str(sum(map(len, chunks)))} if isinstance(chunks, list) else {}
    header = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": str(compressed),
        **size,
        "TransformMatrix": _format(directions.T.ravel()),
        "Offset": _format(affine[:3, 3] + 0.0),
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": _format(spacing),
        "DimSize": " ".join(map(str, array.shape)),
        "ElementType": _NAMES[array.dtype.str[1:]],
        "ElementDataFile": "LOCAL",
    }
    with path.open("wb") as out:
        out.write("".join(f"{field} = {value}\n" for field, value in header.items()).encode("ascii"))
        out.writelines(chunks)


def _format(numbers: NDArray[np.float64]) -> str:
    return " ".join(f"{number:.17g}" for number in numbers)


def _read_header(data: bytes, *, name: str) -> tuple[dict[str, str], int]:
    """Return the fields, and where the header ends: after the line ElementDataFile."""
    fields: dict[str, str] = {}
    start = 0
    while start < len(data) and "ElementDataFile" not in fields:
        stop = data.find(b"\n", start)
        stop = len(data) if stop < 0 else stop
        line = data[start:stop].decode("utf-8", "replace")
        if "=" not in line or len(line) > 4096:
            break
        field, value = (part.strip() for part in line.split("=", 1))
        if field in fields:
            raise FileReadError(
                f"expected the field '{field[:80]}' once in the header of {name}, "
                "got it twice: export the file again"
            )
        fields[field] = value
        start = stop + 1
    if "ElementDataFile" not in fields:
        raise FileReadError(
            f"expected a complete MetaImage header in {name}, "
            "got none: check the format or copy the file again"
        )
    return fields, start


def _require_image(fields: dict[str, str], *, name: str) -> None:
    """Raise an error where the header is that of no image, or states values of another scale."""
    kind, axes = fields.get("ObjectType", "Image"), fields.get("NDims", "3")
    counted = len(fields.get("DimSize", "").split())
    if kind.lower() != "image" or axes != str(counted):
        raise FileReadError(
            f"expected an image with as many sizes as its NDims in {name}, got the ObjectType {kind[:40]!r} "
            f"with NDims {axes[:40]!r} and {counted} sizes: export it as a volume"
        )
    for field, neutral in (
        ("ElementToIntensityFunctionSlope", 1.0),
        ("ElementToIntensityFunctionOffset", 0.0),
    ):
        if field in fields and _numbers(fields, (field,), name=name).tolist() != [neutral]:
            raise InputError(
                f"expected voxels whose values are those of the image in {name}, got {field} "
                f"{fields[field][:40]}, which programs apply or ignore: export it with the values themselves"
            )


def _dtype(fields: dict[str, str], *, name: str) -> np.dtype[Any]:
    """Return the voxel type with its byte order."""
    stated = fields.get("ElementType", "none")
    if stated not in _TYPES:
        raise InputError(
            f"expected integer or float voxels in {name}, got ElementType {stated}: export numbers"
        )
    if fields.get("BinaryData", "True").lower() == "false":
        raise InputError(
            f"expected binary voxels in {name}, got text: export it again with BinaryData = True"
        )
    big = _is_true(fields, "BinaryDataByteOrderMSB") or _is_true(fields, "ElementByteOrderMSB")
    return np.dtype((">" if big else "<") + _TYPES[stated])


def _missing_orientation(fields: dict[str, str]) -> str:
    """Return what the header lacks for an orientation; empty where it has one.

    Without a matrix the format defines the identity, which many programs leave as it is for any orientation;
    it is believed where the letters of the header agree.
    """
    if any(key in fields for key in _MATRIX_KEYS):
        return ""
    letters = fields.get("AnatomicalOrientation", "???").upper()
    if letters == _IDENTITY_LETTERS:
        return ""
    return f"'TransformMatrix' (its 'AnatomicalOrientation' is {letters})"


def _contradictions(fields: dict[str, str], affine: NDArray[np.float64]) -> tuple[Finding, ...]:
    """Return a warning where the letters of the header fit its matrix in neither way of writing them.

    MetaIO defines the letters as the sides from which the axes come; some programs write those to which they
    run.
    """
    letters = fields.get("AnatomicalOrientation", "???").upper()
    if set(letters) - set(_SIDES) or len(letters) != 3 or spacing_of(affine[:3, :3]) is None:
        return ()
    towards = Grid((1, 1, 1), affine).orientation
    origin = "".join(_SIDES[::-1][_SIDES.index(letter)] for letter in towards)
    if letters in (towards, origin):
        return ()
    message = (
        f"The TransformMatrix of the header states {towards}, its AnatomicalOrientation {letters}; "
        "the matrix was used: compare left and right with the scan."
    )
    return (Finding("input.header_contradiction", "warning", message),)


def _affine(fields: dict[str, str], *, name: str) -> NDArray[np.float64] | None:
    """Return the affine, or None where the header states no voxel size."""
    if not {"ElementSpacing", "ElementSize"} & set(fields):
        return None
    spacing = _numbers(fields, ("ElementSpacing", "ElementSize"), name=name)
    if (spacing < 0).any():
        raise GeometryError(
            f"expected positive voxel edges in {name}, got {' x '.join(f'{s:g}' for s in spacing)} mm: "
            "programs disagree whether that mirrors the volume, so export it with a TransformMatrix"
        )
    dimensions = len(spacing)
    matrix = _numbers(fields, _MATRIX_KEYS, name=name, default=np.eye(dimensions).ravel())
    offset = _numbers(fields, _ORIGIN_KEYS, name=name, default=np.zeros(dimensions))
    if dimensions < 3 or len(matrix) != dimensions**2 or len(offset) != dimensions:
        raise GeometryError(
            f"expected 3 spacings, 9 matrix entries and 3 offsets in the header of {name}, got {dimensions}, "
            f"{len(matrix)} and {len(offset)}: export it again"
        )
    unit = fields.get("DistanceUnits", "mm").lower()
    if unit not in _MM_PER_UNIT:
        raise GeometryError(f"expected DistanceUnits of mm in {name}, got {unit}: export it in mm")
    affine = np.eye(4)
    affine[:3, :3] = matrix.reshape(dimensions, dimensions)[:3, :3].T * spacing[:3] * _MM_PER_UNIT[unit]
    affine[:3, 3] = offset[:3] * _MM_PER_UNIT[unit]
    return affine


def _numbers(
    fields: dict[str, str], keys: tuple[str, ...], *, name: str, default: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the numbers of the first of these fields that is there, else the default."""
    key = next((key for key in keys if key in fields), keys[0])
    if key not in fields and default is not None:
        return default
    try:
        numbers = np.array([decimal_number(part) for part in fields[key].split()])
        if not np.isfinite(numbers).all():
            raise ValueError("NaN or infinity")
        return numbers
    except (KeyError, ValueError) as error:
        raise FileReadError(
            f"expected numbers for '{key}' in the header of {name}, "
            f"got {fields.get(key, 'none')[:40]!r}: the file is damaged"
        ) from error


def _whole(fields: dict[str, str], key: str, *, name: str) -> tuple[int, ...]:
    """Return the whole numbers of a field, none if it is not there."""
    try:
        return tuple(whole_number(part) for part in fields.get(key, "").split())
    except ValueError as error:
        raise FileReadError(
            f"expected whole numbers for '{key}' in the header of {name}, "
            f"got {fields[key][:40]!r}: the file is damaged"
        ) from error


def _is_true(fields: dict[str, str], key: str) -> bool:
    return fields.get(key, "False").lower() == "true"
