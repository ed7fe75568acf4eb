"""DICOM files whose data set is deflated: refused, before pydicom inflates them whole, if they are bombs."""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO

_PREAMBLE_BYTES = 132
_TRANSFER_SYNTAX = 0x00020010
_DEFLATED = b"1.2.840.10008.1.2.1.99"
#: Largest size of an inflated data set, from `_SMALL_BYTES` on, per byte in the file. Measured: 3 on a CT.
_MOST_RATIO, _SMALL_BYTES = 100, 64 << 20
_STEP_BYTES = 1 << 20


def opened_within_bounds(stream: BinaryIO) -> BinaryIO:
    """Return a DICOM file at its beginning; raise OSError if its data set inflates beyond any study."""
    try:
        is_deflated = _is_deflated(stream)
    except Exception:  # a damaged or foreign file, which fails in the same way when it is read
        is_deflated = False
    if is_deflated and not _is_moderate(stream):
        stream.close()
        raise OSError("the data set inflates to more than a study holds")
    stream.seek(0)
    return stream


def _is_deflated(stream: BinaryIO) -> bool:
    """Read the file's meta information, and return whether a deflated data set follows it."""
    from pydicom.filereader import data_element_generator

    stream.seek(_PREAMBLE_BYTES if stream.read(_PREAMBLE_BYTES)[-4:] == b"DICM" else 0)
    if stream.read(2) != b"\2\0":
        return False
    stream.seek(-2, 1)
    elements: Any = data_element_generator(stream, False, True, stop_when=lambda tag, *_: tag.group != 2)
    syntaxes = [element.value for element in elements if element.tag == _TRANSFER_SYNTAX]
    return any(bytes(value or b"").strip(b"\0 ") == _DEFLATED for value in syntaxes)


def _is_moderate(stream: BinaryIO) -> bool:
    """Inflate the rest of a file piece by piece, and return whether it stays within bounds."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    packed = unpacked = 0
    while piece := inflater.unconsumed_tail or stream.read(_STEP_BYTES):
        packed += 0 if inflater.unconsumed_tail else len(piece)
        try:
            unpacked += len(inflater.decompress(piece, _STEP_BYTES))
        except zlib.error:
            return True  # damaged: pydicom gives up at the same place
        if unpacked > max(_SMALL_BYTES, _MOST_RATIO * packed):
            return False
        if inflater.eof:
            break
    return True
