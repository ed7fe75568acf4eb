"""`decide_values`: what the values of a volume are, in one word, or the question that is left open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.values.fitting_words import FULL_SCALES, fitting_words
from meshimplant.values.graded_levels import is_graded
from meshimplant.values.value_facts import ValueFacts
from meshimplant.values.value_words import VALUE_MEANINGS, Asking
from meshimplant.voxels.volume import Volume

__all__ = ["are_levels", "decide_values"]

#: Words that need no confirmation where they alone fit.
_CERTAIN = ("hu", *FULL_SCALES, "logits", "distance")
#: Bone (200 HU) over soft tissue (40 HU), both above air (-1000 HU).
_BONE_OVER_TISSUE = 1200 / 1040


def are_levels(levels: NDArray[Any] | None) -> bool:
    """Return whether distinct values are those of a mask or of labels: two of any kind, or whole numbers.

    Parameters
    ----------
    levels : array or None
        What `distinct_values` returned.
    """
    return levels is not None and (len(levels) <= 2 or bool((levels == np.rint(levels)).all()))


def decide_values(volume: Volume, levels: NDArray[Any] | None, asking: Asking) -> str:
    """Return the only word that fits the values.

    Parameters
    ----------
    volume : Volume
        A volume as it was read.
    levels : array or None
        Its distinct values, see `distinct_values`.
    asking : Asking
        The options that the messages name.

    Returns
    -------
    str
        One of `VALUE_MEANINGS`.

    Raises
    ------
    InputError
        No word fits, or several do, or one that must be confirmed: an offset, or a body of
        inverted or negative values.
    EmptyMaskError
        All values are one, and not 0.
    """
    if levels is not None and (word := _word_of_levels(volume, levels, asking)) is not None:
        return word
    facts = ValueFacts.of(volume)
    words = list(fitting_words(facts, ct=asking.ct))
    if len(words) == 1 and words[0] in _CERTAIN:
        if asking.ct and words[0] in FULL_SCALES and facts.is_cut_at_both_ends(FULL_SCALES[words[0]]):
            raise _window_question(facts, words[0], asking)
        return words[0]
    if words:
        raise _question_of(facts, words, asking)
    raise _refusal(facts, asking, may_be_labels=are_levels(levels) and facts.low == 0)


def _word_of_levels(volume: Volume, levels: NDArray[Any], asking: Asking) -> str | None:
    """Return the word for a volume of few values; None for an image of few values."""
    low, high = float(levels[0]), float(levels[-1])
    if len(levels) == 1:
        if low == 0:
            return "mask"
        raise EmptyMaskError(
            f"expected a body with air around it, got a volume whose values are all {low:g}: "
            "check that it is the right file"
        )
    shown = f"the values {', '.join(f'{level:g}' for level in levels[:6])}{', ...' * (len(levels) > 6)}"
    if len(levels) == 2:
        if low <= -200 and high >= 300:
            return None
        if low == 0 and not _is_inverted(volume, high):
            return "mask"
        where = "of which none is 0" if low else f"with {high:g} on the sides of the grid"
        raise _question(f"{shown}, {where}", ["mask", "inverted-mask"], asking)
    is_image = low != 0 or not are_levels(levels) or is_graded(volume, levels)
    return None if is_image else "labels"


def _is_inverted(volume: Volume, high: float) -> bool:
    """Return whether a mask is set on most of the sides of its grid, and less so within it."""
    faces = [np.moveaxis(volume.array, axis, 0)[end] == high for axis in range(3) for end in (0, -1)]
    border = float(np.mean(np.concatenate([face[::4, ::4].ravel() for face in faces])))
    return border > 0.5 and border > float(np.mean(volume.array[::4, ::4, ::4] == high))


def _question(got: str, words: Sequence[str], asking: Asking) -> InputError:
    """Return the error that names each reading and the option to type."""
    choices = ", or ".join(f"{asking.values} {word} if it is {VALUE_MEANINGS[word]}" for word in words)
    return InputError(f"expected a volume with one meaning, got {got}: give {choices}")


def _question_of(facts: ValueFacts, words: Sequence[str], asking: Asking) -> InputError:
    """Return the question that an image leaves open; a CT may also have a unit of its own."""
    error = _question(f"values from {facts.low:g} to {facts.high:g}", words, asking)
    return InputError(f"{error}{_own_level(facts, asking)}") if "hu+" in words[0] else error


def _window_question(facts: ValueFacts, word: str, asking: Asking) -> InputError:
    """Return the question whether sharp values up to a full scale are a probability or a window of a CT."""
    shown = f"values from {facts.low:g} to {facts.high:g}, most of them one of the two"
    own = "the original CT" if asking.level is None else f"{asking.level} with the lowest value of bone"
    return InputError(
        f"{_question(shown, [word], asking)}, or {own} if it is a CT that was cut to a window and scaled"
    )


def _refusal(facts: ValueFacts, asking: Asking, *, may_be_labels: bool) -> InputError:
    """Return the error for an image that fits no kind, with the options that may apply.

    For an image with air and soft tissue, that is the threshold of bone in its own unit.
    """
    words = _possible_words(facts)
    if may_be_labels and "labels" not in words:
        words.insert(0, "labels")
    options = [f"{asking.values} {word} if it is {VALUE_MEANINGS[word]}" for word in words]
    return InputError(
        "expected a mask, labels, a probability, signed distances or a CT in Hounsfield units, "
        f"got values from {facts.low:g} to {facts.high:g} that are none of them for certain: "
        f"give {', '.join(options)}{_own_level(facts, asking)}"
    )


def _own_level(facts: ValueFacts, asking: Asking) -> str:
    """Return the option for a value at the surface in the unit of the file, with a proposal for a CT."""
    if asking.level is None:
        return ""
    if (tissues := facts.tissues()) is not None:
        air, soft = tissues
        return (
            f", or {asking.level} {air + (soft - air) * _BONE_OVER_TISSUE:.4g} if it is a CT of another "
            f"unit, with air at {air:.3g} and soft tissue at {soft:.4g}"
        )
    if asking.level == "--threshold-hu":
        return f", or {asking.level} with the lowest value of bone if it is a CT of another unit"
    return f", or {asking.level} with the value at the surface"


def _possible_words(facts: ValueFacts) -> list[str]:
    """Return the words that the range of the values does not exclude."""
    if facts.low < -0.1 * facts.high:
        return ["hu"] if facts.high >= 300 else ["distance", "logits"]
    full = [word for word, value in FULL_SCALES.items() if 0.2 * value < facts.high <= 1.1 * value]
    return [*full, "hu+1024"] if facts.high >= 1200 else full or ["labels"]
