"""The wall under the texts on a part, whose steep strokes no statistics of the thickness can take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.implant.features import Feature, beside_feature_mm
from meshimplant.implant.surfaces import WALL, Surfaces
from meshimplant.implant.wall_thickness import SCATTER_MM, least_wall_mm
from meshimplant.mesh.rays import RayCaster
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.report import Finding, place_of
from meshimplant.spec.implant_spec import ImplantSpec

#: Distance between the rays through a text, mm: less than half a stroke.
_STEP_MM = 0.25
#: They begin this far outside the part, mm.
_OUTSIDE_MM = 15.0


def through_wall(mark: Feature) -> Feature:
    """Return a feature that covers a text and all of the wall under it."""
    point = np.asarray(mark.point_mm) - _OUTSIDE_MM * np.asarray(mark.axis)
    return replace(mark, point_mm=place_of(point), length_mm=2 * _OUTSIDE_MM)


def measure_marks(
    mesh: trimesh.Trimesh, surfaces: Surfaces, features: Sequence[Feature], spec: ImplantSpec
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the thinnest wall under the texts of a part, ``thickness_under_marks_min_mm``.

    The wall is measured along rays `_STEP_MM` apart, across the surface. Less than the material or the
    prescription allow is a ``thickness.too_thin`` (error). Without a text nothing is measured.
    """
    marks = [feature for feature in features if feature.kind == "mark"]
    if not marks:
        return {}, []
    rays = RayCaster(mesh)
    walls, places = (
        np.concatenate(each) for each in zip(*(_walls(rays, surfaces, each) for each in marks), strict=True)
    )
    if not len(walls):
        return {"thickness_under_marks_min_mm": None}, []
    thinnest, least = int(np.argmin(walls)), least_wall_mm(spec)
    value = float(walls[thinnest])
    measures = {"thickness_under_marks_min_mm": value}
    if value >= least - SCATTER_MM:
        return measures, []
    message = f"expected a wall of at least {least:g} mm, got {value:.2f} mm under a text: make it less deep"
    place = place_of(places[thinnest])
    return measures, [Finding("thickness.too_thin", "error", message, value, least, "mm", place)]


def _walls(
    rays: RayCaster, surfaces: Surfaces, mark: Feature
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the walls (n,) under a text, and the places (n, 3) on its surface."""
    axis, span = np.asarray(mark.axis), np.asarray(mark.span_mm)
    guide = span if span.any() else np.eye(3)[np.argmin(np.abs(axis))]
    right = unit_vectors(guide - (guide @ axis) * axis)
    half = np.array([float(np.linalg.norm(span)) + mark.diameter_mm, mark.diameter_mm]) / 2
    x, y = (np.arange(-reach, reach + _STEP_MM, _STEP_MM) for reach in half)
    flat = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    points = np.asarray(mark.point_mm) + flat @ np.stack([right, np.cross(axis, right)])
    points = points[beside_feature_mm(points, mark) <= 0] - _OUTSIDE_MM * axis
    along = np.broadcast_to(axis, points.shape)
    enter, face = rays.first(points, along)
    hit = face >= 0
    points, along, entered = points[hit] + enter[hit, None] * axis, along[hit], face[hit]
    wall, face = rays.first(points + 1e-3 * along, along)
    sides = surfaces.face_labels[entered], surfaces.face_labels[face]
    through = (face >= 0) & (sides[0] != sides[1]) & (sides[0] != WALL) & (sides[1] != WALL)
    cosine = np.abs(np.einsum("ij,ij->i", surfaces.outward.at(points), along))
    return (wall * cosine)[through], points[through]
