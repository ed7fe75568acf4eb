"""Every second slice off its place: found in the images, where headers do not tell, and put in line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.io.dicom.slice_stack import Stack
from meshimplant.report import Finding
from meshimplant.voxels.plane_motion import is_thick, read_plane

#: Slices count as off their place from here, mm, if so many follow each other with the sign changing at each:
#: no anatomy does that. A scanner that takes two slices at once with a tilted gantry does, when it states
#: positions as if it took one: measured in a GE HiSpeed series (7 mm, 18.5 degrees), 12 slices, 1.2 mm.
LEAST_MM, LEAST_SLICES = 0.5, 6
#: Values between these are compared, HU: skin and bone, without streaks in air.
_RANGE_HU = (-500.0, 800.0)
#: Blur of the slices before they are compared, and their pixel then, mm; rounds of estimation.
_BLUR_MM, _PIXEL_MM, _ROUNDS = 4.0, 2.0, 6


def has_thick_slices(stack: Stack) -> bool:
    """Return whether most slices of a stack are thick; thin ones show no steps, and are many."""
    return is_thick(float(np.median(stack.steps_mm)), float(stack.pixel_mm.max()))


def jitter_of(
    stack: Stack, planes: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.float64], tuple[Finding, ...]]:
    """Return how far each thick slice is off the line of its neighbours within its plane, and the finding.

    Only what changes its sign from slice to slice is measured: slices that shift or turn steadily, and single
    ones that lie elsewhere, are left where they are stated to be.

    Parameters
    ----------
    stack : Stack
        The stated place of the slices.
    planes : sequence of (rows, columns) arrays
        Their values, Hounsfield units.

    Returns
    -------
    offsets_mm : (n, 2) array
        Along a row and down a column; 0 where nothing is off.
    findings : tuple of Finding
        ``input.alternating_slices``, or none.
    """
    none = np.zeros((len(planes), 2))
    if len(planes) < LEAST_SLICES:
        return none, ()
    moved_mm = np.diff(stack.along_mm[:, :2], axis=0) + _moves_mm(planes, stack.pixel_mm)
    place_mm = np.vstack([[0.0, 0.0], np.cumsum(moved_mm, axis=0)])
    off_mm = np.zeros_like(place_mm)
    off_mm[1:-1] = (2 * place_mm[1:-1] - place_mm[:-2] - place_mm[2:]) / 4
    off_mm[0], off_mm[-1] = -off_mm[1], -off_mm[-2]
    way = np.linalg.svd(off_mm, full_matrices=False)[2][0]
    along = off_mm @ way
    run = _longest_run(along)
    if run.stop - run.start < LEAST_SLICES:
        return none, ()
    size_mm = float(np.median(np.abs(along[run])))
    none[run] = size_mm * np.sign(along[run, None]) * way
    return none, (_finding(stack, size_mm, run),)


def _finding(stack: Stack, size_mm: float, run: slice) -> Finding:
    message = (
        f"Every second one of {run.stop - run.start} slices lies {2 * size_mm:.1f} mm beside its neighbours, "
        "which their positions do not tell (two slices taken at once with a tilted gantry, or a head that "
        "moved); they were put in line: compare the bone with the scan for steps."
    )
    half_mm = np.array(stack.shape[::-1]) / 2 * stack.pixel_mm[::-1]
    x, y, z = (stack.positions_mm[run].mean(axis=0) + stack.axes[:, :2] @ half_mm).tolist()
    return Finding("input.alternating_slices", "warning", message, size_mm, LEAST_MM, "mm", (x, y, z))


def _longest_run(along: NDArray[np.float64]) -> slice:
    """Return the longest run of slices that are off by `LEAST_MM` and change their side at each."""
    off = np.abs(along) >= LEAST_MM
    joined = off[1:] & off[:-1] & (along[1:] * along[:-1] < 0)
    best = slice(0, 0)
    start = 0
    for number in range(1, len(along) + 1):
        if number == len(along) or not joined[number - 1]:
            if number - start > best.stop - best.start:
                best = slice(start, number)
            start = number
    return best


def _moves_mm(planes: Sequence[NDArray[np.float32]], pixel_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much the content of each slice moves to the next, (n - 1, 2), along row and column."""
    stride = max(1, round(_PIXEL_MM / float(pixel_mm.mean())))
    coarse = [
        ndimage.gaussian_filter(np.clip(plane, *_RANGE_HU), _BLUR_MM / pixel_mm, truncate=3)[
            ::stride, ::stride
        ]
        for plane in planes
    ]
    moves = [_move(first, second) for first, second in pairwise(coarse)]
    return np.array(moves)[:, ::-1] * (pixel_mm * stride)[::-1]


def _move(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the shift (rows, columns) in pixels that makes one slice most like the other."""
    here = np.indices(first.shape, np.float64)
    move = np.zeros(2)
    for _ in range(_ROUNDS):
        half = move[:, None, None] / 2
        one, other = read_plane(first, here - half), read_plane(second, here + half)
        slopes = np.array(np.gradient((one + other) / 2)).reshape(2, -1)
        change = (other - one).ravel()
        move = move - np.linalg.lstsq(slopes @ slopes.T, slopes @ change, rcond=None)[0]
    return move
