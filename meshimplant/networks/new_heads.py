"""New heads to learn from: one patient's skull with another's share in its form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete.models import packaged_mean
from meshimplant.datasets.head_shape import HeadShape, read_head_shape
from meshimplant.datasets.warp import Warp, towards
from meshimplant.head.latitude_longitude import map_directions
from meshimplant.networks.head_grid import CLIP_MM, COARSE, FINE, head_pose

#: Distances that rise less than this per mm are in the middle between two surfaces, and tell nothing of a warp.
_LEAST_SLOPE = 0.5
#: Below this elevation (sine) a head is no vault, and tells nothing of its size.
_VAULT_SIN = 0.0

Field = NDArray[np.float32]


def shape_of(complete_mm: Field) -> HeadShape:
    """Return the shape of a complete skull on `FINE`, in its own frame, from its signed distance; 2 s."""
    return read_head_shape(FINE.volume((complete_mm > 0).astype(np.uint8)), pose=head_pose())


def mixed(one: HeadShape, other: HeadShape, angle: float) -> HeadShape:
    """Return a third head whose form departs from the mean as heads do.

    Radius and thickness, as shares of the mean vault's and of the head's own size, depart from 1 by ``cos(angle)`` times the
    one head's departure and ``sin(angle)`` times the other's. So however many are made, their departures vary and go together
    as those of the heads that they come from, where an average of two would lie nearer to the mean than any head does.

    Parameters
    ----------
    one, other
        From `shape_of`.
    angle
        Radians; 0 is the one head, pi / 2 the other.
    """
    usual = np.stack(packaged_mean().beyond_vault.at(map_directions().reshape(-1, 3)))
    usual = usual.reshape(2, *one.outer_mm.shape)
    vault = map_directions()[..., 2] > _VAULT_SIN
    shares = [np.stack([head.outer_mm, head.outer_mm - head.inner_mm]) / usual for head in (one, other)]
    sizes = [np.median(share[:, vault], axis=1)[:, None, None] for share in shares]
    parts = np.cos(angle), np.sin(angle)
    departure = sum(part * (share / size - 1) for part, share, size in zip(parts, shares, sizes, strict=True))
    size = sizes[0] * (sizes[1] / sizes[0]) ** (parts[1] ** 2)
    outer, thickness = (size * usual * (1 + departure)).astype(np.float32)
    return HeadShape(one.pose, outer - thickness, outer)


def laid_on(complete_mm: Field, source: HeadShape, wanted: HeadShape) -> Field:
    """Return the signed distance, mm, of a skull that has taken on another shape, clipped to `CLIP_MM`; all on `FINE`.

    Radius and thickness of the vault become the wanted ones down to waves of 10 mm; what is finer, and brow, orbit and base, stay
    the skull's own (`towards`). Takes 2 s.

    Parameters
    ----------
    complete_mm : (*FINE.shape) array
        Signed distance of the skull, in its own frame.
    source, wanted
        Its own shape, and the one that it takes on.
    """
    inner, outer = towards(source, wanted, 1.0)
    warp = Warp(source, inner, outer, np.eye(3), np.zeros(3))
    points = COARSE.points_mm().reshape(-1, 3).astype(np.float32)
    places: Field = _index(warp.pull_back(points.T)).reshape(3, *COARSE.shape)
    rough = _read(complete_mm, places)
    near = _thrice(ndimage.binary_dilation(np.abs(rough) < CLIP_MM, np.ones((3, 3, 3))))
    there = np.stack([_between(axis)[near] for axis in places])
    values = _thrice(np.where(rough > 0, np.float32(CLIP_MM), np.float32(-CLIP_MM)))
    values[near] = _read(complete_mm, there)
    after, before = _slope(values)[near], _read(_slope(complete_mm), there)
    values[near] *= np.maximum(before, _LEAST_SLOPE) / np.maximum(after, _LEAST_SLOPE)
    return np.clip(values, -CLIP_MM, CLIP_MM)


def _slope(field: Field) -> Field:
    slopes = np.gradient(field, FINE.spacing_mm)
    return np.linalg.norm(slopes, axis=0)


def _index(points_mm: Field) -> Field:
    """Return places on `FINE`, in voxels, of points (3, n) of the head's frame."""
    low = np.array(FINE.low_mm, np.float32)[:, None]
    return (points_mm - low) / np.float32(FINE.spacing_mm) - np.float32(0.5)


def _read(field: Field, places: Field) -> Field:
    return ndimage.map_coordinates(field, places, order=1, mode="nearest", output=np.float32)


def _thrice(coarse: NDArray) -> NDArray:
    """Return on `FINE` the value of the voxel of `COARSE` that a voxel lies in."""
    for axis in range(3):
        coarse = np.repeat(coarse, 3, axis=axis)
    return coarse


def _between(coarse: Field) -> Field:
    """Return on `FINE` what lies between the voxels of `COARSE`, linearly, and beyond the outermost too."""
    padded = np.pad(coarse, 1, mode="reflect", reflect_type="odd")
    return ndimage.zoom(padded, 3, order=1, output=np.float32, grid_mode=True, mode="nearest")[
        3:-3, 3:-3, 3:-3
    ]
