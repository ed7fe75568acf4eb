"""`bone_mask`: a skull in memory as a mask of bone, or the reason why it is none."""

from __future__ import annotations

import numpy as np

from meshimplant.errors import InputError, require_type
from meshimplant.skull.keep_skull import depth_mm
from meshimplant.values.distinct_values import as_whole_numbers, distinct_values
from meshimplant.values.value_facts import MAX_BONE_DEPTH_MM
from meshimplant.voxels.volume import Volume

_ADVICE = "read the file with read_skull, which takes any of them, or set bone to 1 and all else to 0"


def bone_mask(skull: Volume, name: str = "the skull") -> Volume:
    """Return the mask of a skull, or of a piece of it, as uint8 0 and 1.

    All public functions that take a skull in memory read it with this function, so that a CT, labels of
    several tissues or a mask of the background are never taken for bone.

    Parameters
    ----------
    skull : Volume
        A mask of any type and two values, the higher one bone, or of 0 alone; up to 0.001 off whole numbers.
    name : str
        What the volume is, for messages.

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        It has more than two values, or its bone is deeper than that of any skull (a mask of the background,
        of a filled head, or without air).
    """
    require_type(skull, Volume, name)
    array = as_whole_numbers(skull.array)
    levels = distinct_values(array)
    if levels is None or len(levels) > 2:
        got = f"{len(levels)} values" if levels is not None else "an image"
        raise InputError(
            f"expected a mask of two values for {name}, got {got} from {array.min():g} to {array.max():g} "
            f"(a CT, a probability, distances or labels): {_ADVICE}"
        )
    inside = array > (levels[0] if len(levels) == 2 else min(levels[0], 0))
    mask = skull.with_array(inside.view(np.uint8))
    if inside.any() and (depth := depth_mm(mask)) > MAX_BONE_DEPTH_MM:
        raise InputError(
            f"expected a mask of bone, which is never more than {MAX_BONE_DEPTH_MM:g} mm deep, for {name}, "
            f"got a body {depth:.0f} mm deep (the background instead of bone, or a filled head): {_ADVICE}"
        )
    return mask
