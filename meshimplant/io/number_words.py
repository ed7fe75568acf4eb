"""Numbers written as words: strictly in the notation of files, and none longer than a number can be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Longer than any number that a program writes. An array takes the length of its longest word for each word,
#: so that one word of a megabyte among a million would take a terabyte.
LONGEST_WORD = 64


_WHOLE = re.compile("-?[0-9]{1,18}")
_NOT_PLAIN = re.compile("[^0-9a-zA-Z.+-]")


def whole_number(word: str) -> int:
    """Return a whole number written in the digits 0 to 9; raise ValueError for anything else."""
    if not _WHOLE.fullmatch(word):
        raise ValueError("no whole number of up to 18 digits")
    return int(word)


def decimal_number(word: str) -> float:
    """Return a number in the usual notation; raise ValueError for anything else, such as ``1_000``."""
    if len(word) > LONGEST_WORD or _NOT_PLAIN.search(word):
        raise ValueError("no number in the usual notation")
    return float(word)


def word_array(words: Sequence[Any]) -> NDArray[Any]:
    """Return words as an array of bytes; raise ValueError for one that is too long for a number."""
    flat = [word for row in words for word in row] if words and isinstance(words[0], list | tuple) else words
    if max((len(word) for word in flat), default=0) > LONGEST_WORD:
        raise ValueError(f"a word of more than {LONGEST_WORD} characters")
    return np.array(words, "S")
