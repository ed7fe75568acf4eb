"""`require_one_head`: whether a scan shows more than one head."""

from __future__ import annotations

import numpy as np

from meshimplant.errors import InputError
from meshimplant.head.pose import coarse_bodies
from meshimplant.skull.enclosure import VOXEL_MM, enclosure_of, extents_mm
from meshimplant.voxels.volume import Volume

#: Least extent of a head in each direction, mm.
_HEAD_MM = 90.0


def require_one_head(bone: Volume) -> None:
    """Raise an error if the two largest bodies of bone are both heads: nobody knows which one is meant.

    Parameters
    ----------
    bone : Volume
        Mask of all dense voxels; not empty.

    Raises
    ------
    InputError
        There are two heads: a patient and a phantom, or two specimens.
    """
    bodies = coarse_bodies(bone, VOXEL_MM, count=2)
    if len(bodies) < 2 or not all(_is_head(body) for body in reversed(bodies)):
        return
    places = [
        np.round(body.to_mm(np.argwhere(body.array).mean(axis=0))).astype(int).tolist() for body in bodies
    ]
    raise InputError(
        "expected one skull, got two bodies of the size of a head, "
        f"around {places[0]} and {places[1]} mm (LPS): crop the scan to the patient's head"
    )


def _is_head(body: Volume) -> bool:
    """Whether a body is as large as a head and encloses a braincase; a frame or a table does not."""
    return bool(extents_mm(body).min() >= _HEAD_MM) and enclosure_of(body).is_braincase
