"""What a reconstruction leaves open, and what of it the grid of the input cannot hold."""

from __future__ import annotations

import numpy as np

from meshimplant.complete.completion_findings import second_opening_findings
from meshimplant.errors import NoDefectError
from meshimplant.head.pose import HeadPose
from meshimplant.report import Finding
from meshimplant.skull.defect import covered_fraction, find_defects
from meshimplant.voxels.grid import box_slices
from meshimplant.voxels.volume import Volume

#: An opening is left open if less than this fraction of it is filled.
_COVERED_FRACTION = 0.5


def left_open_findings(skull: Volume, pose: HeadPose, missing: Volume, bodies: int | None) -> list[Finding]:
    """Return a finding for each opening of the vault that a shape from elsewhere leaves open."""
    try:
        defects = find_defects(skull, pose).defects
    except NoDefectError:  # the opening lies below the vault
        return []
    left_open = [one for one in defects if covered_fraction(one, pose, missing) < _COVERED_FRACTION]
    return second_opening_findings(left_open, bodies)


def beyond_grid_findings(whole: Volume, within: Volume) -> tuple[Finding, ...]:
    """Return a warning if some of the missing bone lies beyond the grid of the input."""
    beyond = int(np.count_nonzero(whole.array)) - int(np.count_nonzero(within.array))
    if not beyond:
        return ()
    outside = whole.array.copy()
    start = within.start_in(whole)
    outside[box_slices(start, start + within.shape)] = 0
    x, y, z = (float(value) for value in whole.to_mm(np.argwhere(outside).mean(axis=0)))
    message = (
        "Some of the missing bone lies beyond the grid of the input, which was cropped to the bone: the part "
        "holds it, the reconstruction, which has the grid of the input, does not."
    )
    volume_mm3 = beyond * whole.voxel_volume_mm3
    return (Finding("input.beyond_grid", "warning", message, volume_mm3, 0.0, "mm3", (x, y, z)),)
