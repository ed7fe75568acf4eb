"""Contours of bone in neighbouring slices: their distances, and how they move from one slice to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.voxels.distance import distance_inside, distance_outside

Plane = NDArray[np.float32]

#: Farther than this from a contour, mm, its distance says no more about the slices between.
REACH_MM = 8.0
#: Gaussian on the distances, pixels: takes off the staircase of the pixels, and leaves edges sharp.
_SMOOTH_PIXELS = 0.5
#: Pieces of contour within this Gaussian, mm, move as one: enough to hold the edge where a defect's wall meets
#: the skull's surface, and little enough to follow the vault.
_TOGETHER_MM = 2.5
#: Contours count less and less beyond this distance, mm.
_NEAR_MM = 4.0
#: Holds contours in place along themselves, where nothing tells how they move.
_HOLD = np.float32(0.1)
#: Where the distances still differ by this much after the motion, mm, half of it counts: bone that begins or ends
#: between two slices does not move.
_LEFT_MM = 1.5
#: Motion is read at every second pixel, three times over, up to this length, mm.
_STRIDE, _ROUNDS, _FARTHEST_MM = 2, 3, 12.0


def contour_distance(plane: NDArray[np.bool_], pixel_mm: NDArray[np.float64]) -> Plane:
    """Return the signed distance to the contour of a slice (i, j), mm, positive inside, cut off at `REACH_MM`."""
    field = distance_inside(plane, pixel_mm)
    field -= distance_outside(plane, pixel_mm)
    field += np.where(plane, np.float32(-0.5), np.float32(0.5)) * np.float32(np.mean(pixel_mm))
    np.clip(field, -REACH_MM, REACH_MM, out=field)
    return np.asarray(ndimage.gaussian_filter(field, _SMOOTH_PIXELS, truncate=3, mode="nearest"))


@dataclass(frozen=True, eq=False)
class Motion:
    """How contours move from one slice to the next.

    Attributes
    ----------
    pixels
        Motion (2, i, j) in pixels at every `_STRIDE`th pixel; none where there is no trust.
    trust
        Share (i, j) of what is seen that the motion explains: 0 where bone begins or ends between the slices.
    """

    pixels: Plane
    trust: Plane

    def at(self, places: NDArray[np.int64]) -> tuple[NDArray[np.float64], Plane]:
        """Return motion (2, n) and trust (n,) at places (2, n)."""
        there = places.astype(np.float64) / _STRIDE
        motion = np.stack([read_plane(component, there) for component in self.pixels])
        return motion.astype(np.float64), read_plane(self.trust, there)


def contour_motion(first: Plane, second: Plane, pixel_mm: NDArray[np.float64]) -> Motion:
    """Find how far contours move from one slice to the next.

    The motion is sought that carries one distance into the other (Lucas & Kanade, IJCAI 1981: least squares in a
    window), symmetric in both. A contour alone tells only how it moves across itself; where two meet, as at the rim
    of a defect, they tell all. Where bone begins or ends between the slices nothing carries one into the other, and
    the motion fades to none.
    """
    first, second = first[::_STRIDE, ::_STRIDE], second[::_STRIDE, ::_STRIDE]
    size_mm = pixel_mm * _STRIDE
    motion = np.zeros((2, *first.shape), np.float32)
    for _ in range(_ROUNDS):
        motion += _step(*_moved(first, second, motion, size_mm), size_mm)
        np.clip(motion, -_FARTHEST_MM, _FARTHEST_MM, out=motion)
    trust = _trust(*_moved(first, second, motion, size_mm), size_mm)
    pixels: Plane = np.asarray(motion * trust / pixel_mm[:, None, None], np.float32)
    return Motion(pixels, trust)


def read_plane(plane: Plane, places: NDArray[np.floating]) -> Plane:
    """Read a slice at places (2, ...) in pixels, linearly; beyond its edge it goes on as it is there."""
    return np.asarray(ndimage.map_coordinates(plane, places, order=1, mode="nearest"))


def _moved(first: Plane, second: Plane, motion: Plane, size_mm: NDArray[np.float64]) -> tuple[Plane, Plane]:
    """Return both slices where they meet halfway."""
    here = np.indices(first.shape, dtype=np.float32)
    half: Plane = np.asarray(motion / (2 * size_mm[:, None, None]), np.float32)
    return read_plane(first, here - half), read_plane(second, here + half)


def _step(first: Plane, second: Plane, size_mm: NDArray[np.float64]) -> Plane:
    """Return the motion (2, i, j), mm, that carries one distance nearer to the other."""
    weight, rest = _weight(first, second), second - first
    slopes = np.gradient((first + second) / 2, *size_mm.tolist())
    xx, yy, xy, xr, yr = (
        _around(weight * product, size_mm)
        for product in (
            slopes[0] ** 2,
            slopes[1] ** 2,
            slopes[0] * slopes[1],
            slopes[0] * rest,
            slopes[1] * rest,
        )
    )
    xx, yy = xx + _HOLD, yy + _HOLD
    return np.asarray(np.stack([xy * yr - yy * xr, xy * xr - xx * yr]) / (xx * yy - xy * xy))


def _trust(first: Plane, second: Plane, size_mm: NDArray[np.float64]) -> Plane:
    """Return the share (i, j) of the motion that counts."""
    weight = _weight(first, second)
    left = _around(weight * (second - first) ** 2, size_mm) / (_around(weight, size_mm) + np.float32(1e-6))
    return np.asarray(1 / (1 + left / np.float32(_LEFT_MM**2)))


def _weight(first: Plane, second: Plane) -> Plane:
    """Return how much each pixel tells: what is near a contour of either slice."""
    nearest = np.minimum(np.abs(first), np.abs(second))
    return np.asarray(np.exp(-((nearest / np.float32(_NEAR_MM)) ** 2)))


def _around(values: Plane, size_mm: NDArray[np.float64]) -> Plane:
    return np.asarray(ndimage.gaussian_filter(values, _TOGETHER_MM / size_mm, truncate=2.5))
