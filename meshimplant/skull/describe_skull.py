"""`describe_skull`: the bone of a mask, what of the head is in the scan, and which openings there are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import InputError, NoDefectError
from meshimplant.head.columns import Columns
from meshimplant.head.pose import HeadPose, fit_pose
from meshimplant.head.sphere import direction_sphere, is_vault, read_vault
from meshimplant.skull.defect import Defect, find_defects
from meshimplant.skull.head_room import CUT_AREA_MM2
from meshimplant.skull.require_skull import require_skull
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

#: Less of a part of the vault than this outside the scan is not worth mentioning.
_CUT_FRACTION = 0.02
#: A ray may leave the scan this far behind the expected bone and still miss bone that the scan cuts off, mm.
_LATER_MM = 30.0
#: Sines above which a direction leads to the vertex, or to a side of the head.
_VERTEX_SIN, _SIDE_SIN = 0.8, 0.6


def describe_skull(mask: Volume) -> dict[str, Any]:
    """Return facts about the bone of a mask, each named with its unit.

    Parameters
    ----------
    mask : Volume
        Bone; non-zero is bone.

    Returns
    -------
    dict
        ``bone_volume_mm3`` and ``bone_extents_mm`` (along the axes of the grid); ``is_skull``, and where it
        is none ``reason``; otherwise ``vertex_in_scan``, ``left_side_in_scan``, ``right_side_in_scan``,
        ``vault_cut_off_fraction``, ``asymmetry_mm`` (median distance of the bone from its mirror image), and
        ``openings``: area, centre (LPS), side, and whether the scan, not a defect, ends there.
    """
    start, stop = bounding_box(mask.array)
    facts = {
        "bone_volume_mm3": float(np.count_nonzero(mask.array) * mask.voxel_volume_mm3),
        "bone_extents_mm": ((stop - start) * mask.spacing_mm).round(1).tolist(),
    }
    try:
        require_skull(mask)
    except InputError as error:
        return {**facts, "is_skull": False, "reason": str(error)}
    pose = fit_pose(mask)
    directions = direction_sphere()[0]
    outside = _outside_scan(mask, pose, read_vault(mask, pose))
    return {
        **facts,
        "is_skull": True,
        **_seen(directions, outside),
        "asymmetry_mm": pose.residual_mm,
        "openings": [_opening_facts(found, outside) for found in _openings(mask, pose)],
    }


def _outside_scan(mask: Volume, pose: HeadPose, columns: Columns) -> NDArray[np.bool_]:
    """Return which directions of `direction_sphere` leave the scan where it cuts the head.

    That is before bone was to be expected, or a little later through a side that cuts bone: the top of a head
    whose vertex is cut off looks lower than it is.
    """
    directions = direction_sphere()[0]
    expected_mm = float(np.nanmedian(columns.outer_mm[is_vault(directions)]))
    step = directions @ pose.axes @ np.linalg.inv(mask.affine)[:3, :3].T
    start, upward = mask.to_index(pose.centre_mm), step > 0
    with np.errstate(divide="ignore"):
        exits_mm = np.where(upward, np.array(mask.shape) - 0.5 - start, -0.5 - start) / step
    axis = exits_mm.argmin(axis=1)
    end = np.take_along_axis(upward, axis[:, None], axis=1)[:, 0].astype(int)
    limit_mm = expected_mm + np.where(_cutting_sides(mask)[axis, end], _LATER_MM, 0)
    return columns.missing & (exits_mm.min(axis=1) < limit_mm)


def _cutting_sides(mask: Volume) -> NDArray[np.bool_]:
    """Return whether the first and last slice along each axis (3, 2) cut through bone."""
    cut = np.zeros((3, 2), bool)
    for axis, step_mm in enumerate(mask.spacing_mm):
        for end in (0, 1):
            bone = np.count_nonzero(np.moveaxis(mask.array, axis, 0)[-end])
            cut[axis, end] = bone * mask.voxel_volume_mm3 / step_mm > CUT_AREA_MM2
    return cut


def _seen(directions: NDArray[np.float64], outside: NDArray[np.bool_]) -> dict[str, Any]:
    """Return which parts of the vault are in the scan."""
    vault = is_vault(directions)
    left, _, up = directions.T
    parts = {
        "vertex_in_scan": up > _VERTEX_SIN,
        "left_side_in_scan": vault & (left > _SIDE_SIN),
        "right_side_in_scan": vault & (left < -_SIDE_SIN),
    }
    seen: dict[str, Any] = {name: bool(outside[part].mean() < _CUT_FRACTION) for name, part in parts.items()}
    return {**seen, "vault_cut_off_fraction": float(outside[vault].mean())}


def _openings(mask: Volume, pose: HeadPose) -> tuple[Defect, ...]:
    try:
        return find_defects(mask, pose).defects
    except NoDefectError:
        return ()


def _opening_facts(opening: Defect, outside: NDArray[np.bool_]) -> dict[str, Any]:
    side = "both sides" if opening.crosses_midline else "left" if opening.axis[0] > 0 else "right"
    return {
        "area_mm2": round(opening.area_mm2, 1),
        "centre_mm": opening.centre_mm.round(1).tolist(),
        "side": side,
        "ends_with_scan": bool(outside[opening.members].mean() > 0.5),
    }
