"""Stack of parallel slices, resampled from a tilted or uneven one to a grid of even steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import GeometryError
from meshimplant.runtime.memory import require_memory
from meshimplant.voxels.plane_motion import MovingPlanes, is_thick
from meshimplant.voxels.volume import Volume

#: Deviations up to this are attributed to the rounding of positions in headers, mm.
_ROUNDING_MM = 0.05


@dataclass(frozen=True)
class Stack:
    """Parallel slices in order along their normal.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of each slice.
    pixel_mm : (2,) array
        Distance between rows and between columns.
    orientation : (6,) array
        Unit vectors along a row and down a column, LPS.
    positions_mm : (n, 3) array
        Centre of each slice's first pixel, LPS.
    thickness_mm : (n,) array
        Nominal thickness of each slice, 0 where unknown.
    """

    shape: tuple[int, int]
    pixel_mm: NDArray[np.float64]
    orientation: NDArray[np.float64]
    positions_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """Unit vectors along a row, down a column, and along the normal, as columns (3, 3)."""
        row, column = self.orientation[:3], self.orientation[3:]
        lengths = np.linalg.norm(row), np.linalg.norm(column)
        if np.abs(np.array(lengths) - 1).max() > 0.01 or abs(row @ column) > 2e-3:
            raise GeometryError(
                "expected two perpendicular unit vectors as slice orientation, "
                f"got {np.round(self.orientation, 4).tolist()}: export the original series again"
            )
        normal = np.cross(row, column)
        normal /= np.linalg.norm(normal)
        row = row / lengths[0]
        return np.column_stack([row, np.cross(normal, row), normal])

    @cached_property
    def along_mm(self) -> NDArray[np.float64]:
        """Position of each slice along row, column and normal, from the first slice, (n, 3)."""
        return (self.positions_mm - self.positions_mm[0]) @ self.axes

    @cached_property
    def steps_mm(self) -> NDArray[np.float64]:
        """Distance between neighbouring slices along the normal, (n - 1,)."""
        return np.diff(self.along_mm[:, 2])

    @property
    def tilt_deg(self) -> float:
        """Angle between the direction in which slices follow each other and their normal."""
        move = self.along_mm[-1]
        return float(np.degrees(np.arctan2(np.hypot(move[0], move[1]), move[2])))

    @property
    def shift_mm(self) -> float:
        """Largest distance of a slice, within its plane, from the line along which the slices follow."""
        heights, moves = self.along_mm[:, 2], self.along_mm[:, :2]
        line = np.column_stack([heights, np.ones_like(heights)])
        fitted = line @ np.linalg.lstsq(line, moves, rcond=None)[0]
        return float(np.linalg.norm(moves - fitted, axis=1).max())

    @property
    def is_straight(self) -> bool:
        """Whether the slices lie squarely above each other."""
        return bool(np.abs(self.along_mm[:, :2]).max() <= 2 * _ROUNDING_MM)

    @property
    def is_even(self) -> bool:
        """Whether all steps are equal, apart from rounding."""
        heights = self.along_mm[:, 2]
        even = np.linspace(heights[0], heights[-1], len(heights))
        return bool(np.abs(heights - even).max() <= max(_ROUNDING_MM, 0.05 * float(np.median(self.steps_mm))))


def stack_to_volume(
    stack: Stack,
    planes: Iterable[NDArray[np.float32]],
    *,
    fill: float,
    moving: bool = False,
    aside_mm: NDArray[np.float64] | None = None,
) -> Volume:
    """Put slices on a grid with right angles and even steps.

    A straight, even stack keeps every value. Otherwise each slice is shifted within its plane by bilinear
    interpolation and, where steps differ, slices are interpolated between neighbours at the smallest step
    (not below the pixel size).

    Parameters
    ----------
    stack : Stack
        Place of the slices.
    planes : iterable of (rows, columns) arrays
        Their values, in order.
    fill : float
        Value outside the slices.
    moving : bool
        Interpolate between thick slices along the motion of what they show, see `MovingPlanes`; for
        Hounsfield units.
    aside_mm : (n, 2) array, optional
        How far each slice lies beside its stated place, along a row and down a column; it is moved back.

    Returns
    -------
    Volume
        Voxels (column, row, slice), int16 where the values fit, else float32.
    """
    heights = _even_heights(stack)
    offsets = -np.minimum(stack.along_mm[:, :2].min(axis=0), 0)
    pixels = (stack.along_mm[:, :2] + offsets) / stack.pixel_mm[::-1]
    if stack.is_straight:
        offsets, pixels = np.zeros(2), np.zeros_like(pixels)
    size = np.array(stack.shape) + np.ceil(pixels.max(axis=0) - 1e-6).astype(int)[::-1]
    if aside_mm is not None:
        pixels = pixels - aside_mm / stack.pixel_mm[::-1]
    require_memory(4 * len(heights) * prod(map(int, size)), name="the series")
    shifted = (_shift(plane, size, move, fill) for plane, move in zip(planes, pixels, strict=True))
    out = np.empty((len(heights), *size), np.float32)
    pixel_mm = stack.pixel_mm if moving else None
    for k, plane in enumerate(_at_heights(shifted, stack.along_mm[:, 2], heights, pixel_mm)):
        out[k] = plane
    affine = np.eye(4)
    step = heights[1] - heights[0]
    affine[:3, :3] = stack.axes * [stack.pixel_mm[1], stack.pixel_mm[0], step]
    affine[:3, 3] = stack.positions_mm[0] - stack.axes[:, :2] @ offsets
    return Volume(_narrow(out).T, affine)


def _even_heights(stack: Stack) -> NDArray[np.float64]:
    """Heights of the output slices along the normal."""
    heights, steps = stack.along_mm[:, 2], stack.steps_mm
    if stack.is_even:
        return np.linspace(heights[0], heights[-1], len(heights))
    step = max(float(steps.min()), float(stack.pixel_mm.min()))
    return np.arange(0, heights[-1] + 1e-6, step)


def _shift(
    plane: NDArray[np.float32], size: NDArray[np.int64], move: NDArray[np.float64], fill: float
) -> NDArray[np.float32]:
    """Return the slice, shifted by (columns, rows) pixels, within a plane of `size`."""
    from scipy import ndimage

    out = np.full(tuple(size), fill, np.float32)
    out[: plane.shape[0], : plane.shape[1]] = plane
    if not move.any():
        return out
    return ndimage.shift(out, move[::-1], order=1, cval=fill, prefilter=False)


def _at_heights(
    planes: Iterator[NDArray[np.float32]],
    heights_in: NDArray[np.float64],
    heights_out: NDArray[np.float64],
    pixel_mm: NDArray[np.float64] | None,
) -> Iterator[NDArray[Any]]:
    """Interpolate between neighbouring planes; heights ascend, and only two planes are held.

    With the size of a pixel, the interpolation between thick slices follows what moves.
    """
    if len(heights_in) == len(heights_out):
        yield from planes
        return
    lower, upper = next(planes), next(planes)
    n, pair = 1, _between(lower, upper, heights_in[1] - heights_in[0], pixel_mm)
    for height in heights_out:
        while height > heights_in[n] and n < len(heights_in) - 1:
            lower, upper, n = upper, next(planes), n + 1
            pair = _between(lower, upper, heights_in[n] - heights_in[n - 1], pixel_mm)
        weight = np.clip((height - heights_in[n - 1]) / (heights_in[n] - heights_in[n - 1]), 0, 1)
        yield pair(float(weight))


def _between(
    lower: NDArray[np.float32],
    upper: NDArray[np.float32],
    step_mm: float,
    pixel_mm: NDArray[np.float64] | None,
) -> Callable[[float], NDArray[np.float32]]:
    """Return the function that gives the plane at a fraction of the way from one plane to the next."""
    if pixel_mm is not None and is_thick(step_mm, float(pixel_mm.max())):
        return MovingPlanes.of(lower, upper, pixel_mm, step_mm).between
    return lambda t: lower + (upper - lower) * np.float32(t)


def _narrow(values: NDArray[np.float32]) -> NDArray[Any]:
    """Return int16 where the values fit; interpolated ones are rounded, far below the noise of a CT."""
    if values.min() >= -32768 and values.max() <= 32767:
        return np.rint(values, out=values).astype(np.int16)
    return values
