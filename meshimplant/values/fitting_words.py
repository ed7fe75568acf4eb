"""What the values of an image mean: Hounsfield units, a probability, log-odds or signed distances."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from meshimplant.values.value_facts import MAX_BONE_DEPTH_MM, ValueFacts

#: Values of air in a CT, HU; below them is the padding outside the field of view, a value or two.
_AIR_HU, _PADDING_HU = (-1080.0, -920.0), -1200.0
_SOFT_HU, _BONE_HU = (-150.0, 150.0), 300.0
#: Least fraction of air, and largest of values between air and soft tissue (partial volumes, foam).
_LEAST_AIR, _MOST_BETWEEN = 0.02, 0.35
#: A head filled with soft tissue is at least this deep, mm.
_HEAD_DEPTH_MM = 25.0
#: Full scales of a stored probability.
FULL_SCALES = {"probability": 1.0, "percent": 100.0, "probability-255": 255.0, "probability-65535": 65535.0}
#: Largest fraction of the middle values of a probability within a tenth of their range.
_MOST_IN_PEAK = 0.3
#: Log-odds are smaller than this.
_MOST_LOG_ODDS = 200.0


def fitting_words(facts: ValueFacts, *, ct: bool = True) -> Iterator[str]:
    """Yield every word that fits the values of an image; more than one leaves the meaning open.

    Parameters
    ----------
    facts : ValueFacts
        Facts about the values.
    ct : bool
        Whether the image may be a part of a CT, such as the bone between two values.

    Yields
    ------
    str
        A word of `VALUE_WORDS`.
    """
    if _is_hounsfield(facts):
        yield "hu"
    yield from (f"hu+{offset}" for offset in (1024, 1000) if _has_offset(facts, offset))
    if (word := _full_scale(facts)) is not None:
        side = _probability_side(facts.mapped(1 / FULL_SCALES[word]), ct=ct)
        if side:
            yield word if side > 0 else "inverted-probability"
    if facts.low < 0 < facts.high:
        yield from _signed_words(facts, ct=ct)


def _is_hounsfield(facts: ValueFacts) -> bool:
    """Return whether air is at -1000, and what is as dense as bone is as thin as bone."""
    padding = facts.values[facts.values < _PADDING_HU]
    return bool(
        facts.high >= _BONE_HU
        and facts.fraction(*_AIR_HU) >= _LEAST_AIR
        and facts.fraction(_AIR_HU[1], _SOFT_HU[0]) <= _MOST_BETWEEN
        and (not len(padding) or len(np.unique(padding)) <= 3)
        and facts.depth_mm(_BONE_HU) <= MAX_BONE_DEPTH_MM
    )


def _has_offset(facts: ValueFacts, offset: int) -> bool:
    """Return whether the values less an offset are Hounsfield units of a solid head."""
    moved = facts.mapped(1.0, -offset)
    return _is_hounsfield(moved) and moved.depth_mm(-400.0) >= _HEAD_DEPTH_MM


def _full_scale(facts: ValueFacts) -> str | None:
    """Return the word of the scale that the values fill at least by half and exceed by no more than 10 %."""
    for word, full in FULL_SCALES.items():
        if -0.1 * full <= facts.low and 0.5 * full < facts.high <= 1.1 * full:
            return word
    return None


def _probability_side(facts: ValueFacts, *, ct: bool) -> int:
    """Return 1 for the probability of a body, -1 for that of its background, 0 for any other image.

    A probability is 0 on the sides of the grid, rises to 1 within a thin transition, and has neither a body
    of middle values (soft tissue) nor a solid head of low ones.
    """
    inverted = facts.border_fraction(0.9) >= 0.6
    if inverted:
        facts = facts.mapped(-1.0, 1.0)
    inside = facts.fraction(0.5)
    floor = float(np.median(facts.border)) + 0.01
    if (
        facts.border_fraction(0.1) > 0.4
        or inside == 0
        or inside < 0.25 * facts.fraction(0.1)
        or facts.middle_peak() > _MOST_IN_PEAK
        or facts.depth_mm(floor, 0.1) > MAX_BONE_DEPTH_MM
        or (ct and not facts.is_transition())
    ):
        return 0
    return -1 if inverted else 1


def _signed_words(facts: ValueFacts, *, ct: bool) -> Iterator[str]:
    """Yield what values on both sides of 0 may be: distances of either sign, or log-odds."""
    if facts.steady_slope() is not None:
        yield from _distance_words(facts)
    elif max(-facts.low, facts.high) <= _MOST_LOG_ODDS:
        side = _probability_side(facts.logistic(), ct=ct)
        if side:
            yield "logits" if side > 0 else "inverted-logits"


def _distance_words(facts: ValueFacts) -> Iterator[str]:
    """Yield the signs that distances may have, by the sides of the grid, which are outside of a body.

    Where the body is cut by the sides, the larger distances must be outside too: bone is thin.
    """
    positive = facts.border_fraction(0.0)
    if positive < 0.9 and (positive < 0.1 or -facts.low >= facts.high or positive < 0.35):
        yield "distance"
    if positive > 0.1 and (positive > 0.9 or facts.high >= -facts.low):
        yield "distance-outside"
