"""Contours of bone in neighbouring slices: their signed distances, and their motion between slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.plane_motion import motion_update, moved_halfway, read_plane

Plane = NDArray[np.float32]

#: Distances from a contour are clipped at this, mm.
REACH_MM = 8.0
#: Width of the Gaussian applied to the distances, pixels: smooths the pixel staircase and keeps edges sharp.
_SMOOTH_PIXELS = 0.5
#: Width of the Gaussian window within which contours share a motion, mm: wide enough to keep the edge where a
#: defect's wall meets the skull's surface, and narrow enough to follow the vault.
_TOGETHER_MM = 2.5
#: Width of the weight by distance from a contour, mm.
_NEAR_MM = 4.0
#: Regularisation that suppresses motion along a contour, which the distances do not determine.
_HOLD = np.float32(0.1)
#: Where the distances still differ by this much after the motion, mm, the motion counts half: bone that
#: begins or ends between two slices does not move.
_RESIDUAL_MM = 1.5
#: The motion is estimated at every second pixel, in three iterations, and clipped at this length, mm.
_STRIDE, _ROUNDS, _FARTHEST_MM = 2, 3, 12.0


def contour_distance(plane: NDArray[np.bool_], pixel_mm: NDArray[np.float64]) -> Plane:
    """Return the signed distance to a slice's contour (i, j), mm, positive inside, clipped at `REACH_MM`."""
    field = distance_inside(plane, pixel_mm)
    field -= distance_outside(plane, pixel_mm)
    field += np.where(plane, np.float32(-0.5), np.float32(0.5)) * np.float32(np.mean(pixel_mm))
    np.clip(field, -REACH_MM, REACH_MM, out=field)
    return np.asarray(ndimage.gaussian_filter(field, _SMOOTH_PIXELS, truncate=3, mode="nearest"))


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion of contours from one slice to the next.

    Attributes
    ----------
    pixels : (2, i, j) array
        Motion in pixels at every `_STRIDE`th pixel, scaled by `trust`.
    trust : (i, j) array
        How well the motion explains the change, 0 to 1; 0 where bone begins or ends between the slices.
    """

    pixels: Plane
    trust: Plane

    def at(self, places: NDArray[np.int64]) -> tuple[NDArray[np.float64], Plane]:
        """Return motion (2, n) and trust (n,) at places (2, n)."""
        nodes = places.astype(np.float64) / _STRIDE
        motion = np.stack([read_plane(component, nodes) for component in self.pixels])
        return motion.astype(np.float64), read_plane(self.trust, nodes)


def contour_motion(first: Plane, second: Plane, pixel_mm: NDArray[np.float64]) -> Motion:
    """Estimate the motion of contours from one slice to the next.

    The motion maps one signed distance onto the other (Lucas & Kanade, IJCAI 1981: least squares in a
    window), symmetrically in both slices. A single contour determines only the motion across itself; where
    two contours meet, as at the rim of a defect, the motion is fully determined. Where bone begins or ends
    between the slices, no motion maps one onto the other, and the motion fades to zero.

    Parameters
    ----------
    first, second : (i, j) arrays
        Signed distances of two neighbouring slices, mm.
    pixel_mm : (2,) array
        Size of a pixel.

    Returns
    -------
    Motion
    """
    first, second = first[::_STRIDE, ::_STRIDE], second[::_STRIDE, ::_STRIDE]
    size_mm = pixel_mm * _STRIDE
    motion = np.zeros((2, *first.shape), np.float32)
    for _ in range(_ROUNDS):
        motion += _step(*moved_halfway(first, second, motion, size_mm), size_mm)
        np.clip(motion, -_FARTHEST_MM, _FARTHEST_MM, out=motion)
    trust = _trust(*moved_halfway(first, second, motion, size_mm), size_mm)
    pixels: Plane = np.asarray(motion * trust / pixel_mm[:, None, None], np.float32)
    return Motion(pixels, trust)


def _step(first: Plane, second: Plane, size_mm: NDArray[np.float64]) -> Plane:
    """Return the least-squares update of the motion (2, i, j), mm."""
    weight = _weight(first, second)
    return motion_update(first, second, size_mm, weight=weight, window_mm=_TOGETHER_MM, hold=_HOLD)


def _trust(first: Plane, second: Plane, size_mm: NDArray[np.float64]) -> Plane:
    """Return the trust (i, j) in the motion, from the residual that it leaves."""
    weight = _weight(first, second)
    residual = _around(weight * (second - first) ** 2, size_mm) / (
        _around(weight, size_mm) + np.float32(1e-6)
    )
    return np.asarray(1 / (1 + residual / np.float32(_RESIDUAL_MM**2)))


def _weight(first: Plane, second: Plane) -> Plane:
    """Return the weight of each pixel: 1 on a contour of either slice, falling with the distance."""
    nearest = np.minimum(np.abs(first), np.abs(second))
    return np.asarray(np.exp(-((nearest / np.float32(_NEAR_MM)) ** 2)))


def _around(values: Plane, size_mm: NDArray[np.float64]) -> Plane:
    """Return values averaged over the Gaussian window."""
    return np.asarray(ndimage.gaussian_filter(values, _TOGETHER_MM / size_mm, truncate=2.5))
