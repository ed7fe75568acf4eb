"""Numbers written as words: an array of the words, if none is longer than a number can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Longer than any number that a program writes. An array takes the length of its longest word for each word,
#: so that one word of a megabyte among a million would take a terabyte.
LONGEST_WORD = 64


def word_array(words: Sequence[Any]) -> NDArray[Any]:
    """Return words as an array of bytes; raise ValueError for one that is too long for a number."""
    flat = [word for row in words for word in row] if words and isinstance(words[0], list | tuple) else words
    if max((len(word) for word in flat), default=0) > LONGEST_WORD:
        raise ValueError(f"a word of more than {LONGEST_WORD} characters")
    return np.array(words, "S")
