"""A patient's skull in the head's own frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.pose import HeadPose
from meshimplant.networks.channels import (
    PLACES,
    complete_in_head,
    mean_field,
    mirrored,
    opening_field,
    place_field,
)
from meshimplant.networks.head_grid import CLIP_MM, FINE, HeadGrid, sample_head
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume


def head_field(skull: Volume, pose: HeadPose, *, grid: HeadGrid = FINE) -> NDArray[np.float32]:
    """Return the signed distance, mm, of a skull at the voxels of a head's grid, -`CLIP_MM` beyond the scan.

    Parameters
    ----------
    skull
        Mask; non-zero is bone. Only the part around the grid is worked on.
    pose
        Where the head lies in it.
    """
    in_patient = Grid(grid.shape, grid.affine_in(pose))
    index = skull.to_index(in_patient.to_mm(in_patient.corners(-1, 0)))
    margin = CLIP_MM / skull.spacing_mm
    around = skull.crop(np.floor(index.min(axis=0) - margin), np.ceil(index.max(axis=0) + margin))
    return sample_head(signed_distance(around), pose, grid, -CLIP_MM)


def head_fields(
    skull: Volume, pose: HeadPose, members: NDArray[np.int64], channels: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Return what a network is shown of one opening of a patient's skull, mm, on `FINE`, by name.

    It is made as for learning: the skull is read into the head's frame at 1 mm and completed there without a network.

    Parameters
    ----------
    skull
        Mask of the defective skull; non-zero is bone.
    pose
        Where the head lies in it.
    members
        Which of `direction_sphere` lead through the opening.
    channels
        Names that the network asks for; ``opening`` and ``prior`` come in any case.
    """
    defective = head_field(skull, pose)
    known = complete_in_head(defective, FINE, members=members)
    clipped = np.clip(defective, -CLIP_MM, CLIP_MM)
    makers: dict[str, Callable[[], NDArray[np.float32]]] = {
        "defective": lambda: clipped,
        "opening": lambda: opening_field(known.members, FINE),
        "prior": lambda: known.prior,
        "mirror": lambda: mirrored(clipped),
        "mean": lambda: mean_field(known.outer_mm, known.thickness_mm, FINE),
    }
    makers |= {name: partial(place_field, name, FINE) for name in PLACES}
    return {name: makers[name]() for name in dict.fromkeys((*channels, "opening", "prior"))}
