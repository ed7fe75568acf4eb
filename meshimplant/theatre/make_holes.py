"""`make_holes`: which of the wanted holes can be made, and the tools that cut them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshimplant.implant.features import Feature
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.report import Finding, place_of
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.theatre.ground import Ground
from meshimplant.theatre.hole_places import Wanted
from meshimplant.theatre.hole_region import HoleRegion
from meshimplant.theatre.hole_tool import Hole, hole_tool

#: A place farther than this from the outer surface does not belong to the part, mm.
FAR_MM = 5.0
#: A place may lie this far outside the region, mm: half the distance of the points by which that is known.
_SLACK_MM = 0.2
#: Shares of a slot's span at which the wall to another hole is measured.
_SHARES = np.linspace(-0.5, 0.5, 9)[:, None]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Made:
    """A hole that is made: as a feature of the part, as it is cut, and its tool."""

    feature: Feature
    hole: Hole
    tool: trimesh.Trimesh


def make_holes(
    wanted: Sequence[Wanted], region: HoleRegion, spec: PerforationSpec
) -> tuple[list[Made], list[Finding]]:
    """Return the holes that can be made, in the order wanted, and a finding for each of the others.

    A hole that would be too near to the border, to an opening or to a feature is left out, and so is one with
    too thin a wall to a hole before it. Labels that features of the part have already are continued.
    """
    made: list[Made] = []
    left_out: list[Finding] = []
    labels = {feature.label for feature in region.features}
    places = np.array([each.place_mm for each in wanted]).reshape(-1, 3)
    for each, hole, reason in zip(wanted, *_cut_as(places, region, spec), strict=True):
        if not reason and _crowded(hole, made):
            reason = "the wall to another hole would be thinner than the holes are wide"
        tool = None if reason else hole_tool(hole, region.ground, edge=spec.edge, edge_mm=spec.edge_mm)
        if tool is None:
            left_out.append(_left_out(each, reason or "its rim does not lie on both surfaces"))
            continue
        label = _free_label(each.label, labels)
        labels.add(label)
        made.append(Made(_feature(each, label, hole), hole, tool))
    return made, left_out


def _cut_as(places: Floats, region: HoleRegion, spec: PerforationSpec) -> tuple[list[Hole], list[str]]:
    """Return how the hole at each place (n, 3) is cut, and why it cannot be (empty where it can)."""
    ground = region.ground
    points = ground.on_surface(places)
    axes = -ground.normals_at(points)
    enter, leave = ground.heights_mm(points, axes)
    points = points + np.nan_to_num(enter)[:, None] * axes
    spans = np.zeros(points.shape)
    if spec.slot_mm is not None:
        spans = (spec.slot_mm - spec.diameter_mm) * _along_border(ground, points, axes)
    far = ground.tree.query(places)[0] > FAR_MM
    near = (region.margin_mm(points) < -_SLACK_MM) | np.isnan(leave)
    reasons = np.where(near, "it is too near to the border, to an opening or to a feature", "")
    reasons = np.where(far, f"it is more than {FAR_MM:g} mm away from the outer surface", reasons)
    lengths = np.nan_to_num(leave - enter)
    holes = [
        Hole(point, axis, spec.diameter_mm, float(length), span)
        for point, axis, length, span in zip(points, axes, lengths, spans, strict=True)
    ]
    return holes, reasons.tolist()


def _along_border(ground: Ground, points: Floats, axes: Floats) -> Floats:
    """Return the unit direction (n, 3) of the border nearest to points, square to their axes (n, 3)."""
    border = np.concatenate(ground.loops[0])
    along = np.concatenate([np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0) for line in ground.loops[0]])
    tangent = along[cKDTree(border).query(points)[1]]
    return unit_vectors(tangent - np.einsum("ij,ij->i", tangent, axes)[:, None] * axes)


def _crowded(hole: Hole, made: Sequence[Made]) -> bool:
    """Return whether the wall from a hole to one of those made is thinner than the hole is wide."""
    extent_mm = 2 * hole.diameter_mm + float(np.linalg.norm(hole.span_mm))
    near = (
        other.hole
        for other in made
        if np.abs(other.hole.point_mm - hole.point_mm).max() <= extent_mm + other.hole.length_mm
    )
    return any(ligament_mm(hole, other) < hole.diameter_mm - 1e-6 for other in near)


def ligament_mm(first: Hole, second: Hole) -> float:
    """Return the least wall between two holes, at the outer and at the inner surface, mm."""
    radii = (first.diameter_mm + second.diameter_mm) / 2
    share = _SHARES if first.span_mm.any() or second.span_mm.any() else np.zeros((1, 1))
    least = np.inf
    for depth in (0.0, 1.0):
        one, other = (
            hole.point_mm + depth * hole.length_mm * hole.axis + share * hole.span_mm
            for hole in (first, second)
        )
        least = min(least, float(((one[:, None] - other[None]) ** 2).sum(axis=2).min()))
    return float(np.sqrt(least)) - radii


def _feature(wanted: Wanted, label: str, hole: Hole) -> Feature:
    return Feature(
        wanted.kind,
        label,
        place_of(hole.point_mm),
        place_of(hole.axis),
        hole.diameter_mm,
        hole.length_mm,
        place_of(hole.span_mm),
    )


def _free_label(label: str, taken: set[str]) -> str:
    """Return the label, or the next number that no other feature has."""
    letter, number = label[0], int(label[1:])
    while f"{letter}{number}" in taken:
        number += 1
    return f"{letter}{number}"


def _left_out(wanted: Wanted, reason: str) -> Finding:
    message = f"the hole {wanted.label} was left out: {reason}: move it, or make it smaller"
    return Finding("perforation.left_out", "warning", message, location_mm=place_of(wanted.place_mm))
