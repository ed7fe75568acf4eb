"""`read_values`: bring the values of a volume to one convention, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from meshimplant.errors import InputError, require_type
from meshimplant.report import Finding
from meshimplant.voxels.distinct_values import MAX_LEVELS, as_whole_numbers, distinct_values
from meshimplant.voxels.image_kind import FULL_SCALES
from meshimplant.voxels.value_facts import ValueFacts
from meshimplant.voxels.value_kind import ASKING, VALUE_MEANINGS, Asking, are_levels, decide_values
from meshimplant.voxels.volume import Volume

__all__ = ["Reading", "read_values"]

#: Slopes, per mm, of distances that are taken for millimetres.
_SLOPE_RANGE = (0.7, 1.4)
Kind = Literal["mask", "labels", "probability", "distance", "ct"]


@dataclass(frozen=True, eq=False)
class Reading:
    """A volume whose values are understood.

    Attributes
    ----------
    kind : str
        ``"mask"``, ``"labels"``, ``"probability"``, ``"distance"`` or ``"ct"``.
    volume : Volume
        The volume in the convention of its kind: a mask as uint8 0/1; labels as whole numbers; a probability
        as 0 to 1; distances positive inside; a CT in Hounsfield units.
    labels : tuple of int
        The labels other than 0, ascending; empty for other kinds.
    note : str
        What the values were taken for where that is not obvious; else empty.
    findings : tuple of Finding
        A warning where a sign was turned.
    """

    kind: Kind
    volume: Volume
    labels: tuple[int, ...] = ()
    note: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def level(self) -> float | None:
        """Value at the surface: 0.5 for a probability, 0 for distances, None for the other kinds."""
        return {"probability": 0.5, "distance": 0.0}.get(self.kind)


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
    return _read_as(word, volume, levels, asking, turned=values is None)


def _read_as(
    word: str, volume: Volume, levels: NDArray[Any] | None, asking: Asking, *, turned: bool
) -> Reading:
    """Return the volume in the convention of its kind."""
    note = "" if word in ("mask", "labels", "hu") else VALUE_MEANINGS[word]
    if word in ("mask", "inverted-mask"):
        return Reading("mask", _as_mask(volume, levels, word, asking), note=note)
    if word == "labels":
        return Reading("labels", volume, _labels_of(volume, asking))
    if word.startswith("hu"):
        return Reading("ct", _shifted(volume, float(word[2:] or 0)), note=note)
    if word.startswith("distance"):
        return _distances(volume, word, note, turned=turned)
    if word.endswith("logits"):
        sign = -1 if word == "inverted-logits" else 1
        odds = expit(volume.array.astype(np.float32) * np.float32(sign))
        return Reading("probability", volume.with_array(odds), note=note)
    return Reading("probability", _as_probability(volume, word), note=note)


def _as_mask(volume: Volume, levels: NDArray[Any] | None, word: str, asking: Asking) -> Volume:
    if levels is None or len(levels) > 2:
        count = f"more than {MAX_LEVELS}" if levels is None else str(len(levels))
        raise InputError(
            f"expected two values in a mask, got {count}: give {asking.values} labels, or what they are"
        )
    low, high = levels[0], levels[-1]
    if word == "inverted-mask":
        return volume.with_array((volume.array < high).view(np.uint8))
    if low == 0 and high <= 1 and volume.array.dtype in (np.uint8, np.bool_):
        return volume.with_array(volume.array.view(np.uint8))
    return volume.with_array(
        (volume.array > min(low, 0) if low == high else volume.array > low).view(np.uint8)
    )


def _labels_of(volume: Volume, asking: Asking) -> tuple[int, ...]:
    """Return the labels other than 0 of a map of any number of labels."""
    if volume.array.dtype.kind == "f" and (volume.array != np.rint(volume.array)).any():
        raise InputError(
            f"expected whole numbers for labels, got fractions: give {asking.values} with what they are"
        )
    return tuple(int(value) for value in np.unique(volume.array) if value)


def _shifted(volume: Volume, offset: float) -> Volume:
    """Return a CT without the offset that was added to its Hounsfield units."""
    if not offset:
        return volume
    wide: NDArray[Any] = volume.array.astype(np.float32 if volume.array.dtype.kind == "f" else np.int32)
    return volume.with_array(wide - np.asarray(offset, wide.dtype))


def _distances(volume: Volume, word: str, note: str, *, turned: bool) -> Reading:
    """Return distances in millimetres, positive inside; a warning where the sign was turned unasked."""
    array = volume.array if volume.array.dtype.kind == "f" else volume.array.astype(np.float32)
    typical = ValueFacts.of(volume).steady_slope() or 1.0
    if not _SLOPE_RANGE[0] <= typical <= _SLOPE_RANGE[1]:
        array, note = array / np.asarray(typical, array.dtype), f"{note}, {typical:.3g} per mm"
    if word == "distance":
        return Reading("distance", volume.with_array(array), note=note)
    message = "The distances are positive outside of the body and were turned: look at the result."
    findings = (Finding("input.sign_turned", "warning", message),) if turned else ()
    return Reading("distance", volume.with_array(-array), note=note, findings=findings)


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
