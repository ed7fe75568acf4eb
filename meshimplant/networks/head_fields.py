"""Resample a patient's skull into the head's own frame, and compute the input fields of a network there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.pose import HeadPose
from meshimplant.networks.channels import (
    POSITION_CHANNELS,
    complete_in_head,
    mean_field,
    mirror_field,
    opening_field,
    position_field,
)
from meshimplant.networks.head_grid import CLIP_MM, FINE, HeadGrid, sample_head
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume


def head_field(skull: Volume, pose: HeadPose, *, grid: HeadGrid = FINE) -> NDArray[np.float32]:
    """Return the signed distance, mm, of a skull at the voxels of a head's grid, -`CLIP_MM` beyond the scan.

    Parameters
    ----------
    skull : Volume
        Mask; non-zero is bone. Only the part around the grid is processed.
    pose : HeadPose
        Position of the head in the skull's frame.
    grid : HeadGrid
    """
    in_patient = Grid(grid.shape, grid.affine_in(pose))
    index = skull.to_index(in_patient.to_mm(in_patient.corners(-1, 0)))
    margin = CLIP_MM / skull.spacing_mm
    around = skull.crop(np.floor(index.min(axis=0) - margin), np.ceil(index.max(axis=0) + margin))
    return sample_head(signed_distance(around), pose, grid, -CLIP_MM)


def head_fields(
    skull: Volume, pose: HeadPose, members: NDArray[np.int64], channels: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Return the input fields of a network for one opening of a patient's skull, mm, on `FINE`, by name.

    They are computed as for training: the skull is resampled into the head's frame at 1 mm and completed
    there without a network.

    Parameters
    ----------
    skull : Volume
        Mask of the defective skull; non-zero is bone.
    pose : HeadPose
        Position of the head in the skull's frame.
    members : (n,) array of int
        Indices of the directions of `direction_sphere` through the opening.
    channels : sequence of str
        Channels of the network; ``opening`` and ``prior`` are always added.
    """
    defective = head_field(skull, pose)
    known = complete_in_head(defective, FINE, members=members)
    clipped = np.clip(defective, -CLIP_MM, CLIP_MM)
    makers: dict[str, Callable[[], NDArray[np.float32]]] = {
        "defective": lambda: clipped,
        "opening": lambda: opening_field(known.members, FINE),
        "prior": lambda: known.prior,
        "mirror": lambda: mirror_field(clipped),
        "mean": lambda: mean_field(known.outer_mm, known.thickness_mm, FINE),
    }
    makers |= {name: partial(position_field, name, FINE) for name in POSITION_CHANNELS}
    return {name: makers[name]() for name in dict.fromkeys((*channels, "opening", "prior"))}
