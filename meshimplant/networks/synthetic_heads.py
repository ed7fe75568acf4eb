"""Synthetic heads for training: one patient's skull, deformed by another's departure from the mean shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete.models import packaged_mean
from meshimplant.datasets.head_shape import HeadShape, read_head_shape
from meshimplant.datasets.warp import Warp, towards
from meshimplant.head.latitude_longitude import map_directions
from meshimplant.head.pose import identity_pose
from meshimplant.networks.head_grid import CLIP_MM, COARSE, FINE

#: Lower bound of a distance's gradient: it is smaller only midway between two surfaces, where it says nothing
#: of a warp.
_LEAST_SLOPE = 0.5
#: The size of a head is measured above this elevation (sine), on the vault.
_VAULT_SIN = 0.0

Field = NDArray[np.float32]


def shape_from_field(complete_mm: Field) -> HeadShape:
    """Return the shape of a complete skull from its signed distance on `FINE`; takes 2 s."""
    return read_head_shape(FINE.volume((complete_mm > 0).astype(np.uint8)), pose=identity_pose())


def mix_shapes(one: HeadShape, other: HeadShape, angle: float) -> HeadShape:
    """Return a third shape, whose departure from the mean combines those of two heads.

    Radius and thickness are taken relative to the mean vault and to the head's own size. Their departure from
    1 is ``cos(angle)`` times that of the first head plus ``sin(angle)`` times that of the second. Any number
    of such shapes has the variances and correlations of the heads they come from; averages of two heads would
    lie too close to the mean.

    Parameters
    ----------
    one, other : HeadShape
        From `shape_from_field`.
    angle : float
        Radians; 0 gives the first head, pi / 2 the second.
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


def deform_to_shape(complete_mm: Field, source: HeadShape, target: HeadShape) -> Field:
    """Return the signed distance, mm, of a skull deformed to another shape; all on `FINE`.

    Radius and thickness of the vault become those of the target, down to wavelengths of 10 mm. Finer detail,
    brow, orbit and base remain the skull's own (`towards`). Takes 2 s.

    Parameters
    ----------
    complete_mm : (*FINE.shape) array
        Signed distance of the skull, in its own frame.
    source, target : HeadShape
        Its own shape, and the target shape.
    """
    inner, outer = towards(source, target, 1.0)
    warp = Warp(source, inner, outer, np.eye(3), np.zeros(3))
    points = COARSE.points_mm().reshape(-1, 3).astype(np.float32)
    places: Field = _fine_index(warp.pull_back(points.T)).reshape(3, *COARSE.shape)
    rough = _sample(complete_mm, places)
    near = _upsample_nearest(ndimage.binary_dilation(np.abs(rough) < CLIP_MM, np.ones((3, 3, 3))))
    sources = np.stack([_upsample_linear(axis)[near] for axis in places])
    values = _upsample_nearest(np.where(rough > 0, np.float32(CLIP_MM), np.float32(-CLIP_MM)))
    values[near] = _sample(complete_mm, sources)
    after, before = _gradient_norm(values)[near], _sample(_gradient_norm(complete_mm), sources)
    values[near] *= np.maximum(before, _LEAST_SLOPE) / np.maximum(after, _LEAST_SLOPE)
    return np.clip(values, -CLIP_MM, CLIP_MM)


def _gradient_norm(field: Field) -> Field:
    slopes = np.gradient(field, FINE.spacing_mm)
    return np.linalg.norm(slopes, axis=0)


def _fine_index(points_mm: Field) -> Field:
    """Return voxel indices on `FINE` of points (3, n) of the head's frame."""
    low = np.array(FINE.low_mm, np.float32)[:, None]
    return (points_mm - low) / np.float32(FINE.spacing_mm) - np.float32(0.5)


def _sample(field: Field, places: Field) -> Field:
    return ndimage.map_coordinates(field, places, order=1, mode="nearest", output=np.float32)


def _upsample_nearest(coarse: NDArray) -> NDArray:
    """Upsample from `COARSE` to `FINE` by the nearest voxel."""
    for axis in range(3):
        coarse = np.repeat(coarse, 3, axis=axis)
    return coarse


def _upsample_linear(coarse: Field) -> Field:
    """Upsample from `COARSE` to `FINE` linearly, with extrapolation beyond the outermost centres."""
    padded = np.pad(coarse, 1, mode="reflect", reflect_type="odd")
    return ndimage.zoom(padded, 3, order=1, output=np.float32, grid_mode=True, mode="nearest")[
        3:-3, 3:-3, 3:-3
    ]
