"""`stack_findings`: what is reported of a stack of slices, and which stacks are refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import GeometryError
from meshimplant.io.dicom.slice_stack import Stack
from meshimplant.report import Finding

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
