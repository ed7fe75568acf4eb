"""`check_fit`: how a part sits in the defect of a skull."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.check.rim import MARGIN_MM, RimView
from meshimplant.edit.areas import vertex_areas, weighted_percentiles
from meshimplant.edit.pieces import face_pieces
from meshimplant.edit.surfaces import WALL
from meshimplant.edit.thickness import measure_thickness
from meshimplant.edit.trim import crop_around, inner_point
from meshimplant.report import Finding
from meshimplant.spec import ImplantSpec
from meshimplant.surface.fields import sample, signed_distance
from meshimplant.surface.occupancy import occupancy
from meshimplant.surface.polar import PolarMap
from meshimplant.volume import Volume

Place = tuple[float, float, float]

#: Departure of the median gap from the clearance that is accepted, and excess of its 95th percentile, mm.
GAP_MEDIAN_TOLERANCE_MM, GAP_P95_EXCESS_MM = 0.15, 0.5
#: Depth that counts as penetration, mm: below what any scanner or printer resolves.
PENETRATION_MM = 0.05
#: Least share of the opening that must be covered, and largest share of the outer surface over intact bone.
COVERAGE_FRACTION, OUTSIDE_FRACTION = 0.95, 0.01
#: Step between the implant's and the skull's outer surface at the rim, median and 95th percentile, mm.
STEP_MEDIAN_MM, STEP_P95_MM = 0.3, 0.8
#: How far the part may reach inward of the skull's inner surface at the rim, mm.
PROTRUSION_MM = 2.0
#: A part of which no point comes this near to bone does not sit in this skull, mm.
DETACHED_MM = 3.0
#: Stands for the distance to bone where the part lies beyond the scan, mm.
_BEYOND_MM = 1e3


@dataclass(frozen=True, eq=False)
class FitCheck:
    """How a part fits its skull.

    Attributes
    ----------
    measures
        Numbers for the report, unit in each name; None where nothing could be measured.
    findings
        What is wrong, with value, limit, unit and place.
    gap_mm
        Distance (n,) of each vertex of the border wall to bone, negative inside bone; nan elsewhere.
    thickness_mm
        Wall thickness (n,), nan on the border wall.
    """

    measures: dict[str, Any]
    findings: tuple[Finding, ...]
    gap_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]

    @property
    def passed(self) -> bool:
        """True when no finding is an error."""
        return not any(finding.severity == "error" for finding in self.findings)


def check_fit(
    mesh: trimesh.Trimesh,
    skull: Volume,
    *,
    spec: ImplantSpec | None = None,
    defect_mask: Volume | None = None,
    outward: ArrayLike | None = None,
) -> FitCheck:
    """Measure gap, penetration, coverage, overlap with intact bone and flushness of a part in its skull.

    The gap is read from the skull's smooth signed distance at every vertex of the border wall. Penetration
    counts the skull's voxels whose centre lies inside the part, and the depth of the part's surface in bone.
    Coverage, overlap and steps are measured on a map of directions from inside the head.

    Parameters
    ----------
    mesh
        A closed part, LPS mm.
    skull
        Mask of the defective skull, any grid.
    spec
        The prescription, for the clearance. ``None``: the defaults.
    defect_mask
        The reconstruction (mask, or field positive inside): coverage is the share of *its* shadow. ``None``:
        the opening is every direction near the part that meets no bone, which a defect beside a natural
        opening overstates.
    outward
        A point (3,) inside the head; ``None``: found from the part and the skull.

    Notes
    -----
    Source: measured on 300 k faces in 512 x 512 x 240 voxels: 4 s on one core.
    """
    spec = ImplantSpec() if spec is None else spec
    centre = inner_point(mesh, skull) if outward is None else np.asarray(outward, float)
    thickness = measure_thickness(mesh, outward=centre)
    labels = thickness.surfaces.vertex_labels
    box = crop_around(skull, mesh, MARGIN_MM + 2)
    if box is None or not box.array.any():
        gap = np.full(len(labels), np.nan)
        return FitCheck({"detached": True}, (_detached(mesh, None),), gap, thickness.thickness_mm)
    bone = signed_distance(box)
    distance = -sample(bone, mesh.vertices, fill=-_BEYOND_MM)
    gap = np.where((labels == WALL) & (distance < _BEYOND_MM), distance, np.nan)
    measures, findings = _measure_gap(mesh, distance, thickness.surfaces.face_labels == WALL, spec)
    more = [_measure_penetration(mesh, box, bone, distance)]
    points = np.asarray(mesh.vertices)
    if defect_mask is not None:
        defect_mask = crop_around(defect_mask, mesh, 40.0)
        if defect_mask is not None and not (defect_mask.array > 0).any():
            defect_mask = None
    if defect_mask is not None:
        points = np.concatenate([points, _box_of(defect_mask)])
    view = PolarMap.around(points, centre, margin_mm=MARGIN_MM)
    rim = RimView(mesh, thickness.surfaces, bone, view)
    more += [_measure_cover(rim, spec, defect_mask), _measure_steps(rim)]
    for extra_measures, extra_findings in more:
        measures.update(extra_measures)
        findings += extra_findings
    if measures["nearest_bone_mm"] > DETACHED_MM:
        findings.insert(0, _detached(mesh, measures["nearest_bone_mm"]))
    measures["detached"] = measures["nearest_bone_mm"] > DETACHED_MM
    return FitCheck(measures, tuple(findings), gap, thickness.thickness_mm)


def _measure_gap(
    mesh: trimesh.Trimesh, distance: NDArray[np.float64], wall: NDArray[np.bool_], spec: ImplantSpec
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the gap's statistics by area of the border wall, and what is wrong with them."""
    nearest = int(np.argmin(distance))
    measures: dict[str, Any] = {"nearest_bone_mm": float(distance[nearest])}
    areas = vertex_areas(mesh, faces=_facing_bone(np.asarray(mesh.faces), distance, wall))
    used = (areas > 0) & (distance < _BEYOND_MM)
    if not used.any():
        return measures | dict.fromkeys(("gap_median_mm", "gap_p5_mm", "gap_p95_mm")), []
    p5, median, p95 = (float(x) for x in weighted_percentiles(distance[used], areas[used], (5, 50, 95)))
    measures |= {"gap_median_mm": median, "gap_p5_mm": p5, "gap_p95_mm": p95}
    findings = []
    if abs(median - spec.clearance_mm) > GAP_MEDIAN_TOLERANCE_MM:
        message = (
            f"the median gap to bone is {median:.2f} mm, asked were {spec.clearance_mm:g} mm: trim again"
        )
        place = _place(mesh.vertices[_nearest_to(distance, used, median)])
        findings.append(Finding("fit.gap_median", "warning", message, median, spec.clearance_mm, "mm", place))
    limit = spec.clearance_mm + GAP_P95_EXCESS_MM
    if p95 > limit:
        message = f"the gap to bone exceeds {p95:.2f} mm on 5 % of the border: the implant is too small there"
        place = _place(mesh.vertices[int(np.argmax(np.where(used, distance, -np.inf)))])
        findings.append(Finding("fit.gap_p95", "warning", message, p95, limit, "mm", place))
    least = spec.clearance_mm - GAP_MEDIAN_TOLERANCE_MM
    if measures["nearest_bone_mm"] < least:
        message = f"the gap is only {distance[nearest]:.2f} mm, asked were {spec.clearance_mm:g} mm: trim it"
        place = _place(mesh.vertices[nearest])
        findings.append(
            Finding("fit.gap_min", "warning", message, float(distance[nearest]), least, "mm", place)
        )
    return measures, findings


