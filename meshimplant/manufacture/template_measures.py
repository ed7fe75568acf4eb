"""`measure_template`: thickness, gap and width of a resection template, measured on its mesh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.manufacture.template_body import Sleeve
from meshimplant.mesh.areas import enclosed_mm3, face_normals_and_areas, weighted_percentiles
from meshimplant.mesh.rays import RayCaster
from meshimplant.skull.resect import Resection
from meshimplant.spec.resection_spec import ResectionSpec

#: Faces within this cosine of the normal of the bone are those on the bone.
_FACING = 0.8
#: Faces are measured this far from an edge, mm.
_EDGE_MM = 1.5
#: The wall along the cut is that within this distance of it, mm: nearer than any sleeve.
_EDGE_REACH_MM = 2.0
#: The width is measured over stretches of the cut of this many points.
_STRETCH = 8

Floats = NDArray[np.float64]


def measure_template(
    mesh: trimesh.Trimesh, cut: Resection, sleeves: Sequence[Sleeve], spec: ResectionSpec
) -> tuple[dict[str, Any], Floats]:
    """Return measures of a template without letters, and the place (3,) at which it is narrowest."""
    middles = np.asarray(mesh.triangles_center)
    normals, areas = face_normals_and_areas(mesh)
    outward = cut.outer.outward_at(middles)
    away = -cut.outer.depth_mm(middles)
    facing = np.einsum("ij,ij->i", normals, outward)
    under = (facing < -_FACING) & (away < spec.template_gap_mm + spec.template_thickness_mm / 2)
    beside, place = cut.line.beside_mm(middles)
    inner = beside - cut.kerf_mm / 2
    inside = under & (inner > _EDGE_MM) & (inner < spec.template_width_mm - _EDGE_MM)
    for each in sleeves:
        inside &= each.beside_mm(middles)[0] > each.outer_mm + _EDGE_MM
    distance, _ = RayCaster(mesh).first(middles[inside] + 1e-3 * outward[inside], outward[inside])
    known = np.isfinite(distance)
    thickness = weighted_percentiles(distance[known], areas[inside][known], (5, 50, 95))
    gap = weighted_percentiles(away[under], areas[under], (5, 50, 95))
    stretch = place // _STRETCH
    widest = np.full(int(stretch.max()) + 1, -np.inf)
    np.maximum.at(widest, stretch, np.where(facing > _FACING, inner, -np.inf))
    count = -(-len(cut.line.points_mm) // _STRETCH)
    widest = np.concatenate([widest, np.full(max(0, count - len(widest)), -np.inf)])
    narrow = int(np.argmin(widest))
    edge = np.abs(inner[(np.abs(facing) < 0.3) & (inner < _EDGE_REACH_MM)])
    measures = {
        "template_thickness_median_mm": float(thickness[1]),
        "template_thickness_p5_mm": float(thickness[0]),
        "template_thickness_p95_mm": float(thickness[2]),
        "template_gap_median_mm": float(gap[1]),
        "template_gap_p95_mm": float(gap[2]),
        "template_width_min_mm": max(0.0, float(widest[narrow])),
        "template_edge_p95_mm": float(np.percentile(edge, 95)) if len(edge) else None,
        "template_volume_mm3": enclosed_mm3(mesh),
        "template_extents_mm": mesh.extents.tolist(),
        "template_drill_mm": sleeves[0].drill_mm if sleeves else None,
    }
    return measures, cut.line.points_mm[min(narrow * _STRETCH, len(cut.line.points_mm) - 1)]
