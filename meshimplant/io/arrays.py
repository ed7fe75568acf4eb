"""NumPy arrays from .npy and .npz files: numbers and text only, and no more than their headers promise."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError
from meshimplant.runtime.memory import require_memory
from meshimplant.runtime.regular_files import open_regular

#: An archive of more arrays than this is none of ours.
_MOST_ARRAYS = 10_000
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """Read arrays of an .npz file.

    Parameters
    ----------
    path : Path
        The file.
    names : sequence of str, optional
        Arrays to read; None: all.

    Returns
    -------
    dict of array
        By name.

    Raises
    ------
    FileReadError
        The file is missing, damaged, larger than the memory, lacks an array, or holds Python objects.
    """
    with open_regular(path) as stream:
        return _unpacked(stream, names, name=path.name)


def array_names(path: Path) -> frozenset[str]:
    """Return the names of the arrays in an .npz file; raises `FileReadError` for any other file."""
    with open_regular(path) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                return frozenset(entry.removesuffix(".npy") for entry in archive.namelist())
        except Exception as error:  # a damaged archive fails in many ways
            raise _damaged(path.name) from error


def decode_arrays(data: bytes, *, name: str) -> dict[str, NDArray[Any]]:
    """Return all arrays of the bytes of an .npz file by name; raises as `read_arrays`."""
    return _unpacked(io.BytesIO(data), None, name=name)


def decode_array(data: bytes, *, name: str) -> NDArray[Any]:
    """Return the array of the bytes of an .npy file; raises as `read_arrays`."""
    try:
        _require_promised(io.BytesIO(data), len(data), name=name)
        return np.load(io.BytesIO(data), allow_pickle=False)
    except FileReadError:
        raise
    except Exception as error:  # damage fails in many ways, in the header's Python text too
        raise _damaged(name) from error


def _unpacked(stream: BinaryIO, names: Sequence[str] | None, *, name: str) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            wanted = list(entries) if names is None else list(names)
            if len(wanted) > _MOST_ARRAYS or not set(wanted) <= set(entries):
                raise FileReadError(
                    f"expected the arrays {', '.join(wanted[:8])} in {name}, "
                    f"got {len(entries)} others: choose another file"
                )
            require_memory(sum(entries[key].file_size for key in wanted), name=name)
            return {key: _array(archive, entries[key], name=name) for key in wanted}
    except FileReadError:
        raise
    except Exception as error:  # a damaged archive fails in many ways
        raise _damaged(name) from error


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, name: str) -> NDArray[Any]:
    with archive.open(entry) as stream:
        _require_promised(stream, entry.file_size, name=name)
    with archive.open(entry) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _require_promised(stream: Any, size: int, *, name: str) -> None:
    """Refuse a header that states more numbers than follow it, before memory is taken for them."""
    version = np.lib.format.read_magic(stream)
    shape, _, dtype = _HEADERS[version](stream)
    if dtype.hasobject or any(length < 0 for length in shape) or prod(shape) * dtype.itemsize > size:
        raise _damaged(name)


def _damaged(name: str) -> FileReadError:
    return FileReadError(
        f"expected complete arrays of numbers in {name}, got a damaged file or Python objects: save it again"
    )
