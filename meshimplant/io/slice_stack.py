"""Stack of parallel slices: check its steps, resample its tilt and its unevenness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import GeometryError
from meshimplant.report import Finding
from meshimplant.runtime.memory import require_memory
from meshimplant.voxels.volume import Volume

#: Largest distance between neighbouring slices that still shows a vault, mm: bone is 4 to 10 mm thick.
MAX_STEP_MM = 10.0
#: Gaps of missing slices are interpolated up to this width, mm; in wider ones the bone would be invented.
MAX_BRIDGED_GAP_MM = 2.5
#: Slices farther apart lose thin bone to the partial volume effect, mm (a finding, not an error).
THICK_STEP_MM = 2.5
#: Slices that lie farther off their common line are reported, mm.
MAX_SHIFT_MM = 1.0
#: Largest grid to which slices are resampled, voxels: that of a whole body, 1024 x 1024 x 4000 slices.
MAX_VOXELS = 2**32
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


def stack_findings(stack: Stack) -> list[Finding]:
    """Check the steps of a stack; report what is interpolated or lost, and refuse what would be invented.

    A step is a gap of missing slices when it is 1.5 times wider than the steps on both sides of it and 1.2
    times wider than the slices are thick. Blocks of different, intended steps (thin at the base, thick at
    the vertex) pass.

    Parameters
    ----------
    stack : Stack
        The slices.

    Returns
    -------
    list of Finding
        Tilt or shifts, uneven steps, thick slices and interpolated gaps.

    Raises
    ------
    GeometryError
        There are fewer than three slices, a step above `MAX_STEP_MM`, a gap above `MAX_BRIDGED_GAP_MM`, or
        positions so far apart that the grid would have more than `MAX_VOXELS`.
    """
    steps = _checked_steps(stack)
    gaps = [n for n in range(len(steps)) if _is_gap(stack, n)]
    wide = [n for n in gaps if steps[n] > MAX_BRIDGED_GAP_MM]
    if wide:
        places = "; ".join(f"{steps[n]:.1f} mm after slice {n + 1} of {len(steps) + 1}" for n in wide[:5])
        raise GeometryError(
            f"expected slices about {np.median(steps):.2f} mm apart, "
            f"got gaps where slices are missing ({places}): copy the whole series"
        )
    _require_moderate(stack)
    findings = [_gap_finding(stack, n) for n in gaps]
    if stack.shift_mm > MAX_SHIFT_MM:
        message = (
            "Slices are shifted against each other within their plane; each was put at its stated place: "
            "compare the bone with the scan for steps."
        )
        shift = round(stack.shift_mm, 2)
        findings.append(Finding("input.shifted_slices", "warning", message, shift, MAX_SHIFT_MM, "mm"))
    elif not stack.is_straight:
        message = "The gantry was tilted; the slices were resampled to a grid with right angles."
        findings.append(Finding("input.gantry_tilt", "info", message, round(stack.tilt_deg, 2), 0.0, "deg"))
    if not stack.is_even:
        message = (
            f"Slices are {steps.min():.2f} to {steps.max():.2f} mm apart; they were resampled to even steps."
        )
        findings.append(
            Finding("input.uneven_slices", "info", message, float(steps.max()), float(steps.min()), "mm")
        )
    if steps.max() > THICK_STEP_MM:
        message = (
            "Slices are far apart: thin bone may look open, and the surface between them is interpolated."
        )
        findings.append(
            Finding("input.thick_slices", "warning", message, float(steps.max()), THICK_STEP_MM, "mm")
        )
    return findings


def stack_to_volume(stack: Stack, planes: Iterable[NDArray[np.float32]], *, fill: float) -> Volume:
    """Put slices on a grid with right angles and even steps.

    A straight, even stack keeps every value. Otherwise each slice is shifted within its plane by bilinear
    interpolation and, where steps differ, two neighbours are interpolated at the smallest step (not below
    the pixel size).

    Parameters
    ----------
    stack : Stack
        Place of the slices.
    planes : iterable of (rows, columns) arrays
        Their values, in order.
    fill : float
        Value outside the slices.

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
    require_memory(4 * len(heights) * prod(map(int, size)), name="the series")
    shifted = (_shift(plane, size, move, fill) for plane, move in zip(planes, pixels, strict=True))
    out = np.empty((len(heights), *size), np.float32)
    for k, plane in enumerate(_at_heights(shifted, stack.along_mm[:, 2], heights)):
        out[k] = plane
    affine = np.eye(4)
    step = heights[1] - heights[0]
    affine[:3, :3] = stack.axes * [stack.pixel_mm[1], stack.pixel_mm[0], step]
    affine[:3, 3] = stack.positions_mm[0] - stack.axes[:, :2] @ offsets
    return Volume(_narrow(out).T, affine)


