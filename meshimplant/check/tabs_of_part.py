"""What the tabs of a part do to bone, and what was measured of its body at its vertices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshimplant.check.gap import measure_penetration
from meshimplant.implant.features import Feature, beside_feature_mm
from meshimplant.implant.site import Bone
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.report import Finding, place_of
from meshimplant.voxels.fields import sample

#: A tab is looked for so far above and below its place, mm.
_ABOVE_MM, _BELOW_MM = 1.0, 1.0
#: A feature farther than this from the part belongs to another one, mm.
_ELSEWHERE_MM = 4.0
#: Vertices this near to each other are one, mm.
_SAME_MM = 1e-6


def at_vertices(
    mesh: trimesh.Trimesh, body: trimesh.Trimesh, values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return values (m,) of a body's vertices at those (n,) of the mesh that it was cut from; else nan."""
    if body is mesh:
        return values
    away, nearest = cKDTree(np.asarray(body.vertices)).query(np.asarray(mesh.vertices))
    return np.where(away < _SAME_MM, values[nearest], np.nan)


def measure_tabs(
    mesh: trimesh.Trimesh, features: Sequence[Feature], bone: Bone
) -> tuple[dict[str, Any], list[Finding]]:
    """Return how high tabs stand above bone and their least gap to it, and whether they reach into it.

    Findings: ``fit.tab_proud`` (warning), for what a tab has beyond the border, and ``fit.penetration``, as
    `check_fit` has it, for the part with its tabs.
    """
    tabs = [feature for feature in features if feature.kind == "tab"]
    if not tabs:
        return {}, []
    vertices = np.asarray(mesh.vertices)
    away = -sample(bone.distance, vertices, fill=-1e3)
    heights: list[float] = []
    gaps: list[float] = []
    findings: list[Finding] = []
    for tab in tabs:
        own = np.flatnonzero(_on_tab(vertices, tab))
        if not len(own):
            continue
        highest = own[int(np.argmax(away[own]))]
        heights.append(float(away[highest]))
        gaps.append(float(away[own].min()))
        if heights[-1] > tab.length_mm:
            message = (
                f"{tab.label} stands {heights[-1]:.1f} mm above the bone, {tab.length_mm:.1f} mm at most "
                "were asked for: make the tab for this skull"
            )
            place = place_of(vertices[highest])
            finding = Finding("fit.tab_proud", "warning", message, heights[-1], tab.length_mm, "mm", place)
            findings.append(finding)
    measures, overlap = measure_penetration(mesh, bone.mask, bone.distance, away)
    if heights:
        measures |= {"tab_height_max_mm": max(heights), "tab_gap_min_mm": min(gaps)}
    return measures, [*findings, *overlap]


def _on_tab(points: NDArray[np.float64], tab: Feature) -> NDArray[np.bool_]:
    """Return which points (n, 3) lie on what a tab has beyond the border, well away from it."""
    arm = points - np.asarray(tab.point_mm)
    along = arm @ np.asarray(tab.axis)
    ahead = arm @ unit_vectors(np.asarray(tab.span_mm))
    inside = (beside_feature_mm(points, tab) <= 0) & (ahead > 1.5)
    return np.asarray(inside & (along > -_ABOVE_MM) & (along < tab.length_mm + _BELOW_MM))


def features_elsewhere(mesh: trimesh.Trimesh, features: Sequence[Feature]) -> list[Finding]:
    """Return ``features.elsewhere`` (error) where features lie far from the part: they belong to another."""
    if not features:
        return []
    points = np.array([feature.point_mm for feature in features])
    away = cKDTree(np.asarray(mesh.vertices)).query(points)[0]
    worst = int(np.argmax(away))
    if away[worst] <= _ELSEWHERE_MM + max(features[worst].length_mm, features[worst].diameter_mm):
        return []
    message = (
        f"{features[worst].label} lies {away[worst]:.0f} mm from the part: the features belong to another "
        "part, or to another frame"
    )
    place = place_of(points[worst])
    return [Finding("features.elsewhere", "error", message, float(away[worst]), _ELSEWHERE_MM, "mm", place)]
