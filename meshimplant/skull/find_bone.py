"""`find_bone`: what is dense as bone in a CT, without metal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meshimplant.errors import EmptyMaskError
from meshimplant.report import Finding
from meshimplant.skull.bone_outline import EDGE_LEVEL, WIDE_EDGE_LEVEL, outline_bone
from meshimplant.skull.ct_tissues import (
    MOST_RISE_HU,
    NOISE_RISE,
    NOISY_HU,
    SOFT_RANGE_HU,
    CtTissues,
    measure_tissues,
    smooth_noise,
)
from meshimplant.skull.metal import metal_findings, remove_metal
from meshimplant.skull.thick_slices import MEASURED_MM
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.plane_motion import interpolate_thick, interpolated_grid, thick_axis
from meshimplant.voxels.volume import Volume

#: Voxels around the dense ones that the outline takes into account.
_MARGIN = 8


@dataclass(frozen=True, eq=False)
class FoundBone:
    """What is dense as bone in a CT.

    Attributes
    ----------
    bone : Volume
        All dense voxels, bool, on the grid of the CT, or between its slices, too.
    tissues : CtTissues or None
        Peaks, noise and threshold; None for an image of another unit.
    notes : tuple of str
        The threshold, and how it came about.
    findings : tuple of Finding
        Metal, and a threshold that is doubtful.
    """

    bone: Volume
    tissues: CtTissues | None
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]


def find_bone(ct: Volume, threshold_hu: float | None = None, *, step_mm: float | None = None) -> FoundBone:
    """Return the dense voxels of a CT, without metal.

    With a threshold, they are exactly those from it upwards. Without, the threshold follows from soft tissue
    and noise (`measure_tissues`), noise is smoothed, and each edge lies at 0.58 of its height
    (`outline_bone`); where no soft tissue is seen, it is `BONE_HU`, and a finding says so. In both cases
    metal is replaced first by what surrounds it (`remove_metal`).

    Slices more than `MEASURED_MM` apart are too far apart to be outlined one by one: the bone of a vault that
    leans over lies elsewhere in the next one. Without a threshold, the CT is interpolated between them first
    (`interpolate_thick`), edges are followed in space, and the bone comes back on the finer grid.

    Parameters
    ----------
    ct : Volume
        Hounsfield units; or, with a threshold, any unit.
    threshold_hu : float, optional
        Lowest value of bone.
    step_mm : float, optional
        Largest distance between the slices as they were scanned, if they were resampled.

    Returns
    -------
    FoundBone

    Raises
    ------
    EmptyMaskError
        No voxel reaches the threshold.
    """
    bare, metal = remove_metal(ct)
    tissues = measure_tissues(bare, threshold_hu) if threshold_hu is None or ct.array.min() < 0 else None
    threshold = tissues.threshold_hu if tissues else float(threshold_hu or 0)
    dense = bare.array >= threshold
    if not dense.any():
        raise EmptyMaskError(
            f"expected bone from {threshold:.4g} HU upwards, "
            f"got values from {ct.array.min():g} to {ct.array.max():g}: lower threshold_hu"
        )
    findings = metal_findings(metal)
    bone, note = ct.with_array(dense), f"bone from {threshold:.4g} HU upwards"
    if tissues is not None and threshold_hu is None:
        findings += _doubts(tissues)
        step_mm = max(step_mm or 0.0, _slice_step_mm(ct))
        is_wide = step_mm > MEASURED_MM
        findings += [_wide_finding(step_mm)] if is_wide else []
        if is_wide or tissues.is_automatic:
            bone = _outlined(bare, bone, tissues, is_wide=is_wide)
            note += _outline_note(tissues, is_wide=is_wide)
    return FoundBone(bone, tissues, (note,), tuple(findings))


def _outlined(ct: Volume, dense: Volume, tissues: CtTissues, *, is_wide: bool) -> Volume:
    """Return the outlined bone, judged within the box of the dense voxels, between wide slices, too."""
    start, stop = bounding_box(dense.array)
    box = ct.crop(start - _MARGIN, stop + _MARGIN)
    noisy = tissues.noise_hu is not None and tissues.noise_hu > NOISY_HU
    values = box.with_array(smooth_noise(box) if noisy else box.array.astype(np.float32))
    grid = ct.grid
    if _slice_step_mm(ct) > MEASURED_MM:
        values, grid = interpolate_thick(values), interpolated_grid(grid)
    if tissues.is_automatic:
        soft_hu = tissues.soft_tissue_hu or 0.0
        bone = outline_bone(values, tissues.threshold_hu, soft_hu, is_wide=is_wide)
    else:
        bone = values.array >= tissues.threshold_hu
    return values.with_array(bone).paste_into(grid)


def _outline_note(tissues: CtTissues, *, is_wide: bool) -> str:
    """Return how the outline differs from the threshold."""
    if not tissues.is_automatic:
        return ", between slices, too"
    level = f"{EDGE_LEVEL} to {WIDE_EDGE_LEVEL}" if is_wide else f"{EDGE_LEVEL}"
    return (
        f", each edge at {level} of its height "
        f"(soft tissue {tissues.soft_tissue_hu:.0f} HU, noise {tissues.noise_hu:.0f} HU)"
    )


def _slice_step_mm(ct: Volume) -> float:
    """Return the distance between thick slices of a grid, 0 where they are not thick."""
    return 0.0 if thick_axis(ct) is None else float(ct.spacing_mm.max())


def _wide_finding(step_mm: float) -> Finding:
    message = (
        f"The scan's slices are up to {step_mm:.2f} mm apart, and what lies between them was interpolated; "
        "near the vertex, where bone lies along the slices, its surfaces can be 1 to 2 mm off: "
        "compare the border with the scan, or use thinner slices."
    )
    return Finding("input.interpolated_slices", "warning", message, step_mm, MEASURED_MM, "mm")


def _doubts(tissues: CtTissues) -> list[Finding]:
    """Return the finding that an automatic threshold is doubtful, if it is."""
    soft, noise = tissues.soft_tissue_hu, tissues.noise_hu
    advice = "compare the outline with the scan, or give --threshold-hu"
    if soft is None or noise is None:
        message = (
            "No soft tissue is seen (a dry skull, a cast, a cropped scan), from which the threshold of bone "
            f"follows; {tissues.threshold_hu:g} HU is used: {advice}."
        )
        return [Finding("input.threshold", "warning", message, tissues.threshold_hu, None, "HU")]
    if not SOFT_RANGE_HU[0] <= soft <= SOFT_RANGE_HU[1]:
        limit = SOFT_RANGE_HU[0] if soft < SOFT_RANGE_HU[0] else SOFT_RANGE_HU[1]
        message = (
            f"Soft tissue is at {soft:.0f} HU, so the values are not calibrated (a cone-beam CT?); bone is "
            f"taken from {tissues.threshold_hu:.0f} HU upwards: {advice}."
        )
        return [Finding("input.threshold", "warning", message, soft, limit, "HU")]
    if tissues.threshold_hu >= soft + MOST_RISE_HU:
        message = (
            f"The noise of {noise:.0f} HU is so high that soft tissue can reach the threshold: {advice}."
        )
        return [Finding("input.threshold", "warning", message, noise, MOST_RISE_HU / NOISE_RISE, "HU")]
    return []
