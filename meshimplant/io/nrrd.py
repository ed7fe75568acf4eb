"""NRRD volumes (.nrrd, .nhdr): read strictly, with every fault of the header reported; written exactly.

pynrrd was measured and not used. Of 20 hand-made files it accepts a gzip stream without its checksum and
"2.5" as a size, and refuses spaces inside vectors and upper-case type names. It needs twice the memory (130
MB for a mask of 512 x 512 x 256 voxels), and writes the time of day into every file.
"""

from __future__ import annotations

import re
import warnings
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.nrrd_header import (
    MOST_HEADER_BYTES,
    TEXT_ENCODINGS,
    TYPE_NAMES,
    affine_of,
    dtype_of,
    read_header,
    sizes_of,
    spacing_mm_of,
)
from meshimplant.io.orientation import no_origin_finding
from meshimplant.io.payload import (
    RawVolume,
    deflate,
    detached_file,
    inflate,
    inflate_bz2,
    read_bytes,
    shape_voxels,
    voxel_bytes,
)
from meshimplant.runtime.memory import require_memory
from meshimplant.runtime.regular_files import open_regular


def read_nrrd(path: Path, *, channel: int | None = None) -> RawVolume:
    """Read an NRRD file, attached or detached, encoded as raw, gzip, bzip2 or text.

    Of several channels (or layers of a segmentation) `channel` is read, counted from 0.

    Source: format definition, https://teem.sourceforge.net/nrrd/format.html.
    """
    data = read_bytes(path)
    fields, start = read_header(data, name=path.name)
    sizes = sizes_of(fields, name=path.name)
    dtype = dtype_of(fields, name=path.name)
    payload, start = _payload(path, data, start, fields, dtype.itemsize * prod(sizes))
    if fields.get("encoding", "raw").lower() in TEXT_ENCODINGS:
        payload, start = _parse_text(payload[start:], dtype, prod(sizes), name=path.name), 0
    spatial, affine, missing = affine_of(fields, len(sizes), name=path.name)
    if channel is None:
        array = shape_voxels(payload, dtype, _channels_last(sizes, spatial), name=path.name, start=start)
    else:
        flat = shape_voxels(payload, dtype, (prod(sizes), 1, 1), name=path.name, start=start)
        array = _channel(flat.reshape(sizes, order="F"), spatial, channel, name=path.name)
    if affine is None:
        return RawVolume(array, None, missing, spacing_mm_of(fields, name=path.name))
    findings = () if "space origin" in fields else (no_origin_finding("space origin"),)
    return RawVolume(array, affine, findings=findings)


def read_nrrd_entries(path: Path) -> dict[str, str]:
    """Return the entries ``key:=value`` of an NRRD header, which hold what is no field of the format."""
    with open_regular(path) as stream:
        head = stream.read(MOST_HEADER_BYTES)
    end = re.search(rb"\r?\n\r?\n", head)
    lines = (head[: end.start()] if end else head).decode("utf-8", "replace").splitlines()
    pairs = [line.split(":=", 1) for line in lines if ":=" in line and not line.startswith("#")]
    return {key.strip(): value.strip() for key, value in pairs}


def write_nrrd(array: NDArray[Any], affine: NDArray[np.float64], path: Path) -> None:
    """Write voxels (i, j, k) and their index -> LPS mm affine as an attached NRRD, encoded as gzip.

    The affine is written with 17 digits, so that it is read back exactly.
    """
    exact = affine + 0.0  # no negative zeros: equal grids give equal bytes
    header = {
        "type": TYPE_NAMES[array.dtype.str[1:]][-1],
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, array.shape)),
        "space directions": " ".join(_format_vector(column) for column in exact[:3, :3].T),
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "gzip",
        "space origin": _format_vector(exact[:3, 3]),
    }
    lines = ["NRRD0004", *(f"{field}: {value}" for field, value in header.items()), "", ""]
    with path.open("wb") as out:
        out.write("\n".join(lines).encode("ascii"))
        out.writelines(deflate(voxel_bytes(array), gzip=True))


def _format_vector(vector: NDArray[np.float64]) -> str:
    return "(" + ",".join(f"{number:.17g}" for number in vector) + ")"


