"""The widest gap to bone at one place of the border, which a percentile over all of it does not show."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.check.gap import added_by_regions, widest_gap_mm
from meshimplant.implant.place_regions import PlacedRegions
from meshimplant.mesh.nearest import surface_tree
from meshimplant.report import Finding, place_of
from meshimplant.spec.implant_spec import ImplantSpec

#: A gap at one place may exceed that on 5 % of the border by this, mm: corners of the bone do.
LOCAL_EXCESS_MM = 1.0
#: Gaps are averaged (median) over this distance, mm, so that one vertex is no gap.
_AROUND_MM = 1.5


def measure_local_gap(
    mesh: trimesh.Trimesh,
    gap_mm: NDArray[np.float64],
    spec: ImplantSpec,
    *,
    regions: PlacedRegions | None = None,
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the widest gap over a stretch of 3 mm, and the warning ``fit.gap_local`` where it is too wide.

    `gap_mm` (n,) is the distance of each vertex of the border to bone; nan elsewhere. It may be wider
    where a region asks for that.
    """
    wall = np.flatnonzero(np.isfinite(gap_mm))
    if not len(wall):
        return {"gap_max_mm": None}, []
    points = np.asarray(mesh.vertices)[wall]
    near = surface_tree(points).query_ball_point(points, _AROUND_MM)
    local = np.array([np.median(gap_mm[wall[index]]) for index in near])
    widest = float(local.max())
    limits = np.full(len(points), widest_gap_mm(spec) + LOCAL_EXCESS_MM)
    if regions is not None and regions.regions:
        limits += sum(added_by_regions(points, regions))
    worst = int(np.argmax(local - limits))
    value, limit = float(local[worst]), float(limits[worst])
    if value <= limit:
        return {"gap_max_mm": widest}, []
    message = (
        f"the gap to bone is {value:.1f} mm wide at this place: extend the reconstruction to the bone here, "
        "or close the gap at surgery; trimming only widens the gap"
    )
    return {"gap_max_mm": widest}, [
        Finding("fit.gap_local", "warning", message, value, limit, "mm", place_of(points[worst]))
    ]
