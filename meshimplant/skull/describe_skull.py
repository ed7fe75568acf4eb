"""`describe_skull`: how much bone a mask holds and where it lies."""

from __future__ import annotations

from typing import Any

import numpy as np

from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume


def describe_skull(mask: Volume) -> dict[str, Any]:
    """Return facts about the bone of a mask, each named with its unit.

    Parameters
    ----------
    mask : Volume
        Bone; non-zero is bone.

    Returns
    -------
    dict
        ``bone_volume_mm3`` and ``bone_extents_mm`` (along the axes of the grid).
    """
    start, stop = bounding_box(mask.array)
    return {
        "bone_volume_mm3": float(np.count_nonzero(mask.array) * mask.voxel_volume_mm3),
        "bone_extents_mm": ((stop - start) * mask.spacing_mm).round(1).tolist(),
    }
