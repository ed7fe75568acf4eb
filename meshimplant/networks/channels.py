"""Input channels of the networks: fields on the head's grid, the same in training and in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete.estimate_vault import Estimate, close_by_columns, estimate_vault
from meshimplant.complete.models import models_of
from meshimplant.head.latitude_longitude import interpolate_map, map_directions
from meshimplant.head.mean_vault import read_scattered
from meshimplant.head.pose import identity_pose
from meshimplant.head.sphere import direction_sphere
from meshimplant.networks.field_columns import columns_from_field
from meshimplant.networks.head_grid import CLIP_MM, COARSE, HeadGrid
from meshimplant.skull.defect import Defect, Openings, find_defects
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

_MARGIN_MM = 12.0
#: Distance between neighbouring directions of `direction_sphere`, radians (chord).
_STEP = float(np.sqrt(4 * np.pi / 40962))
#: The input box holds the bone within the first distance of the opening, and the second around it; its edges
#: are multiples of the third, voxels.
_FOCUS_OPENING_MM, _FOCUS_MARGIN_MM, _FOCUS_STEP = 6.0, 12.0, 8
#: Channels with the position in the head, one per axis, and their unit.
POSITION_CHANNELS = ("side", "back", "top")
_PLACE_MM = 100.0
#: Step of the maps of radii, degrees.
_MAP_STEP_DEG = 1.0


@dataclass(frozen=True, eq=False)
class PriorCompletion:
    """Completion of one head without a network, in its own frame.

    Attributes
    ----------
    members : (n,) array
        Indices of the directions of `direction_sphere` through the opening.
    prior : (*grid.shape) float32 array
        Signed distance of the completed skull, mm, clipped to `CLIP_MM`.
    outer_mm, thickness_mm : (m,) arrays
        The mean vault fitted to this head, along `direction_sphere`.
    """

    members: NDArray[np.int64]
    prior: NDArray[np.float32]
    outer_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]


def complete_in_head(
    defective_mm: NDArray[np.float32], grid: HeadGrid, *, members: NDArray[np.int64] | None = None
) -> PriorCompletion:
    """Complete the largest opening of a head in its own frame by method ``template``.

    Radii are located between the voxels, so the result is as good as on the patient's own grid (measured on a
    SkullFix skull: the outer surface is 0.32 mm off the truth in the opening on either grid, and 0.43 mm with
    radii from voxels of 1 mm).

    Parameters
    ----------
    defective_mm : (*grid.shape) array
        Signed distance of the defective skull on a grid of 1 mm.
    grid : HeadGrid
        Grid of `defective_mm`.
    members : (n,) array of int, optional
        Directions through the opening to close: the opening that shares most of them. Default: the largest
        opening.

    Returns
    -------
    PriorCompletion

    Raises
    ------
    NoDefectError
        The vault has no opening.
    """
    skull = grid.volume((defective_mm > 0).astype(np.uint8))
    opening = replace(
        find_defects(skull, identity_pose()), columns=columns_from_field(defective_mm, grid=grid)
    )
    defect = _select_defect(opening, members)
    estimate = estimate_vault(opening, defect, models_of("template", None))
    shell = shell_field(skull, opening, defect, estimate)
    fitted = estimate.fitted[0]
    prior = np.clip(np.maximum(defective_mm, shell), -CLIP_MM, CLIP_MM)
    return PriorCompletion(defect.members, prior, fitted.outer_mm, fitted.thickness_mm)


def shell_field(skull: Volume, opening: Openings, defect: Defect, estimate: Estimate) -> NDArray[np.float32]:
    """Return the signed distance of the missing vault on the skull's grid, -`CLIP_MM` far from it."""
    pose = identity_pose()
    shell = close_by_columns(skull, pose, opening, defect, estimate, estimate.names[0])
    crop = skull.crop(*shell.box(skull, pose, margin_mm=_MARGIN_MM))
    return shell.field(crop, pose).paste_into(skull, fill=-CLIP_MM).array


def opening_field(members: NDArray[np.int64], grid: HeadGrid) -> NDArray[np.float32]:
    """Return the signed distance, mm, to the edge of the opening's cone of rays, positive inside.

    Clipped to `CLIP_MM`. It is measured along the sphere through the voxel, at the voxels of `COARSE`, and
    interpolated: the field is smooth.
    """
    from scipy.spatial import cKDTree

    directions, _ = direction_sphere()
    inside = np.zeros(len(directions), bool)
    inside[members] = True
    points = COARSE.points_mm().reshape(-1, 3).astype(float)
    radius = np.linalg.norm(points, axis=1)
    seen = points / radius[:, None]
    to_edge = [cKDTree(directions[side]).query(seen)[0] - _STEP / 2 for side in (inside, ~inside)]
    angle = np.where(to_edge[0] < to_edge[1], np.maximum(to_edge[1], 0), -np.maximum(to_edge[0], 0))
    field = np.clip(radius * angle, -CLIP_MM, CLIP_MM).astype(np.float32).reshape(COARSE.shape)
    return interpolate_coarse(field, grid)


