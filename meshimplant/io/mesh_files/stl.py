"""STL files, binary and text, as other programs really write them."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError
from meshimplant.io.number_words import word_array
from meshimplant.report import Finding

_HEADER_BYTES, _FACET_BYTES = 84, 50
_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: Words of one facet of a text file, with None for a number.
_WORDS = (
    *(b"facet", b"normal", None, None, None, b"outer", b"loop"),
    *(b"vertex", None, None, None) * 3,
    *(b"endloop", b"endfacet"),
)
#: Which of the words are the coordinates of the corners.
_COORDINATES = [place for place, word in enumerate(_WORDS) if word is None][3:]
_NAME_LINES = re.compile(rb"^[ \t]*(?:end[ \t]?)?solid\b.*$", re.MULTILINE)


@dataclass(frozen=True)
class Facets:
    """Content of an STL file.

    Attributes
    ----------
    corners : (n, 3, 3) array
        Corners of each facet, in the unit of the file.
    head : bytes
        The part of the file that may state a frame.
    findings : tuple of Finding
        What was ignored, and how numbers were read.
    """

    corners: NDArray[np.float64]
    head: bytes
    findings: tuple[Finding, ...] = ()


def decode_stl(data: bytes, *, name: str) -> Facets:
    """Decode an STL file.

    A file whose length fits the number of facets in its header is binary, whatever its header says. Text is
    read with any capitals, line ends and spaces, with a byte order mark, with several solids, and with
    decimal commas.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Name of the file, for messages.

    Returns
    -------
    Facets

    Raises
    ------
    FileReadError
        The file is truncated or damaged, holds more facets than it states, or mixes commas and points.
    """
    stated = struct.unpack_from("<I", data, 80)[0] if len(data) >= _HEADER_BYTES else 0
    expected = _HEADER_BYTES + _FACET_BYTES * stated
    if stated and len(data) == expected:
        return _from_binary(data, stated)
    text = data.removeprefix(_BYTE_ORDER_MARK)
    if text.lstrip()[:5].lower() == b"solid" and b"facet" in text[:4096].lower():
        return _from_text(text, name=name)
    if stated and len(data) > expected:
        return _with_extra_bytes(data, stated, name=name)
    raise _incomplete(name)


def _from_binary(data: bytes, count: int, findings: tuple[Finding, ...] = ()) -> Facets:
    facets = np.frombuffer(data, _FACET, count, _HEADER_BYTES)
    return Facets(facets["corners"].astype(np.float64), data[:80], findings)


def _with_extra_bytes(data: bytes, count: int, *, name: str) -> Facets:
    """Decode a binary file that is longer than its facets, unless the rest looks like further facets."""
    rest = data[_HEADER_BYTES + _FACET_BYTES * count :]
    message = f"{len(rest)} bytes after the last facet of an STL file were ignored."
    found = _from_binary(
        data, count, (Finding("input.extra_bytes", "info", message, len(rest), 0.0, "bytes"),)
    )
    if rest.strip(b"\0 \r\n") and len(rest) >= _FACET_BYTES:
        further = np.frombuffer(rest, _FACET, 1)["corners"].astype(np.float64).reshape(3, 3)
        low, high = found.corners.min(axis=(0, 1)), found.corners.max(axis=(0, 1))
        margin = high - low
        if ((further >= low - margin) & (further <= high + margin)).all():
            raise FileReadError(
                f"expected {count} facets in {name}, as its header states, "
                "got at least one more: the number is wrong, export the file again"
            )
    return found


def _from_text(text: bytes, *, name: str) -> Facets:
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lower = text.lower()
    if b"endsolid" not in lower[-1024:].replace(b"end solid", b"endsolid"):
        raise _incomplete(name)
    words = _NAME_LINES.sub(b"", lower).split()
    if not words or len(words) % len(_WORDS):
        raise _incomplete(name)
    try:
        table = word_array(words).reshape(-1, len(_WORDS))
    except ValueError as error:
        raise _incomplete(name) from error
    if any((table[:, n] != word).any() for n, word in enumerate(_WORDS) if word is not None):
        raise _incomplete(name)
    numbers, findings = _with_decimal_points(table[:, _COORDINATES], name=name)
    try:
        corners = numbers.astype(np.float64).reshape(-1, 3, 3)
    except ValueError as error:
        raise _incomplete(name) from error
    return Facets(corners, text[:1024], findings)


def _with_decimal_points(
    numbers: NDArray[np.bytes_], *, name: str
) -> tuple[NDArray[np.bytes_], tuple[Finding, ...]]:
    """Replace decimal commas; refuse a file in which a comma could mean anything else.

    A comma between thousands would make a head a thousand times larger than a comma before decimals does, so
    that the check of the size decides between the two.
    """
    commas = np.char.count(numbers, b",")
    if not commas.any():
        return numbers, ()
    if commas.max() > 1 or (np.char.count(numbers, b".") > 0).any():
        raise FileReadError(
            f"expected either decimal points or decimal commas in {name}, "
            "got both: export it again with decimal points"
        )
    message = "The numbers of an STL file have decimal commas; they were read as decimal points."
    return np.char.replace(numbers, b",", b"."), (Finding("input.decimal_commas", "info", message),)


def _incomplete(name: str) -> FileReadError:
    return FileReadError(
        f"expected a complete STL mesh in {name}, got a truncated or foreign file: export it again"
    )
