"""The voxels of a grid whose centres lie inside a mesh."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.voxels.grid import Grid, box_slices

#: Columns of voxels are shifted by this much (voxels), so that none runs exactly along an edge of the mesh.
_NUDGE = (3.1e-7, 1.7e-7)
#: Margin around a triangle's bounding box, voxels; columns farther off cannot meet the triangle.
_BESIDE = 1e-6


def occupancy(mesh: trimesh.Trimesh, grid: Grid) -> NDArray[np.bool_]:
    """Return an array (i, j, k) that is True where a voxel centre of a grid lies inside a closed mesh.

    Every triangle is projected onto the columns of voxels that it covers and adds its winding number there.
    So overlapping bodies count once, and grids may be oblique or mirrored. Exact but for rounding; nothing is
    sampled.

    Parameters
    ----------
    mesh : Trimesh
        Closed, LPS mm.
    grid : Grid

    Notes
    -----
    Measured on 170 k faces and 512 x 512 x 222 voxels: 0.5 s.
    """
    inside = np.zeros(grid.shape, bool)
    index = grid.to_index(np.asarray(mesh.vertices))
    if not len(index):
        return inside
    start, stop = (np.clip(end, 0, grid.shape) for end in grid.box_around(np.asarray(mesh.vertices)))
    if np.all(stop > start):
        inside[box_slices(start, stop)] = (
            _winding(index - start, np.asarray(mesh.faces), tuple(stop - start)) != 0
        )
    return inside


def dilated_box(mask: NDArray[np.bool_], voxels: int) -> NDArray[np.bool_]:
    """Return a mask dilated with a cube that reaches `voxels` voxels along every axis."""
    values = mask.astype(np.uint8)
    for axis in range(mask.ndim):
        values = ndimage.maximum_filter1d(values, 2 * voxels + 1, axis=axis)
    return values > 0


def _winding(
    points: NDArray[np.float64], faces: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.int16]:
    """Return the winding number at every voxel centre, summed over the crossings along the last axis."""
    triangle, column = _covered_columns(points[:, :2], faces, shape)
    corners = faces[triangle]
    sides = [_side(points[:, :2], corners[:, a], corners[:, b], column) for a, b in ((1, 2), (2, 0), (0, 1))]
    positive = np.stack([side[1] for side in sides])
    hit = positive.all(axis=0) | ~positive.any(axis=0)
    weights = np.stack([side[0] for side in sides], axis=1)[hit]
    area = weights.sum(axis=1)
    area[area == 0] = 1
    height = (weights * points[corners[hit], 2]).sum(axis=1) / area
    level = np.clip(np.ceil(height), 0, shape[2]).astype(np.int64)
    i, j = column[hit].T.astype(np.int64)
    flat = (i * shape[1] + j) * (shape[2] + 1) + level
    size = shape[0] * shape[1] * (shape[2] + 1)
    steps = np.bincount(flat, np.where(positive[0, hit], -1.0, 1.0), minlength=size)
    winding = np.cumsum(steps.astype(np.int8).reshape(shape[0], shape[1], -1), axis=2, dtype=np.int16)
    return winding[:, :, :-1]


def _covered_columns(
    flat: NDArray[np.float64], faces: NDArray[np.int64], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of a triangle (m,) and a column (m, 2) in its bounding box."""
    corners = flat[faces]
    low = np.clip(np.ceil(corners.min(axis=1) - _BESIDE).astype(np.int64), 0, None)
    high = np.minimum(np.floor(corners.max(axis=1) + _BESIDE).astype(np.int64), np.array(shape[:2]) - 1)
    size = np.maximum(high - low + 1, 0)
    count = size.prod(axis=1)
    triangle = np.repeat(np.arange(len(faces)), count)
    place = np.arange(len(triangle)) - np.repeat(np.cumsum(count) - count, count)
    width = size[triangle, 1]
    column = low[triangle] + np.stack([place // np.maximum(width, 1), place % np.maximum(width, 1)], axis=1)
    return triangle, column


def _side(
    flat: NDArray[np.float64], first: NDArray[np.int64], second: NDArray[np.int64], column: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return twice the signed area between an edge and a column, and a sign that both its faces agree on."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    edge = flat[high] - flat[low]
    to_column = column + np.array(_NUDGE) - flat[low]
    area = edge[:, 0] * to_column[:, 1] - edge[:, 1] * to_column[:, 0]
    turned = first > second
    return np.where(turned, -area, area), (area >= 0) != turned
