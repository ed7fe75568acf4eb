"""Open files to read: regular ones only, since a pipe or a device can wait for ever or never end."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from meshimplant.errors import FileReadError
from meshimplant.runtime.memory import require_memory

#: Open without waiting for the other end of a pipe; 0 where the system has no such flag.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
#: Reads of more bytes than this are compared with what is left of the file.
_LARGE_BYTES = 1 << 16


class _BoundedReader(BufferedReader):
    """A file of which no more is read than it holds; Python takes memory for as much as is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _LARGE_BYTES:
            size = min(size, max(0, os.fstat(self.fileno()).st_size - self.tell()))
        return super().read(size)


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read its bytes.

    Parameters
    ----------
    path : Path
        The file, or a link to it.

    Returns
    -------
    BufferedReader

    Raises
    ------
    FileReadError
        There is no such file, it is a folder, a pipe, a socket or a device, or it cannot be read.
    """
    try:
        stream = _BoundedReader(FileIO(os.open(path, os.O_RDONLY | _NO_WAIT)))
    except FileNotFoundError as error:
        raise FileReadError(
            f"expected a file, got {path.name}, which does not exist: check the path"
        ) from error
    except IsADirectoryError as error:
        raise FileReadError(
            f"expected a file, got {path.name}, which is a folder: name a file in it"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise FileReadError(
            f"expected a readable file, got {path.name} ({reason}): check name and permissions"
        ) from error
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise FileReadError(
            f"expected a regular file, got {path.name}, which is a pipe or a device: save it to a file first"
        )
    return stream


def read_regular(path: Path) -> bytes:
    """Return the bytes of a file; raises as `open_regular`, and for a file larger than the free memory."""
    with open_regular(path) as stream:
        require_memory(os.fstat(stream.fileno()).st_size, name=path.name)
        return stream.read()


def parse_json(text: str | bytes) -> Any:
    """Return the content of a JSON text; raises ValueError for any text that is not JSON."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_toml(text: str) -> dict[str, Any]:
    """Return the content of a TOML text; raises ValueError for any text that is not TOML."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
