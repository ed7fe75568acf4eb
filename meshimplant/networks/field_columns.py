"""Columns of bone along rays from the head's centre, located between the voxels of a distance field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.columns import Columns
from meshimplant.head.pose import identity_pose
from meshimplant.head.sphere import direction_sphere, read_along
from meshimplant.networks.head_grid import FINE, HeadGrid
from meshimplant.voxels.fields import sample

#: Search range around the surface as found in voxels, and its step.
_REACH_MM, _STEP_MM = 1.5, 0.25


def columns_from_field(
    field_mm: NDArray[np.float32], *, which: NDArray[np.int64] | None = None, grid: HeadGrid = FINE
) -> Columns:
    """Return the columns of bone of a field in the head's own frame, along `direction_sphere`.

    Columns are found in the voxels as in any skull (`read_along`). Each end is then moved to the zero of the
    field, which locates the surface between the voxels.

    Parameters
    ----------
    field_mm : (*grid.shape) array
        Signed distance, positive inside.
    which : (n,) array of int, optional
        Indices of the directions to read; all by default.
    grid : HeadGrid
        Grid of the field.
    """
    directions = direction_sphere()[0] if which is None else direction_sphere()[0][which]
    rough = read_along(grid.volume((field_mm > 0).astype(np.uint8)), identity_pose(), directions)
    inner = _placed(field_mm, grid, directions, rough.inner_mm, outward=1)
    outer = _placed(field_mm, grid, directions, rough.outer_mm, outward=-1)
    return Columns(np.minimum(inner, outer), outer)


def _placed(
    field_mm: NDArray[np.float32],
    grid: HeadGrid,
    directions: NDArray[np.float64],
    radius_mm: NDArray[np.float32],
    *,
    outward: int,
) -> NDArray[np.float32]:
    """Return radii (n,) moved to the nearest zero crossing, upwards (`outward` 1) or downwards (-1)."""
    steps = np.arange(-_REACH_MM, _REACH_MM + _STEP_MM / 2, _STEP_MM)
    hit = np.flatnonzero(~np.isnan(radius_mm))
    radii = radius_mm[hit, None] + steps
    points = (radii[..., None] * directions[hit, None]).reshape(-1, 3)
    along = outward * sample(grid.volume(field_mm), points, fill=-1.0).reshape(radii.shape)
    before, after = along[:, :-1], along[:, 1:]
    crossing = (before <= 0) & (after > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        place = radii[:, :-1] + _STEP_MM * before / (before - after)
    away = np.where(crossing, np.abs(place - radius_mm[hit, None]), np.inf)
    nearest = away.argmin(axis=1)[:, None]
    found = np.take_along_axis(place, nearest, axis=1)[:, 0]
    placed = radius_mm.copy()
    placed[hit] = np.where(crossing.any(axis=1), found, radius_mm[hit])
    return placed
