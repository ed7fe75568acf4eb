"""The braincase as a shape that can be changed into another: radius and thickness over all directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete.models import packaged_mean
from meshimplant.errors import InputError
from meshimplant.head.align import ALIGN_COUNT, align_to_mean
from meshimplant.head.pose import HeadPose, fit_pose
from meshimplant.head.sphere import direction_sphere, read_vault
from meshimplant.voxels.volume import Volume

#: Step of the maps, degrees (2 mm on the bone).
STEP_DEG = 1.5
#: Columns are averaged over this chord (5 mm on the bone): diploe and noise go, the form of the head stays.
_BLUR, _NEIGHBOURS = 0.06, 64
_THICKNESS_RANGE_MM = (1.0, 20.0)


@dataclass(frozen=True, eq=False)
class HeadShape:
    """What `read_head_shape` found.

    Attributes
    ----------
    pose : HeadPose
        The head's frame, nodded and centred as all heads are (`align_to_mean`).
    inner_mm, outer_mm : (azimuth, elevation) arrays
        Radius of the braincase's two surfaces from the frame's centre, every 1.5 degrees; azimuth from -180 to 180
        (closed), elevation from -90 to 90. Filled from around where there is no bone, so that a defective skull has
        a shape too. Below the vault they mean little.
    """

    pose: HeadPose
    inner_mm: NDArray[np.float32]
    outer_mm: NDArray[np.float32]


def read_head_shape(skull: Volume, *, pose: HeadPose | None = None) -> HeadShape:
    """Read the shape of a head from the mask of its skull; takes some seconds, once per skull.

    The shape is in patient millimetres, so one read at full resolution serves every grid of that patient.

    Parameters
    ----------
    skull : Volume
        Mask of a complete (or defective) skull; non-zero is bone.
    pose
        From `fit_pose`, when it is known already.

    Raises
    ------
    InputError
        Too little of the vault is in the scan.
    EmptyMaskError
        The mask is empty.
    """
    pose = head_pose(skull, near=pose)
    columns = read_vault(skull, pose, count=ALIGN_COUNT)
    thickness = columns.outer_mm - columns.inner_mm
    low, high = _THICKNESS_RANGE_MM
    with np.errstate(invalid="ignore"):
        good = (thickness > low) & (thickness < high)
    values = np.stack([columns.inner_mm, columns.outer_mm], axis=1)[good]
    inner, outer = _mapped(direction_sphere()[0][:ALIGN_COUNT][good], values)
    return HeadShape(pose, inner, outer)


def head_pose(skull: Volume, *, near: HeadPose | None = None) -> HeadPose:
    """Return the head's frame, nodded and centred as the mean head is; `near` is its pose from `fit_pose`, if known."""
    pose = fit_pose(skull) if near is None else near
    columns = read_vault(skull, pose, count=ALIGN_COUNT)
    found = ~columns.missing[direction_sphere()[0][:ALIGN_COUNT, 2] > 0]
    if found.mean() < 0.3:
        raise InputError(
            f"expected bone in most directions of the upper half of the head, got it in {found.mean():.0%}: "
            "pass the mask of a skull whose vault is in the scan, top up (+z of LPS)"
        )
    return align_to_mean(pose, columns, packaged_mean())


def map_directions() -> NDArray[np.float64]:
    """Return the unit directions (azimuth, elevation, 3) of the maps' nodes in the head's frame."""
    azimuth = np.radians(np.arange(-180, 180 + STEP_DEG / 2, STEP_DEG))
    elevation = np.radians(np.arange(-90, 90 + STEP_DEG / 2, STEP_DEG))
    a, e = np.meshgrid(azimuth, elevation, indexing="ij")
    return np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], axis=-1)


def read_maps(
    maps: list[NDArray[np.float32]], points: NDArray[np.float32], radius: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """Return each map's value (n,) in the directions of points (3, n) of the head's frame, given their radius (n,)."""
    azimuth = np.degrees(np.arctan2(points[1], points[0])) + np.float32(180)
    elevation = np.degrees(np.arcsin(np.clip(points[2] / radius, -1, 1))) + np.float32(90)
    index = np.stack([azimuth, elevation]) / np.float32(STEP_DEG)
    return [ndimage.map_coordinates(m, index, order=1, mode="nearest", output=np.float32) for m in maps]


def _mapped(directions: NDArray[np.float64], values: NDArray[np.floating]) -> list[NDArray[np.float32]]:
    """Average values (n, c) at scattered directions onto the maps' nodes: one map per column."""
    from scipy.spatial import cKDTree

    nodes = map_directions()
    distance, index = cKDTree(directions).query(nodes.reshape(-1, 3), _NEIGHBOURS)
    distance -= distance[:, :1]  # where nothing is near, the nearest count
    weight = np.exp(-0.5 * (distance / _BLUR) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    maps = np.einsum("nk,nkc->cn", weight, values[index]).reshape(-1, *nodes.shape[:2])
    maps[:, -1] = maps[:, 0]  # the same to the last bit on both sides of the seam
    return list(maps.astype(np.float32))
