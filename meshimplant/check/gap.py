"""Distance of a part's border to bone, and overlap with bone."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.implant.place_regions import PlacedRegions
from meshimplant.implant.regional_value import base_of, values_at
from meshimplant.mesh.areas import vertex_areas, weighted_percentiles
from meshimplant.mesh.cut_away import face_pieces
from meshimplant.report import Finding, Severity, place_of
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.occupancy import occupancy
from meshimplant.voxels.volume import Volume

#: Accepted deviation of the median gap from the clearance, and excess of its 95th percentile, mm.
GAP_MEDIAN_TOLERANCE_MM, GAP_P95_EXCESS_MM = 0.15, 0.5
#: Share of a voxel's side by which bone may seem too near.
VOXEL_FRACTION = 0.3
#: A gap wider than this on 5 % of the border is not closed by bone or plate: the part does not fit, mm.
GAP_P95_FAILS_MM = 3.0
#: Depth from which bone counts as penetrated, mm: below the resolution of scanners and printers.
PENETRATION_MM = 0.05
#: A part with no point this close to bone does not belong to the skull, mm.
DETACHED_MM = 3.0
#: Distance to bone assumed where the part lies outside the scan, mm.
BEYOND_MM = 1e3


def measure_gap(
    mesh: trimesh.Trimesh,
    distance: NDArray[np.float64],
    wall: NDArray[np.bool_],
    spec: ImplantSpec,
    *,
    voxel_mm: float = 0.0,
    regions: PlacedRegions | None = None,
) -> tuple[dict[str, Any], list[Finding]]:
    """Return area-weighted statistics of the gap at the border wall, and the findings.

    `distance` is that of each vertex (n,) to bone, mm, negative inside; `wall` selects the faces (m,) of the
    border. `voxel_mm` is the longest side of the skull's voxels: their steps bring bone nearer than it is
    (measured: up to 0.42 mm in voxels of 1 mm), which counts in favour of the part. Findings compare the gap
    at each place with what `regions` ask for there; None: what `spec` does.
    """
    measures: dict[str, Any] = {"nearest_bone_mm": float(distance.min())}
    areas = border_areas(mesh, distance, wall)
    used = areas > 0
    if not used.any():
        return measures | dict.fromkeys(("gap_median_mm", "gap_p5_mm", "gap_p95_mm")), []
    p5, median, p95 = (float(x) for x in weighted_percentiles(distance[used], areas[used], (5, 50, 95)))
    measures |= {"gap_median_mm": median, "gap_p5_mm": p5, "gap_p95_mm": p95}
    if regions is not None and regions.regions:
        distance = evened_gap(mesh, distance, regions)
        median, p95 = (float(x) for x in weighted_percentiles(distance[used], areas[used], (50, 95)))
        measures["gap_evened_p95_mm"] = p95
    findings = [
        *_median_findings(mesh, distance, used, median, spec),
        *_widest_findings(mesh, distance, used, p95, spec),
    ]
    least = max(spec.clearance_mm - GAP_MEDIAN_TOLERANCE_MM - VOXEL_FRACTION * voxel_mm, 0.0)
    nearest = int(np.argmin(distance))
    if distance[nearest] < least:
        message = f"expected a gap of at least {least:.2f} mm, got {distance[nearest]:.2f} mm: trim it"
        place = place_of(mesh.vertices[nearest])
        findings.append(
            Finding("fit.gap_min", "warning", message, float(distance[nearest]), least, "mm", place)
        )
    return measures, findings


def evened_gap(
    mesh: trimesh.Trimesh, distance: NDArray[np.float64], regions: PlacedRegions
) -> NDArray[np.float64]:
    """Return the distance of each vertex (n,) to bone less what regions add to it there.

    They add to the clearance, and by a bevel up to the lean of the border.
    """
    clearance, lean = added_by_regions(np.asarray(mesh.vertices), regions)
    wider = np.clip(distance - values_at(regions.clearance_mm, mesh.vertices), 0.0, lean)
    return np.asarray(distance - clearance - wider)


def added_by_regions(
    points_mm: NDArray[np.float64], regions: PlacedRegions
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what regions add at points (n, 3) to the clearance, and to the border's lean, (n,) each, mm."""
    clearance = values_at(regions.clearance_mm, points_mm) - base_of(regions.clearance_mm)
    slope = np.tan(np.radians(values_at(regions.bevel_deg, points_mm)))
    lean = values_at(regions.thickness_mm, points_mm) * slope
    usual = base_of(regions.thickness_mm) * np.tan(np.radians(base_of(regions.bevel_deg)))
    return clearance, np.maximum(lean - usual, 0.0)


