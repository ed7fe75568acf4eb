"""The shape of the braincase as maps of radius and thickness, which can be deformed into another head's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.models import packaged_mean
from meshimplant.errors import InputError
from meshimplant.head.align import ALIGN_COUNT, align_to_mean
from meshimplant.head.latitude_longitude import close_seam, map_directions
from meshimplant.head.pose import HeadPose, fit_pose
from meshimplant.head.sphere import direction_sphere, read_vault
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.voxels.volume import Volume

#: Columns are averaged over this chord (5 mm on the bone), which removes diploe and noise and keeps the
#: head's shape.
_BLUR, _NEIGHBOURS = 0.06, 64
_THICKNESS_RANGE_MM = (1.0, 20.0)


@dataclass(frozen=True, eq=False)
class HeadShape:
    """Pose and surfaces of a braincase, from `read_head_shape`.

    Attributes
    ----------
    pose : HeadPose
        The head's frame, aligned to the mean head (`align_to_mean`).
    inner_mm, outer_mm : (azimuth, elevation) arrays
        Radius of the braincase's two surfaces from the frame's centre, at the nodes of `map_directions`. Gaps
        are filled from their surroundings, so a defective skull has a shape too. Values below the vault are
        unreliable.
    """

    pose: HeadPose
    inner_mm: NDArray[np.float32]
    outer_mm: NDArray[np.float32]


def read_head_shape(skull: Volume, *, pose: HeadPose | None = None) -> HeadShape:
    """Measure the shape of a head from the mask of its skull; takes a few seconds.

    The shape is in patient millimetres, so one measured at full resolution serves every grid of that patient.

    Parameters
    ----------
    skull : Volume
        Mask of a complete (or defective) skull; non-zero is bone.
    pose : HeadPose, optional
        From `fit_pose`, if known.

    Returns
    -------
    HeadShape

    Raises
    ------
    InputError
        Too little of the vault is in the scan.
    EmptyMaskError
        The mask is empty.
    """
    skull = bone_mask(skull)
    pose = fit_aligned_pose(skull, near=pose)
    columns = read_vault(skull, pose, count=ALIGN_COUNT)
    thickness = columns.outer_mm - columns.inner_mm
    low, high = _THICKNESS_RANGE_MM
    with np.errstate(invalid="ignore"):
        good = (thickness > low) & (thickness < high)
    values = np.stack([columns.inner_mm, columns.outer_mm], axis=1)[good]
    inner, outer = _mapped(direction_sphere()[0][:ALIGN_COUNT][good], values)
    return HeadShape(pose, inner, outer)


def fit_aligned_pose(skull: Volume, *, near: HeadPose | None = None) -> HeadPose:
    """Return the head's frame, aligned to the mean head; `near` is its pose from `fit_pose`, if known."""
    pose = fit_pose(skull) if near is None else near
    columns = read_vault(skull, pose, count=ALIGN_COUNT)
    found = ~columns.missing[direction_sphere()[0][:ALIGN_COUNT, 2] > 0]
    if found.mean() < 0.3:
        raise InputError(
            f"expected bone in most directions of the upper half of the head, got it in {found.mean():.0%}: "
            "pass the mask of a skull whose vault is in the scan, top up (+z of LPS)"
        )
    return align_to_mean(pose, columns, packaged_mean())


def _mapped(directions: NDArray[np.float64], values: NDArray[np.floating]) -> list[NDArray[np.float32]]:
    """Average values (n, c) at scattered directions at the nodes of the maps; return one map per column."""
    from scipy.spatial import cKDTree

    nodes = map_directions()
    distance, index = cKDTree(directions).query(nodes.reshape(-1, 3), _NEIGHBOURS)
    distance -= distance[:, :1]  # where nothing is near, the nearest count
    weight = np.exp(-0.5 * (distance / _BLUR) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    maps = np.einsum("nk,nkc->cn", weight, values[index]).reshape(-1, *nodes.shape[:2])
    close_seam(maps)
    return list(maps.astype(np.float32))
