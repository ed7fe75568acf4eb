"""`read_values`: bring the values of a volume to one convention, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from meshimplant.errors import InputError, require_type
from meshimplant.values.decide_values import are_levels, decide_values
from meshimplant.values.distinct_values import MAX_LEVELS, as_whole_numbers, distinct_values
from meshimplant.values.fitting_words import FULL_SCALES
from meshimplant.values.value_facts import MM_SLOPE, ValueFacts
from meshimplant.values.value_words import ASKING, VALUE_MEANINGS, Asking
from meshimplant.voxels.volume import Volume

__all__ = ["Reading", "read_body", "read_distances", "read_mask", "read_values"]

Kind = Literal["mask", "labels", "probability", "distance", "ct", "field"]


@dataclass(frozen=True, eq=False)
class Reading:
    """A volume whose values are understood.

    Attributes
    ----------
    kind : str
        ``"mask"``, ``"labels"``, ``"probability"``, ``"distance"`` or ``"ct"``; ``"field"`` for any
        values whose level was given.
    volume : Volume
        The volume in the convention of its kind: a mask as bool; labels as whole numbers; a probability
        as 0 to 1; distances positive inside; a CT in Hounsfield units.
    level : float or None
        Value at the surface: 0.5 for a probability, 0 for distances, the given one for a field, else None.
    labels : tuple of int
        The labels other than 0, ascending; empty for other kinds.
    note : str
        What the values were taken for where that is not obvious; else empty.
    """

    kind: Kind
    volume: Volume
    level: float | None = None
    labels: tuple[int, ...] = ()
    note: str = ""


def read_values(volume: Volume, values: str | None = None, *, asking: Asking = ASKING) -> Reading:
    """Decide what the values of a volume are, and bring them to one convention.

    Two values are a mask, up to 64 whole numbers from 0 labels. An image is a CT where air is at -1000 and
    dense voxels form thin bone; a probability (0 to 1, 100, 255 or 65535) where it is 0 on the sides of the
    grid, 1 inside, and neither has a body of middle values; signed distances where its slope is steady, and
    log-odds where it is a probability after the logistic function. Whole numbers may be off by 0.001.

    Parameters
    ----------
    volume : Volume
        A volume as it was read.
    values : str, optional
        What the values are, one of `VALUE_MEANINGS`; by default it follows from them.
    asking : Asking
        The options that the messages name.

    Returns
    -------
    Reading

    Raises
    ------
    InputError
        The values have no meaning, or more than one, or not the given one.
    """
    require_type(volume, Volume, "the volume")
    levels = distinct_values(volume.array)
    if not are_levels(levels):
        volume = volume.with_array(as_whole_numbers(volume.array))
        levels = distinct_values(volume.array) if volume.array.dtype.kind != "f" else levels
    if values is None:
        word = decide_values(volume, levels, asking)
    elif values in VALUE_MEANINGS:
        word = values
    else:
        raise InputError(
            f"expected {asking.values} to be one of {', '.join(VALUE_MEANINGS)}, got {values!r}: choose one"
        )
    return _read_as(word, volume, levels, asking)


def read_body(
    volume: Volume, *, level: float | None = None, values: str | None = None, asking: Asking = ASKING
) -> Reading:
    """Return a volume that shows one body; all labels but 0 become one mask.

    Parameters
    ----------
    volume : Volume
        A mask, labels, a probability or signed distances.
    level : float, optional
        Value at the surface; the volume is then returned as it is.
    values : str, optional
        What the values are, one of `VALUE_MEANINGS`; by default it follows from them.
    asking : Asking
        The options that the messages name.

    Returns
    -------
    Reading
        A mask, a probability, distances or, with a `level`, a field.

    Raises
    ------
    InputError
        The values have no meaning or more than one, or are Hounsfield units.
    """
    require_type(volume, Volume, "the volume")
    if level is not None:
        if values is not None:
            raise InputError(f"expected {asking.values} or {asking.level}, got both: leave one out")
        return Reading("field", volume, float(level), note=f"voxels, surface at {level:g}")
    reading = read_values(volume, values, asking=asking)
    if reading.kind == "ct":
        own = "" if asking.level is None else f", or give {asking.level} with the value at the surface"
        raise InputError(
            "expected a body (a mask, labels, a probability or signed distances), got a CT in Hounsfield "
            f"units: convert it first, which segments the bone{own}"
        )
    if reading.kind == "labels":
        mask = volume.with_array(reading.volume.array != 0)
        return Reading("mask", mask, note=f"labels {', '.join(map(str, reading.labels))} together")
    return reading


def read_distances(volume: Volume, *, values: str | None = None, asking: Asking = ASKING) -> Volume:
    """Return signed distances in millimetres, positive inside.

    Parameters
    ----------
    volume : Volume
        Signed distances.
    values : str, optional
        What the values are, one of `VALUE_MEANINGS`; by default it follows from them.
    asking : Asking
        The options that the messages name.

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        The values are no distances.
    """
    reading = read_values(volume, values, asking=asking)
    if reading.kind != "distance":
        raise InputError(
            f"expected signed distances in millimetres, got {reading.note or f'a {reading.kind}'}: "
            f"subtract and separate make them, or give {asking.values} distance if they are"
        )
    return reading.volume


def read_mask(volume: Volume, name: str, *, values: str | None = None, asking: Asking = ASKING) -> Volume:
    """Return a volume of two values as a mask (bool).

    Parameters
    ----------
    volume : Volume
        A mask of any two values, the lower one 0; any body if `values` says what it is.
    name : str
        What the volume is, for messages.
    values : str, optional
        What the values are, one of `VALUE_MEANINGS`; by default only a mask is accepted.
    asking : Asking
        The options that the messages name.

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        The values are not those of a mask, and are not stated.
    """
    require_type(volume, Volume, name)
    reading = read_values(volume, values, asking=asking)
    if reading.kind == "mask":
        return reading.volume
    if values is None or reading.kind == "ct":
        got = f"labels {', '.join(map(str, reading.labels[:6]))}" if reading.labels else reading.note
        raise InputError(
            f"expected a mask of 0 and 1 for {name}, got {got or 'a CT in Hounsfield units'}: "
            f"threshold it first, or say with {asking.values} what it is"
        )
    inside = reading.volume.array > (reading.level or 0)
    return volume.with_array(inside)


def _read_as(word: str, volume: Volume, levels: NDArray[Any] | None, asking: Asking) -> Reading:
    """Return the volume in the convention of its kind."""
    note = "" if word in ("mask", "labels", "hu") else VALUE_MEANINGS[word]
    if word in ("mask", "inverted-mask"):
        return Reading("mask", _as_mask(volume, levels, word, asking), note=note)
    if word == "labels":
        return Reading("labels", volume, labels=_labels_of(volume, levels, asking))
    if word.startswith("hu"):
        return Reading("ct", _shifted(volume, float(word[2:] or 0)), note=note)
    if word.startswith("distance"):
        return _distances(volume, word, note)
    if word.endswith("logits"):
        sign = -1 if word == "inverted-logits" else 1
        odds = expit(volume.array.astype(np.float32) * np.float32(sign))
        return Reading("probability", volume.with_array(odds), 0.5, note=note)
    return Reading("probability", _as_probability(volume, word), 0.5, note=note)


def _as_mask(volume: Volume, levels: NDArray[Any] | None, word: str, asking: Asking) -> Volume:
    if levels is None or len(levels) > 2:
        count = f"more than {MAX_LEVELS}" if levels is None else str(len(levels))
        raise InputError(
            f"expected two values in a mask, got {count}: give {asking.values} labels, or what they are"
        )
    low, high = levels[0], levels[-1]
    if word == "inverted-mask":
        return volume.with_array(volume.array < high)
    if low == 0 and high == 1 and volume.array.dtype == np.uint8:
        return volume.with_array(volume.array.view(bool))
    return volume.with_array(volume.array > (min(low, 0) if low == high else low))


def _labels_of(volume: Volume, levels: NDArray[Any] | None, asking: Asking) -> tuple[int, ...]:
    """Return the labels other than 0 of a map of any number of labels."""
    if volume.array.dtype.kind == "f" and (volume.array != np.rint(volume.array)).any():
        raise InputError(
            f"expected whole numbers for labels, got fractions: give {asking.values} with what they are"
        )
    return tuple(int(value) for value in (np.unique(volume.array) if levels is None else levels) if value)


def _shifted(volume: Volume, offset: float) -> Volume:
    """Return a CT without the offset that was added to its Hounsfield units."""
    if not offset:
        return volume
    wide: NDArray[Any] = volume.array.astype(np.float32 if volume.array.dtype.kind == "f" else np.int32)
    return volume.with_array(wide - np.asarray(offset, wide.dtype))


def _distances(volume: Volume, word: str, note: str) -> Reading:
    """Return distances in millimetres, positive inside."""
    array = volume.array if volume.array.dtype.kind == "f" else volume.array.astype(np.float32)
    typical = ValueFacts.of(volume).steady_slope() or 1.0
    if not MM_SLOPE[0] <= typical <= MM_SLOPE[1]:
        array, note = array / np.asarray(typical, array.dtype), f"{note}, {typical:.3g} per mm"
    turned = -array if word == "distance-outside" else array
    return Reading("distance", volume.with_array(turned), 0.0, note=note)


def _as_probability(volume: Volume, word: str) -> Volume:
    """Return a probability as 0 to 1, 1 inside."""
    array, inverted = volume.array, word == "inverted-probability"
    high = float(array.max())
    full = next((f for f in FULL_SCALES.values() if high <= 1.1 * f), 1.0) if inverted else FULL_SCALES[word]
    if array.dtype.kind != "f" or full != 1:
        array = array.astype(np.float32) / np.float32(full)
    if array.min() < 0 or array.max() > 1:
        array = np.clip(array, 0, 1)
    return volume.with_array(1 - array if inverted else array)