def mean_field(
    outer_mm: NDArray[np.float64], thickness_mm: NDArray[np.float64], grid: HeadGrid
) -> NDArray[np.float32]:
    """Return the radial signed distance, mm, of the fitted mean vault, clipped to `CLIP_MM`.

    Parameters
    ----------
    outer_mm, thickness_mm : (n,) arrays
        Outer radius and thickness along `direction_sphere`.
    grid : HeadGrid
    """
    points = grid.points_mm()
    radius = np.linalg.norm(points, axis=-1)
    outer, thickness = (interpolate_map(values, points, radius) for values in _maps(outer_mm, thickness_mm))
    return np.clip(np.minimum(outer - radius, radius - outer + thickness), -CLIP_MM, CLIP_MM)


def _maps(*values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values over `direction_sphere` as maps over azimuth and elevation."""
    directions = map_directions(_MAP_STEP_DEG)
    read = read_scattered(direction_sphere()[0], np.stack(values, axis=1), directions.reshape(-1, 3))
    return np.moveaxis(read.reshape(*directions.shape[:2], len(values)), -1, 0)


def focus_box(
    opening_mm: NDArray[np.float32], prior_mm: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ``(start, stop)``, in voxels of `COARSE`, of the networks' input box around the opening.

    Its edges are multiples of `_FOCUS_STEP` voxels, so that a U-Net can halve them.

    Parameters
    ----------
    opening_mm, prior_mm : (*COARSE.shape) arrays
        From `opening_field` and of the network-free completion.
    """
    wanted = (opening_mm > -_FOCUS_OPENING_MM) & (np.abs(prior_mm) < CLIP_MM)
    if not wanted.any():
        return np.zeros(3, int), np.array(COARSE.shape)
    low, high = bounding_box(wanted)
    margin = round(_FOCUS_MARGIN_MM / COARSE.spacing_mm)
    size = -(-(high - low + 2 * margin) // _FOCUS_STEP) * _FOCUS_STEP
    size = np.minimum(size, COARSE.shape)
    start = np.clip((low + high - size) // 2, 0, COARSE.shape - size)
    return start, start + size


def position_field(name: str, grid: HeadGrid) -> NDArray[np.float32]:
    """Return the position of a grid's voxels to the side, back or top, in units of `_PLACE_MM`.

    It is multiplied by `CLIP_MM`, so that `stack_channels` yields values of about 1.
    """
    line = np.abs(grid.line_mm(0)) if name == "side" else grid.line_mm(POSITION_CHANNELS.index(name))
    shape = [1, 1, 1]
    shape[POSITION_CHANNELS.index(name)] = -1
    scaled = line.reshape(shape) * np.float32(CLIP_MM / _PLACE_MM)
    return np.broadcast_to(scaled, grid.shape).astype(np.float32)


def stack_channels(names: Sequence[str], fields: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return fields, mm, in the order of a config's channels, (channels, ...), in units of `CLIP_MM`."""
    return np.stack([fields[name] for name in names]) / np.float32(CLIP_MM)


def mirror_field(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a field (..., x, y, z) mirrored across the symmetry plane, about which the grids are centred."""
    return np.ascontiguousarray(np.flip(field, -3))


def interpolate_coarse(coarse: NDArray[np.float32], grid: HeadGrid) -> NDArray[np.float32]:
    """Interpolate a field on `COARSE` at another grid's voxels; constant beyond the outermost centres."""
    if grid == COARSE:
        return coarse
    matrix = np.linalg.inv(COARSE.affine) @ grid.affine
    return ndimage.affine_transform(
        coarse, np.diag(matrix)[:3], matrix[:3, 3], grid.shape, output=np.float32, order=1, mode="nearest"
    )


def defective_field(
    complete_mm: NDArray[np.float32], kept: NDArray[np.bool_], grid: HeadGrid
) -> NDArray[np.float32]:
    """Return the signed distance of a skull after a cut, from the complete skull's and the remaining voxels.

    Parameters
    ----------
    complete_mm : (*grid.shape) array
        Signed distance of the complete skull.
    kept : (*grid.shape) array of bool
        The voxels of bone that remain.

    Returns
    -------
    (*grid.shape) float32 array
        `complete_mm` where the cut is not the nearest surface. Elsewhere the distance to the remaining
        voxels, which carries no trace of where the removed surface lay between the voxels: a network would
        learn to read it.
    """
    whole, left = (signed_distance(grid.volume(mask)).array for mask in (complete_mm > 0, kept))
    field = np.where(np.abs(left - whole) < 1e-3, complete_mm, left)
    return np.clip(field, -CLIP_MM, CLIP_MM).astype(np.float32)


def _select_defect(opening: Openings, members: NDArray[np.int64] | None) -> Defect:
    """Return the opening that shares most directions with `members`; the largest if there are none."""
    if members is None:
        return opening.defects[0]
    return max(opening.defects, key=lambda defect: np.isin(defect.members, members).sum())