def _checked_steps(stack: Stack) -> NDArray[np.float64]:
    steps = stack.steps_mm
    if len(steps) < 2:
        raise GeometryError(f"expected at least three CT slices, got {len(steps) + 1}: copy the whole series")
    if steps.max() > MAX_STEP_MM:
        raise GeometryError(
            f"expected slices at most {MAX_STEP_MM:g} mm apart, "
            f"got {steps.max():.1f} mm after slice {int(steps.argmax()) + 1} of {len(steps) + 1}: "
            "slices are missing or too coarse, copy the whole series or take a finer one"
        )
    return steps


def _require_moderate(stack: Stack) -> None:
    """Refuse a stack that damaged positions or spacings spread over a huge grid."""
    moves = np.ptp(stack.along_mm[:, :2], axis=0)[::-1]
    sides = np.array(stack.shape) + moves / stack.pixel_mm
    step = max(float(stack.steps_mm.min()), float(stack.pixel_mm.min()))
    count = len(stack.positions_mm) if stack.is_even else float(stack.along_mm[-1, 2]) / step
    if float(sides.prod()) * count > MAX_VOXELS:
        raise GeometryError(
            "expected slices that lie above each other, "
            f"got {sides[1]:.0f} x {sides[0]:.0f} x {count:.0f} voxels between their outermost positions: "
            "the positions or pixel spacings are damaged, export the series again"
        )


def _is_gap(stack: Stack, n: int) -> bool:
    """Whether slices are missing between slice n and the next."""
    steps = stack.steps_mm
    sides = [side for side in (steps[max(0, n - 3) : n], steps[n + 1 : n + 4]) if len(side)]
    usual = max(float(np.median(side)) for side in sides)
    return bool(steps[n] > 1.5 * usual and steps[n] > 1.2 * stack.thickness_mm[n : n + 2].max())


def _gap_finding(stack: Stack, n: int) -> Finding:
    half = np.array(stack.shape[::-1]) / 2 * stack.pixel_mm[::-1]
    place = stack.positions_mm[n : n + 2].mean(axis=0) + stack.axes[:, :2] @ half
    message = "A slice seems to be missing; the narrow gap was interpolated: compare the bone with the scan."
    x, y, z = (float(value) for value in place)
    return Finding(
        "input.missing_slices",
        "warning",
        message,
        float(stack.steps_mm[n]),
        MAX_BRIDGED_GAP_MM,
        "mm",
        (x, y, z),
    )


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
    planes: Iterator[NDArray[np.float32]], heights_in: NDArray[np.float64], heights_out: NDArray[np.float64]
) -> Iterator[NDArray[Any]]:
    """Interpolate linearly between neighbouring planes; heights ascend, and only two planes are held."""
    if len(heights_in) == len(heights_out):
        yield from planes
        return
    lower, upper, n = next(planes), next(planes), 1
    for height in heights_out:
        while height > heights_in[n] and n < len(heights_in) - 1:
            lower, upper, n = upper, next(planes), n + 1
        weight = np.float32(np.clip((height - heights_in[n - 1]) / (heights_in[n] - heights_in[n - 1]), 0, 1))
        yield lower + (upper - lower) * weight


def _narrow(values: NDArray[np.float32]) -> NDArray[Any]:
    """Return int16 where the values fit; interpolated ones are rounded, far below the noise of a CT."""
    if values.min() >= -32768 and values.max() <= 32767:
        return np.rint(values, out=values).astype(np.int16)
    return values