def _median_findings(
    mesh: trimesh.Trimesh,
    distance: NDArray[np.float64],
    used: NDArray[np.bool_],
    median: float,
    spec: ImplantSpec,
) -> list[Finding]:
    """Return the warning that the gap is not the prescribed clearance; trimming cures only a narrow one."""
    excess = median - spec.clearance_mm
    if -GAP_MEDIAN_TOLERANCE_MM <= excess <= GAP_MEDIAN_TOLERANCE_MM + _leaning_mm(spec):
        return []
    cure = (
        "trim it"
        if excess < 0
        else "design it again with this clearance, from a larger reconstruction if that does not help; "
        "trimming only widens the gap"
    )
    message = f"expected a median gap of {spec.clearance_mm:g} mm to bone, got {median:.2f} mm: {cure}"
    place = place_of(mesh.vertices[_nearest_to(distance, used, median)])
    return [Finding("fit.gap_median", "warning", message, median, spec.clearance_mm, "mm", place)]


def _widest_findings(
    mesh: trimesh.Trimesh,
    distance: NDArray[np.float64],
    used: NDArray[np.bool_],
    p95: float,
    spec: ImplantSpec,
) -> list[Finding]:
    """Return the finding that 5 % of the border are too far from bone: an error beyond 3 mm."""
    limit = widest_gap_mm(spec)
    if p95 <= limit:
        return []
    place = place_of(mesh.vertices[int(np.argmax(np.where(used, distance, -np.inf)))])
    message = (
        f"the gap to bone exceeds {p95:.2f} mm on 5 % of the border: the part is too small here: complete "
        "the skull by another method, or extend the reconstruction to the bone; trimming only widens the gap"
    )
    severity: Severity = "warning"
    if p95 > (fails := failing_gap_mm(spec)):
        severity, limit = "error", fails
    return [Finding("fit.gap_p95", severity, message, p95, limit, "mm", place)]


def widest_gap_mm(spec: ImplantSpec) -> float:
    """Return the largest accepted 95th percentile of the gap, mm."""
    return spec.clearance_mm + GAP_P95_EXCESS_MM + _leaning_mm(spec)


def failing_gap_mm(spec: ImplantSpec) -> float:
    """Return the 95th percentile of the gap from which a part does not fit, mm."""
    return max(GAP_P95_FAILS_MM, widest_gap_mm(spec))


def _leaning_mm(spec: ImplantSpec) -> float:
    """Return how far the prescribed bevel moves the border away from bone at the inner surface, mm."""
    return spec.thickness_mm * float(np.tan(np.radians(spec.bevel_deg)))


def border_areas(
    mesh: trimesh.Trimesh, distance: NDArray[np.float64], wall: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the area (n,) of the border wall that faces bone, at each vertex; arguments as `measure_gap`."""
    areas = vertex_areas(mesh, faces=_facing_bone(np.asarray(mesh.faces), distance, wall))
    return np.where(distance < BEYOND_MM, areas, 0.0)


def _facing_bone(
    faces: NDArray[np.int64], distance: NDArray[np.float64], wall: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Select the border's faces (m,), without the walls of holes in the part, which are far from bone."""
    if not wall.any():
        return wall
    piece = face_pieces(faces[wall], len(distance))
    nearest = np.full(int(piece.max()) + 1, np.inf)
    np.minimum.at(nearest, piece, distance[faces[wall]].min(axis=1))
    selected = wall.copy()
    selected[wall] = nearest[piece] < max(DETACHED_MM, float(nearest.min()) + 1)
    return selected


def measure_penetration(
    mesh: trimesh.Trimesh, box: Volume, bone: Volume, distance: NDArray[np.float64]
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the volume of bone inside the part, and the deepest place.

    `box` is the skull's mask around the part, `bone` its signed distance.
    """
    shared = occupancy(mesh, box) & (box.array != 0)
    volume = float(shared.sum() * box.voxel_volume_mm3)
    vertex = int(np.argmin(distance))
    depth, place = max(0.0, -float(distance[vertex])), place_of(mesh.vertices[vertex])
    if shared.any():
        index = np.argwhere(shared)
        inside = bone.array[shared]
        deepest = int(np.argmax(inside))
        if inside[deepest] > depth:
            depth, place = float(inside[deepest]), place_of(box.to_mm(index[deepest]))
    measures = {"penetration_mm3": volume, "penetration_mm": depth}
    if volume == 0 and depth <= PENETRATION_MM:
        return measures, []
    message = f"the part overlaps bone by {volume:.1f} mm3, {depth:.2f} mm deep: trim it"
    return measures, [Finding("fit.penetration", "error", message, depth, PENETRATION_MM, "mm", place)]


def _nearest_to(values: NDArray[np.float64], used: NDArray[np.bool_], value: float) -> int:
    return int(np.argmin(np.where(used, np.abs(values - value), np.inf)))