def _payload(path: Path, data: bytes, start: int, fields: dict[str, str], expected: int) -> tuple[bytes, int]:
    """Return the bytes that hold the voxels, decompressed, and where in them the voxels start."""
    source = fields.get("data file")
    if source is not None:
        if source.split()[:1] == ["LIST"] or "%" in source:
            raise InputError(
                f"expected one data file named in {path.name}, got several ({source[:80]!r}): export one file"
            )
        data, start = read_bytes(detached_file(path, source)), 0
    encoding = fields.get("encoding", "raw").lower()
    skip = _skip(fields, "byte skip", name=path.name)
    start = _after_lines(data, start, _skip(fields, "line skip", name=path.name), name=path.name)
    promised = expected + max(0, skip)
    if encoding in ("gzip", "gz"):
        data, start = inflate(data[start:], name=path.name, promised=promised), 0
    elif encoding in ("bzip2", "bz2"):
        data, start = inflate_bz2(data[start:], name=path.name, promised=promised), 0
    elif encoding not in ("raw", *TEXT_ENCODINGS):
        raise InputError(
            f"expected NRRD encoding raw, gzip, bzip2 or text in {path.name}, "
            f"got {encoding[:80]!r}: export it again"
        )
    if skip == -1 and encoding != "raw":
        raise _bad_skip("byte skip", skip, path.name)
    return data, max(0, len(data) - expected) if skip == -1 else start + skip


def _skip(fields: dict[str, str], key: str, *, name: str) -> int:
    """Return how much is skipped before the voxels; -1 byte means that they are the end of the file."""
    text = fields.get(key, "0")
    if not re.fullmatch(r"-1|[0-9]{1,15}", text) or (text == "-1" and key != "byte skip"):
        raise _bad_skip(key, text, name)
    return int(text)


def _bad_skip(key: str, stated: object, name: str) -> FileReadError:
    return FileReadError(
        f"expected a number of 0 or more for '{key}' in the header of {name}, "
        f"got {str(stated)[:40]!r}: the file is damaged"
    )


def _after_lines(data: bytes, start: int, lines: int, *, name: str) -> int:
    """Return where the data go on after a number of lines."""
    for _ in range(lines):
        start = data.find(b"\n", start) + 1
        if start == 0:
            raise FileReadError(
                f"expected {lines} lines before the voxels of {name}, got fewer: copy or export it again"
            )
    return start


def _parse_text(data: bytes, dtype: np.dtype[Any], count: int, *, name: str) -> bytes:
    """Return voxels that are written as text in their binary form, without a list of the words."""
    require_memory(count * dtype.itemsize, name=name)
    count = min(count, len(data) // 2 + 1)  # memory is taken for all; that fewer are there is noticed later
    wide = dtype if dtype.kind == "f" or dtype.itemsize == 8 else np.dtype(np.int64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy warns of words that are no numbers, and stops there
            numbers = np.fromstring(data.replace(b",", b" "), wide, count=count, sep=" ")
        if wide.kind == "i" and len(numbers) and dtype.kind in "iu":
            limits = np.iinfo(dtype)
            if numbers.min() < limits.min or numbers.max() > limits.max:
                raise ValueError("a number outside the range of its type")
        return numbers.astype(dtype).tobytes()
    except (ValueError, DeprecationWarning) as error:
        raise FileReadError(
            f"expected numbers after the header of {name}, got other text: the file is damaged"
        ) from error


def _channel(array: NDArray[Any], spatial: list[bool], channel: int, *, name: str) -> NDArray[Any]:
    """Return one channel of an array with the axes of the file."""
    outside = [axis for axis, used in enumerate(spatial) if not used]
    counts = [array.shape[axis] for axis in outside]
    several = [axis for axis in outside if array.shape[axis] > 1]
    if array.ndim - len(outside) != 3 or len(several) > 1 or not 0 <= channel < max(counts, default=1):
        raise FileReadError(
            f"expected three axes in space and layer {channel} in {name}, got sizes {array.shape}: "
            "export the segmentation again"
        )
    index = tuple(
        slice(None) if used else (channel if axis in several else 0) for axis, used in enumerate(spatial)
    )
    return array[index]


def _channels_last(sizes: tuple[int, ...], spatial: list[bool]) -> tuple[int, ...]:
    """Move the sizes of axes that do not lie in space (channels) behind the three that do."""
    inside = [size for size, used in zip(sizes, spatial, strict=True) if used]
    outside = [size for size, used in zip(sizes, spatial, strict=True) if not used]
    return tuple(inside + outside)
