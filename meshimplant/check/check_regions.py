"""`measure_regions`: each region of a prescription against what is asked for there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.check.gap import GAP_MEDIAN_TOLERANCE_MM
from meshimplant.implant.place_regions import PlacedRegions
from meshimplant.implant.regional_value import NO_SHARE, Region, full_places, values_at
from meshimplant.implant.surfaces import OUTER, WALL
from meshimplant.implant.wall_thickness import THICKNESS_MEDIAN_TOLERANCE_MM, ThicknessMap
from meshimplant.mesh.areas import vertex_areas, weighted_percentiles
from meshimplant.report import Finding, place_of

#: Fewer vertices than this are no region of a part, and no measure of one.
_FEWEST = 5


@dataclass(frozen=True)
class _Quantity:
    """What is measured in a region: the field that asks for it, words and codes."""

    name: str
    measure: str
    words: str
    code: str
    tolerance_mm: float
    too_small: str
    too_large: str


_THICKNESS = _Quantity(
    "thickness_mm",
    "thickness_median_mm",
    "thickness",
    "thickness.region",
    THICKNESS_MEDIAN_TOLERANCE_MM,
    "set the thickness there, or prescribe this one",
    "set the thickness there, or prescribe this one",
)
_GAP = _Quantity(
    "clearance_mm",
    "gap_median_mm",
    "gap to bone",
    "fit.gap_region",
    GAP_MEDIAN_TOLERANCE_MM,
    "trim it",
    "trimming only widens the gap; design it again, or prescribe this one",
)


def measure_regions(
    mesh: trimesh.Trimesh, wall: ThicknessMap, gap_mm: NDArray[np.float64] | None, asked: PlacedRegions
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the median thickness and gap in each region, and what deviates there.

    Measured where a region is full and no later one holds. Codes: ``thickness.region`` and
    ``fit.gap_region`` (warnings: the median is not what is asked for there), and ``regions.untouched``
    (warning: there is nothing of the part in a region, or none of its border in one that sets a clearance or
    a bevel). Measures: ``region_1_thickness_median_mm``, ``region_1_gap_median_mm`` and so on; None where the
    region is too small, or too near to the border, to be measured.

    Parameters
    ----------
    mesh : Trimesh
        The part, LPS mm.
    wall : ThicknessMap
        Its thickness.
    gap_mm : (n,) array or None
        Distance of its border's vertices to bone; nan elsewhere. None: unknown.
    asked : PlacedRegions
        The regions.
    """
    measures: dict[str, Any] = {}
    findings: list[Finding] = []
    vertices, labels = np.asarray(mesh.vertices), wall.surfaces.vertex_labels
    for number, (region, values) in enumerate(zip(asked.regions, asked.asked, strict=True)):
        touched = region.share(vertices) > NO_SHARE
        on_edge = "thickness_mm" not in values
        if (touched & (labels == (WALL if on_edge else OUTER))).sum() < _FEWEST:
            findings.append(_untouched(region, vertices, on_edge=on_edge))
        for quantity, field, found in (
            (_THICKNESS, OUTER, np.where(wall.counted, wall.thickness_mm, np.nan)),
            (_GAP, WALL, gap_mm),
        ):
            if quantity.name not in values or found is None:
                continue
            full = touched & np.isfinite(found)
            full[full] = full_places(region, asked.later(number, quantity.name), vertices[full])
            median = _median(found, vertex_areas(mesh, faces=wall.surfaces.face_labels == field), full)
            measures[f"region_{number + 1}_{quantity.measure}"] = median
            if median is None:
                continue
            limit, lean_mm = values[quantity.name], 0.0
            if quantity is _GAP:
                lean_mm = _lean_mm(asked, vertices[full])
            if -quantity.tolerance_mm <= median - limit <= quantity.tolerance_mm + lean_mm:
                continue
            message = (
                f"expected a median {quantity.words} of {limit:g} mm in {region.label}, got {median:.2f} mm: "
                f"{quantity.too_large if median > limit else quantity.too_small}"
            )
            place = vertices[int(np.argmin(np.where(full, np.abs(found - median), np.inf)))]
            findings.append(Finding(quantity.code, "warning", message, median, limit, "mm", place_of(place)))
    return measures, findings


def _lean_mm(asked: PlacedRegions, points_mm: NDArray[np.float64]) -> float:
    """Return how far the bevel asked for moves the border away from bone at the inner surface, mm."""
    slope = np.tan(np.radians(values_at(asked.bevel_deg, points_mm)))
    return float((values_at(asked.thickness_mm, points_mm) * slope).max())


def _median(
    values: NDArray[np.float64], areas: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> float | None:
    """Return the median of chosen values (n,) by area; None for too few."""
    used = chosen & (areas > 0) & ~np.isnan(values)
    if used.sum() < _FEWEST:
        return None
    return float(weighted_percentiles(values[used], areas[used], (50,))[0])


def _untouched(region: Region, vertices: NDArray[np.float64], *, on_edge: bool) -> Finding:
    """Return the finding for a region in which there is nothing to change."""
    radius = float(np.median(np.linalg.norm(vertices - region.centre_mm, axis=1)))
    what = "none of the part's border" if on_edge else "nothing of the part"
    message = (
        f"there is {what} in {region.label}, and it changes nothing: check its place (L, P, S in mm), or "
        "remove it"
    )
    place = place_of(region.centre_mm + radius * region.directions[len(region.directions) // 2])
    return Finding("regions.untouched", "warning", message, location_mm=place)