def _facing_bone(
    faces: NDArray[np.int64], distance: NDArray[np.float64], wall: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Select (m,) the border's faces: not the walls of holes in the part, which are far from bone."""
    if not wall.any():
        return wall
    piece = face_pieces(faces[wall], len(distance))
    nearest = np.full(int(piece.max()) + 1, np.inf)
    np.minimum.at(nearest, piece, distance[faces[wall]].min(axis=1))
    selected = wall.copy()
    selected[wall] = nearest[piece] < max(DETACHED_MM, float(nearest.min()) + 1)
    return selected


def _measure_penetration(
    mesh: trimesh.Trimesh, box: Volume, bone: Volume, distance: NDArray[np.float64]
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the volume of bone inside the part and the deepest place."""
    shared = occupancy(mesh, box) & (box.array != 0)
    volume = float(shared.sum() * box.voxel_volume_mm3)
    vertex = int(np.argmin(distance))
    depth, place = max(0.0, -float(distance[vertex])), _place(mesh.vertices[vertex])
    if shared.any():
        index = np.argwhere(shared)
        inside = bone.array[shared]
        deepest = int(np.argmax(inside))
        if inside[deepest] > depth:
            depth, place = float(inside[deepest]), _place(box.to_mm(index[deepest]))
    measures = {"penetration_mm3": volume, "penetration_mm": depth}
    if volume == 0 and depth <= PENETRATION_MM:
        return measures, []
    message = f"the part overlaps bone by {volume:.1f} mm3, {depth:.2f} mm deep: trim it"
    return measures, [Finding("fit.penetration", "error", message, depth, PENETRATION_MM, "mm", place)]


def _measure_cover(
    rim: RimView, spec: ImplantSpec, defect: Volume | None
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the share of the opening that is covered, and of the part that lies over or under bone."""
    opening, covered_by = rim.opening(defect=defect), rim.covered(spec.clearance_mm)
    covered = rim.share(covered_by, opening)
    outside, under = (rim.share(rim.over_bone(side), rim.sheet(side)) for side in (1, -1))
    measures = {
        "coverage_fraction": covered,
        "coverage_of": "opening" if defect is None else "reconstruction",
        "outside_fraction": outside,
        "under_bone_fraction": under,
    }
    findings = []
    if covered < COVERAGE_FRACTION:
        message = (
            f"only {100 * covered:.1f} % of the opening is covered: the implant is too small or misplaced"
        )
        place = _place(rim.middle(opening & ~covered_by))
        findings.append(
            Finding("fit.coverage", "error", message, covered, COVERAGE_FRACTION, "fraction", place)
        )
    for side, share, where in ((1, outside, "over"), (-1, under, "under")):
        if share > OUTSIDE_FRACTION:
            message = f"{100 * share:.1f} % of the surface lies {where} intact bone: trim it"
            place = _place(rim.middle(rim.over_bone(side)))
            findings.append(
                Finding("fit.outside", "warning", message, share, OUTSIDE_FRACTION, "fraction", place)
            )
    return measures, findings


def _measure_steps(rim: RimView) -> tuple[dict[str, Any], list[Finding]]:
    """Return how flush the outer surface is with the skull's, and how far the inner one reaches inward."""
    measures: dict[str, Any] = {}
    findings = []
    outer, inner = rim.steps(1), rim.steps(-1)
    names = ("step_median_mm", "step_p95_mm", "inner_step_median_mm", "inward_protrusion_mm")
    measures |= dict.fromkeys(names)
    if len(outer.step_mm):
        median, p95 = float(np.median(outer.step_mm)), float(np.percentile(np.abs(outer.step_mm), 95))
        measures |= {"step_median_mm": median, "step_p95_mm": p95}
        if abs(median) > STEP_MEDIAN_MM or p95 > STEP_P95_MM:
            message = (
                f"the outer surface is not flush with the skull: step {median:+.2f} mm in the median, "
                f"{p95:.2f} mm at the 95th percentile: look at the completion there"
            )
            place = _place(outer.points_mm[int(np.argmax(np.abs(outer.step_mm)))])
            findings.append(Finding("fit.step", "warning", message, p95, STEP_P95_MM, "mm", place))
    if len(inner.step_mm):
        deepest = max(0.0, -float(np.percentile(inner.step_mm, 5)))
        measures |= {"inner_step_median_mm": float(np.median(inner.step_mm)), "inward_protrusion_mm": deepest}
        if deepest > PROTRUSION_MM:
            message = (
                f"the part reaches {deepest:.1f} mm inward of the skull's inner surface: make it thinner"
            )
            place = _place(inner.points_mm[int(np.argmin(inner.step_mm))])
            findings.append(Finding("fit.protrusion", "error", message, deepest, PROTRUSION_MM, "mm", place))
    return measures, findings


def _detached(mesh: trimesh.Trimesh, nearest_mm: float | None) -> Finding:
    """Return the finding for a part that does not sit in this skull."""
    said = (
        "there is no bone around it"
        if nearest_mm is None
        else f"the nearest bone is {nearest_mm:.1f} mm away"
    )
    message = (
        f"the part does not sit in this skull: {said}: check that both are in one frame (LPS, not RAS) "
        "and in millimetres"
    )
    place = _place(np.asarray(mesh.bounds).mean(axis=0))
    return Finding("fit.detached", "error", message, nearest_mm, DETACHED_MM, "mm", place)


def _box_of(defect: Volume) -> NDArray[np.float64]:
    """Return voxels (n, 3) of a mask, LPS mm, thinned out: enough to span its box on any map."""
    index = np.argwhere(defect.array > 0)
    return defect.to_mm(index[:: max(1, len(index) // 20_000)])


def _nearest_to(values: NDArray[np.float64], used: NDArray[np.bool_], value: float) -> int:
    return int(np.argmin(np.where(used, np.abs(values - value), np.inf)))


def _place(point: ArrayLike) -> Place:
    x, y, z = np.asarray(point, float)
    return float(x), float(y), float(z)
