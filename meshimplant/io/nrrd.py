"""NRRD volumes (.nrrd, .nhdr), read with their raw header so that no fault in it is papered over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError, InputError
from meshimplant.io.payload import RawVolume, inflate, inflate_bz2, read_bytes, shape_voxels

_TYPES = {
    "i1": "signed char|int8|int8_t",
    "u1": "uchar|unsigned char|uint8|uint8_t",
    "i2": "short|short int|signed short|signed short int|int16|int16_t",
    "u2": "ushort|unsigned short|unsigned short int|uint16|uint16_t",
    "i4": "int|signed int|int32|int32_t",
    "u4": "uint|unsigned int|uint32|uint32_t",
    "i8": "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
    "u8": "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
    "f4": "float",
    "f8": "double",
}
#: Sign of each file axis in LPS; a space not listed does not say where left is.
_SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}
_MM_PER_UNIT = {"mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "": 1.0}


def read_nrrd(path: Path) -> RawVolume:
    """Read an NRRD file, attached or detached, encoded raw, gzip, bzip2 or text.

    Source: format definition, https://teem.sourceforge.net/nrrd/format.html.
    """
    data = read_bytes(path)
    fields, start = _read_header(data, name=path.name)
    sizes = tuple(_numbers(fields, "sizes", int, name=path.name))
    dtype = _dtype(fields, name=path.name)
    payload, start = _payload(path, data, start, fields, dtype.itemsize * int(np.prod(sizes)))
    if fields.get("encoding", "raw").lower() in ("ascii", "text", "txt"):
        payload, start = _parse_text(payload[start:], dtype, name=path.name), 0
    spatial, affine, missing = _affine(fields, len(sizes), name=path.name)
    array = shape_voxels(payload, dtype, _channels_last(sizes, spatial), name=path.name, start=start)
    return RawVolume(array, affine, missing)


def _read_header(data: bytes, *, name: str) -> tuple[dict[str, str], int]:
    """Return the fields, lower-case, and where the header ends."""
    if not data.startswith(b"NRRD000"):
        raise FileReadError(
            f"expected an NRRD file (its first bytes are NRRD000), got {name}, which is none: check the "
            "format"
        )
    end = re.search(rb"\r?\n\r?\n", data[: 1 << 20])
    text = (data[: end.start()] if end else data).decode("utf-8", "replace")
    fields: dict[str, str] = {}
    for line in text.splitlines()[1:]:
        if line.startswith("#") or ":=" in line or ":" not in line:
            continue
        key, value = line.split(":", 1)
        fields[key.strip().lower()] = value.strip()
    if end is None and "data file" not in fields and "datafile" not in fields:
        raise FileReadError(
            f"expected voxels after the header of {name}, got none: the file is truncated, copy it again"
        )
    return fields, end.end() if end else len(data)


def _dtype(fields: dict[str, str], *, name: str) -> np.dtype[Any]:
    given = " ".join(fields.get("type", "").lower().split())
    for code, names in _TYPES.items():
        if given in names.split("|"):
            order = ">" if fields.get("endian", "little").lower() == "big" else "<"
            return np.dtype(order + code)
    raise InputError(f"expected integer or float voxels in {name}, got NRRD type {given!r}: export numbers")


def _numbers(fields: dict[str, str], key: str, kind: type, *, name: str) -> list[Any]:
    try:
        return [kind(part) for part in fields[key].split()]
    except (KeyError, ValueError) as error:
        raise FileReadError(
            f"expected the field '{key}' in the header of {name}, got {fields.get(key)!r}: the file is "
            "damaged"
        ) from error


def _payload(path: Path, data: bytes, start: int, fields: dict[str, str], expected: int) -> tuple[bytes, int]:
    """Return the bytes that hold the voxels, inflated, and where in them the voxels start."""
    source = fields.get("data file", fields.get("datafile"))
    if source is not None:
        if source.split()[:1] == ["LIST"] or "%" in source:
            raise InputError(
                f"expected one data file named in {path.name}, got several ({source!r}): export one file"
            )
        data, start = read_bytes(path.parent / source), 0
    encoding = fields.get("encoding", "raw").lower()
    for _ in range(int(fields.get("line skip", fields.get("lineskip", "0")))):
        start = data.index(b"\n", start) + 1
    if encoding in ("gzip", "gz"):
        data, start = inflate(data[start:], name=path.name), 0
    elif encoding in ("bzip2", "bz2"):
        data, start = inflate_bz2(data[start:], name=path.name), 0
    elif encoding not in ("raw", "ascii", "text", "txt"):
        raise InputError(
            f"expected NRRD encoding raw, gzip, bzip2 or text in {path.name}, got {encoding!r}: export it "
            "again"
        )
    skip = int(fields.get("byte skip", fields.get("byteskip", "0")))
    return data, len(data) - expected if skip == -1 else start + skip


def _parse_text(data: bytes, dtype: np.dtype[Any], *, name: str) -> bytes:
    try:
        return np.array(data.replace(b",", b" ").split(), dtype.newbyteorder("=")).astype(dtype).tobytes()
    except ValueError as error:
        raise FileReadError(
            f"expected numbers after the header of {name}, got other text: the file is damaged"
        ) from error


def _affine(
    fields: dict[str, str], axes: int, *, name: str
) -> tuple[list[bool], NDArray[np.float64] | None, str]:
    """Return which axes lie in space, the LPS affine, and in words what the header leaves out."""
    vectors = re.findall(r"none|\([^)]*\)", fields.get("space directions", ""), flags=re.IGNORECASE)
    spatial = [vector.lower() != "none" for vector in vectors]
    if not vectors:
        return [True] * axes, None, "'space directions'"
    if len(vectors) != axes or sum(spatial) != 3:
        raise GeometryError(
            f"expected three axes in space in {name}, got 'space directions: {fields['space directions']}' "
            f"for {axes} "
            "axes: export a 3-D volume"
        )
    signs = _SPACES.get(fields.get("space", "").lower())
    if signs is None:
        return spatial, None, f"a 'space' that says where left is (it has {fields.get('space', 'none')!r})"
    affine = np.eye(4)
    columns = [_vector(v, name=name) for v, used in zip(vectors, spatial, strict=True) if used]
    scale = np.array(signs) * _mm_per_unit(fields, name=name)
    affine[:3, :3] = np.array(columns).T * scale[:, None]
    affine[:3, 3] = _vector(fields.get("space origin", "(0,0,0)"), name=name) * scale
    return spatial, affine, ""


def _vector(text: str, *, name: str) -> NDArray[np.float64]:
    try:
        vector = np.array([float(part) for part in text.strip("() ").split(",")])
    except ValueError:
        vector = np.array([])
    if vector.shape != (3,):
        raise GeometryError(
            f"expected vectors of three numbers in the header of {name}, got {text}: export it again"
        )
    return vector


def _mm_per_unit(fields: dict[str, str], *, name: str) -> float:
    units = {unit.lower() for unit in re.findall(r'"([^"]*)"', fields.get("space units", ""))} or {"mm"}
    if len(units) != 1 or not units <= set(_MM_PER_UNIT):
        raise GeometryError(
            f"expected space units of millimetres in {name}, got {sorted(units)}: export it in mm"
        )
    return _MM_PER_UNIT[units.pop()]


def _channels_last(sizes: tuple[int, ...], spatial: list[bool]) -> tuple[int, ...]:
    """Move the sizes of axes that do not lie in space (channels) behind the three that do."""
    inside = [n for n, used in zip(sizes, spatial, strict=True) if used]
    outside = [n for n, used in zip(sizes, spatial, strict=True) if not used]
    return tuple(inside + outside)
