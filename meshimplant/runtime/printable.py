"""Text from names and headers, made safe to show: no control characters, and nothing that UTF-8 lacks."""

from __future__ import annotations

import re

#: What must not be shown as it is.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but for tab and line feed
    "\u200e\u200f\u2028-\u202e\u2066-\u2069"  # line ends, and marks that turn the direction of text
    "\ud800-\udfff]"  # stand-ins for bytes of a file name that are not UTF-8
)


def printable(text: str) -> str:
    r"""Return a text with each character that a terminal would obey, or that UTF-8 lacks, as its code.

    Parameters
    ----------
    text : str
        Any text, such as the name of a file.

    Returns
    -------
    str
        The same text unless it holds such characters: ``\x1b`` stands for an escape, ``\xe9`` for a byte of a
        name that is not UTF-8.
    """
    return _HIDDEN.sub(_code, text)


def _code(found: re.Match[str]) -> str:
    number = ord(found[0])
    if 0xDC80 <= number <= 0xDCFF:  # a byte, as Python holds it in names
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
