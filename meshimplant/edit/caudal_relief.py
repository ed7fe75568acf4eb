"""`with_caudal_relief`: keep a part back along its lower edge at the temple."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from meshimplant.edit.free_outline import LINE_RADIUS_MM, FreeOutline
from meshimplant.errors import InputError
from meshimplant.implant.caudal_edge import caudal_weight
from meshimplant.implant.map_regions import closed, edge_distance
from meshimplant.implant.outline_map import OutlineMap

#: Largest relief, mm.
MAX_RELIEF_MM = 10.0
#: Width over which the outline is smoothed before the relief is measured from it, mm; border of less than
#: this weight is left alone, by as much, mm.
_SMOOTH_MM, _LEAST_WEIGHT, _HELD_MM = 1.5, 1 / 3, 6.0


def require_relief(relief_mm: float) -> None:
    """Raise `InputError` for a relief that cannot be made."""
    if not 0 <= relief_mm <= MAX_RELIEF_MM:
        raise InputError(
            f"expected a caudal relief of 0 to {MAX_RELIEF_MM:g} mm, got {relief_mm!r}: give millimetres"
        )


def with_caudal_relief(outline: OutlineMap, plan: FreeOutline, relief_mm: float) -> FreeOutline:
    """Return a line that stays back from the part's lower edge at the temple.

    The relief runs out at the ends of that edge. It keeps the temporal muscle from being pinched.
    """
    pixel_mm, weight = outline.view.spacing_mm, caudal_weight(outline)
    depth = edge_distance(closed(outline.body, LINE_RADIUS_MM, pixel_mm), pixel_mm)
    depth = ndimage.gaussian_filter(depth, _SMOOTH_MM / pixel_mm, mode="nearest")
    held = _HELD_MM * np.clip(1 - weight / _LEAST_WEIGHT, 0, 1)
    return replace(plan, inside_mm=np.minimum(plan.inside_mm, depth - relief_mm * weight + held))
