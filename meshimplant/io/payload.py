"""Bytes of a voxel file: read, inflated, checked for their length, shaped."""

from __future__ import annotations

import bz2
import hashlib
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, InputError


@dataclass(frozen=True)
class RawVolume:
    """Voxels (i, j, k) of a file and their index -> LPS mm affine; where it is None, `missing` says why."""

    array: NDArray[Any]
    affine: NDArray[np.float64] | None
    missing: str = ""


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; `FileReadError` where there is no readable, non-empty file."""
    if not path.exists():
        raise FileReadError(f"expected a file, got {path.name}, which does not exist: check the path")
    if path.is_dir():
        raise FileReadError(f"expected a file, got {path.name}, which is a folder: name a file in it")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileReadError(
            f"expected a readable file, got {path.name} ({error.strerror}): check permissions"
        ) from error
    if not data:
        raise FileReadError(
            f"expected data, got {path.name}, which is empty (0 bytes): copy or export it again"
        )
    return data


def inflate(data: bytes, *, name: str) -> bytes:
    """Undo gzip or zlib, checksum included; `FileReadError` when the stream ends early or is damaged."""
    parts = []
    while data:
        stream = zlib.decompressobj(wbits=47)
        try:
            parts.append(stream.decompress(data))
        except zlib.error as error:
            if parts:
                break  # padding after a whole stream
            raise _damaged(name) from error
        if not stream.eof:
            raise FileReadError(
                f"expected {name} whole, got a compressed stream that ends early (truncated): copy it again"
            )
        data = stream.unused_data.lstrip(b"\0")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def inflate_bz2(data: bytes, *, name: str) -> bytes:
    """Undo bzip2; `FileReadError` when the stream ends early or is damaged."""
    try:
        return bz2.decompress(data)
    except (OSError, ValueError) as error:
        raise _damaged(name) from error


def shape_voxels(
    data: bytes, dtype: np.dtype[Any], sizes: tuple[int, ...], *, name: str, start: int = 0
) -> NDArray[Any]:
    """Return the bytes from `start` as an (i, j, k) array, first axis fastest, native byte order; no copy
    where possible.

    One channel or one time point is dropped; several are refused with `InputError`; too few bytes with
    `FileReadError`.
    """
    space = spatial_sizes(sizes, name=name)
    expected = prod(sizes) * dtype.itemsize
    if len(data) - start < expected:
        raise FileReadError(
            f"expected {expected} bytes of voxels in {name} ({' x '.join(map(str, sizes))} {dtype.name}), "
            f"got {max(0, len(data) - start)}: the file is truncated, copy or export it again"
        )
    array = np.frombuffer(data, dtype, prod(sizes), start)
    if not dtype.isnative:
        array = array.astype(dtype.newbyteorder("="))
    return array.reshape(space, order="F")


def spatial_sizes(sizes: tuple[int, ...], *, name: str) -> tuple[int, ...]:
    """Drop axes of one channel so that three remain."""
    if min(sizes, default=0) < 1:
        raise FileReadError(
            f"expected positive sizes in the header of {name}, got {sizes}: the file is damaged"
        )
    if len(sizes) < 3 or prod(sizes[:3]) == 0:
        raise InputError(
            f"expected a 3-D volume in {name}, got {len(sizes)}-D with sizes {sizes}: export a volume"
        )
    extra = len(sizes) - 3
    if extra and prod(sizes[3:]) == 1:
        return sizes[:3]
    if extra and prod(sizes[:extra]) == 1:
        return sizes[extra:]
    if extra:
        raise InputError(
            f"expected one 3-D volume in {name}, got sizes {sizes} (several channels or time points): "
            "export one of them"
        )
    return sizes


def _damaged(name: str) -> FileReadError:
    return FileReadError(
        f"expected readable compressed voxels in {name}, got a damaged stream: copy or export it again"
    )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
