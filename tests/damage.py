"""Random damage to the bytes of a file, the same for the same seed, also inside its compressed parts."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib

import numpy as np

#: What takes the place of a number in a text.
_NUMBERS = (
    *(b"0", b"-1", b"nan", b"inf", b"-inf", b"1e400", b"1e-320", b"1e30", b"", b"2.5", b"0x10", b"1_000"),
    *(b"65536", b"2147483648", b"99999999999", b"9" * 40, b"9" * 5000, b"1" + b"0" * 4300, b"\xd9\xa3"),
)
#: What takes the place of a number in bytes: lengths, counts and floats at the ends of their ranges.
_WORDS = (
    *(b"\xff", b"\0\0", b"\xff\xff", b"\xff\x7f", b"\0\x80", b"\0\0\0\0", b"\xff\xff\xff\xff"),
    *(b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\x7f\xff\xff\xff"),
    *(b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\0" * 6 + b"\xf0\x7f", b"\0" * 6 + b"\xf8\x7f"),
)
_TEXTS = (
    *(b"(" * 300, b" " * 300, b"[" * 3000, b"\n\n", b"\0", b"\x1b[31m"),
    *(b'"', b"{", b"../", b"%d", b"\xff\xfe"),
)
_HEADER_BYTES = 1500
_NUMBER = re.compile(rb"[0-9][0-9.]*")


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """Return the bytes with one to three places damaged, never the same bytes."""
    for _ in range(20):
        changed = _opened(data, random)
        if changed != data:
            return changed
    return data[:-1]


def _opened(data: bytes, random: np.random.Generator) -> bytes:
    """Damage a compressed file inside, so that its checksums hold, or else as it is."""
    if random.random() < 0.7:
        try:
            if data[:2] == b"\x1f\x8b":
                return gzip.compress(damaged(gzip.decompress(data), random), 1)
            if data[:2] == b"PK":
                return _with_damaged_entry(data, random)
        except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile):
            pass
    for _ in range(random.integers(1, 4)):
        data = _WAYS[random.integers(len(_WAYS))](data, random)
    return data


def _with_damaged_entry(data: bytes, random: np.random.Generator) -> bytes:
    out = io.BytesIO()
    deflated = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", deflated) as copy:
        names = archive.namelist()
        chosen = names[random.integers(len(names))]
        for name in names:
            content = archive.read(name)
            copy.writestr(name, damaged(content, random) if name == chosen and content else content)
    return out.getvalue()


def _place(data: bytes, random: np.random.Generator) -> int:
    """Return a place; the header is hit as often as all the rest."""
    reach = min(len(data), _HEADER_BYTES) if random.random() < 0.5 else len(data)
    return int(random.integers(max(1, reach)))


def _flip_bits(data: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(random.integers(1, 9)):
        if changed:
            changed[_place(data, random)] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _cut(data: bytes, random: np.random.Generator) -> bytes:
    return data[: _place(data, random)]


def _remove(data: bytes, random: np.random.Generator) -> bytes:
    at = _place(data, random)
    return data[:at] + data[at + int(random.integers(1, 200)) :]


def _insert(data: bytes, random: np.random.Generator) -> bytes:
    at = _place(data, random)
    piece = _TEXTS[random.integers(len(_TEXTS))] if random.random() < 0.7 else random.bytes(20)
    return data[:at] + piece + data[at:]


def _repeat(data: bytes, random: np.random.Generator) -> bytes:
    at = _place(data, random)
    return data[:at] + data[at : at + int(random.integers(1, 300))] + data[at:]


def _replace_number(data: bytes, random: np.random.Generator) -> bytes:
    found = list(_NUMBER.finditer(data[:_HEADER_BYTES]))
    if not found:
        return _replace_word(data, random)
    number = found[random.integers(len(found))]
    return data[: number.start()] + _NUMBERS[random.integers(len(_NUMBERS))] + data[number.end() :]


def _replace_word(data: bytes, random: np.random.Generator) -> bytes:
    word = _WORDS[random.integers(len(_WORDS))]
    at = _place(data, random) // 2 * 2
    return data[:at] + word + data[at + len(word) :]


_WAYS = (_flip_bits, _cut, _remove, _insert, _repeat, _replace_number, _replace_number, _replace_word)
