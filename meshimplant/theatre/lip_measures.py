"""`measure_lip`: width, thickness and gap of an onlay lip as it was made."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.mesh.rays import RayCaster
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.theatre.lip_ground import LipGround
from meshimplant.voxels.fields import sample

Floats = NDArray[np.float64]

#: The gap to the bone below, mm. No source: our choice.
GAP_MM = 0.2
#: Measured are places so far from the ends of the lip, as a multiple of its width and at least, mm.
_FROM_END, _FROM_END_MM = 1.5, 5.0
#: Rays begin so far above the lip, mm.
_ABOVE_MM = 3.0
_MEASURES = ("lip_width_mm", "lip_thickness_mm", "lip_gap_mm", "lip_gap_max_mm")


def measure_lip(
    mesh: trimesh.Trimesh, ground: LipGround, lip_mm: float, thickness_mm: float
) -> dict[str, Any]:
    """Return the measures of a lip, see `OnlayLip`; None where it is too short to be measured.

    Thickness and gap are those over the middle of the bone that it covers.
    """
    line = ground.line
    border, lift = line.border, ground.lift_mm
    length = float(line.carries.sum() * border.step_mm)
    known: dict[str, Any] = {
        "lip_length_mm": length,
        "lip_share": float(line.carries.mean()),
        "lip_lift_max_mm": float(lift.max()),
    }
    away = max(_FROM_END_MM, _FROM_END * lip_mm)
    chosen = line.end_distance_mm() > min(away, length / 4)
    if not chosen.any():
        return known | dict.fromkeys(_MEASURES)
    nodes, end_nodes = (
        ground.view.place(
            border.points_mm[chosen] + (line.gap_mm[chosen] + over)[:, None] * border.across[chosen]
        )[0]
        for over in (lip_mm / 2, lip_mm)
    )
    top, foot = (ground.bend(nodes, np.full(len(nodes), height)) for height in (1.0, 0.0))
    axis = foot - top
    rays = RayCaster(mesh)
    start = foot - _ABOVE_MM * axis
    enter = rays.first(start, axis)[0]
    inside = start + (np.nan_to_num(enter) + 0.02)[:, None] * axis
    thick = rays.first(inside, axis)[0] + 0.02
    low = inside + (np.nan_to_num(thick) - 0.02)[:, None] * axis
    gap = -sample(ground.bone.distance, low, fill=np.nan)
    half, end = (
        ground.bend(each, np.full(len(each), GAP_MM + thickness_mm / 2)) for each in (nodes, end_nodes)
    )
    beyond = rays.first(half, unit_vectors(end - half))[0]
    found = ~np.isnan(enter + thick + gap + beyond)
    if not found.any():
        return known | dict.fromkeys(_MEASURES)
    known["lip_width_mm"] = float(np.median(beyond[found])) + lip_mm / 2
    known["lip_thickness_mm"] = float(np.median(thick[found]))
    known["lip_gap_mm"] = float(np.median(gap[found]))
    known["lip_gap_max_mm"] = float(np.percentile(gap[found], 95))
    return known
