"""`require_no_window`: whether a predicted probability agrees with the bone, or is a window of a CT."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from meshimplant.errors import InputError
from meshimplant.values.read_values import Reading
from meshimplant.values.value_words import PREDICTION_ASKING, VALUE_MEANINGS
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.grid import bounding_box, shifted_affine
from meshimplant.voxels.volume import Volume

#: Both are compared on about every so many mm of the skull.
_STEP_MM = 1.0
#: Values between these are neither bone nor none.
_MIDDLE = (0.1, 0.9)
#: The core of the bone is this deep under its surface, mm, or the deepest two fifths of it where it is thin.
_CORE_MM, _CORE_PERCENTILE = 1.0, 60.0
#: Most middle values in the core, as a fraction, of a probability that is unlike a blurred mask; and least
#: rank correlation of middle values with the mask of the bone, blurred by one voxel, of one that is like it.
_MOST_MIDDLE, _LEAST_LIKENESS = 0.04, 0.25
#: Farther than this from the bone of the defective skull, mm, this volume of middle values is soft tissue, as
#: a fraction of the volume of the bone.
_OFF_BONE_MM, _MOST_OFF_BONE = 6.0, 0.5
#: Values that a rank correlation needs at most.
_RANKED = 20_000


def require_no_window(body: Reading, skull: Volume) -> None:
    """Raise `InputError` for a probability that looks like a CT cut to a window of its values and scaled.

    In the bone of the skull, a probability is near 1 or, if it is soft, like a blurred mask of it; in a CT
    the diploe is less dense than the tables around it. Away from it, a probability is near 0 except around
    the defect; a noisy CT has litres of soft tissue.

    Measured on made CTs (0.6 to 3 mm, three kernels) as middle values in the core, and their rank
    correlation with the blurred mask: windows of 80..700 to 300..1300 HU 0.18 to 1 and at most 0.01, narrow
    ones (150..500 HU) from 0.04 and at most 0.10; blurred masks of them and of phantoms (0.5 to 2 mm or
    voxels, also moved by half a voxel) up to 1 and from 0.38. Middle values off the bone, as a fraction of
    its volume: at most 0.12 in blurred masks, 1.3 to 3.4 in windows of soft tissue.

    Parameters
    ----------
    body : Reading
        A completed skull or an implant whose values were not stated; only a probability is looked at.
    skull : Volume
        Mask of the defective skull.

    Raises
    ------
    InputError
        The values may be those of a CT; the message names the options that state them.
    """
    if body.kind != "probability":
        return
    bone = _thinned(skull)
    values = body.volume.resample_to(bone, fill=-1).array  # below 0 beyond its grid
    middle = (values > _MIDDLE[0]) & (values < _MIDDLE[1])
    core = _core(bone) & (values >= 0)
    inside = float(np.mean(middle[core])) if core.any() else 0.0
    far = distance_outside(bone.array, bone.spacing_mm) > _OFF_BONE_MM
    off_bone = np.count_nonzero(middle & far)
    is_texture = inside > _MOST_MIDDLE and _likeness(values, bone, core & middle) < _LEAST_LIKENESS
    if is_texture or off_bone > _MOST_OFF_BONE * np.count_nonzero(bone.array):
        raise _question(body, inside, off_bone * bone.voxel_volume_mm3)


def _thinned(skull: Volume) -> Volume:
    """Return every few voxels of the mask (bool), within its bounding box and a margin."""
    start, stop = bounding_box(skull.array)
    margin = np.ceil(15.0 / skull.spacing_mm).astype(int)
    box = skull.crop(start - margin, stop + margin)
    step = np.maximum(1, np.rint(_STEP_MM / skull.spacing_mm)).astype(int)
    affine = shifted_affine(box.affine, np.zeros(3))
    affine[:3, :3] *= step
    return Volume(box.array[:: step[0], :: step[1], :: step[2]] != 0, affine)


def _core(bone: Volume) -> NDArray[np.bool_]:
    """Return where the core of the bone is."""
    depth_mm = distance_inside(bone.array, bone.spacing_mm)  # to the next centre outside
    deep_mm = _CORE_MM + float(bone.spacing_mm.mean()) / 2
    return depth_mm >= min(deep_mm, float(np.percentile(depth_mm[bone.array], _CORE_PERCENTILE)))


def _likeness(values: NDArray[np.floating[Any]], bone: Volume, chosen: NDArray[np.bool_]) -> float:
    """Return the rank correlation of the chosen values with the blurred bone; 0 if all are equal."""
    blurred = ndimage.gaussian_filter(bone.array.astype(np.float32), 1.0)[chosen]
    picked = values[chosen]
    every = max(1, len(picked) // _RANKED)
    if np.ptp(picked) == 0 or np.ptp(blurred) == 0:
        return 0.0
    return float(stats.spearmanr(picked[::every], blurred[::every]).statistic)


def _question(body: Reading, inside: float, off_bone_mm3: float) -> InputError:
    meanings = {meaning: word for word, meaning in VALUE_MEANINGS.items()}
    word = meanings[body.note]
    return InputError(
        "expected a probability near 1 in the bone of the defective skull and near 0 away from it, got "
        f"values between {_MIDDLE[0]:g} and {_MIDDLE[1]:g} in {inside:.0%} of the bone and in "
        f"{off_bone_mm3 / 1000:.0f} cm3 away from it, as in a CT that was cut to a window and scaled: "
        f"give {PREDICTION_ASKING.values} {word} if it is {body.note}, "
        f"or {PREDICTION_ASKING.level} with the lowest value of bone if it is such a CT"
    )
