"""`mark`: a text on a part, engraved or raised, with the directions of the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import MeshError, require_type
from meshimplant.implant.features import Feature
from meshimplant.implant.surfaces import INNER, OUTER
from meshimplant.mesh.convert import from_manifold, new_mesh, to_manifold
from meshimplant.mesh.cut_away import combine
from meshimplant.report import place_of
from meshimplant.spec.mark_spec import MarkSpec
from meshimplant.theatre.ground import Ground
from meshimplant.theatre.hole_places import FRONT, TOP
from meshimplant.theatre.mark_place import mark_place
from meshimplant.theatre.proven_solid import proven_solid
from meshimplant.theatre.stroke_font import strokes, text_outline
from meshimplant.theatre.surface_chart import SurfaceChart

#: Distance of the points that stand for the surface, mm.
_SAMPLE_MM = 0.8
#: A text is broken into at most so many lines.
_MOST_LINES = 3
#: Longest edge of the body of a text, mm; how far it reaches beyond the surface on the side where it is not
#: seen, mm.
_EDGE_MM, _BEYOND_MM = 0.8, 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Marked:
    """A marked part.

    Attributes
    ----------
    mesh : Trimesh
        The part with its text, a solid.
    features : tuple of Feature
        The text as one long feature of kind ``mark``; the part's earlier features are not repeated.
    measures : dict
        ``mark_depth_mm``, ``mark_size_mm``, ``mark_lines``; ``mark_wall_min_mm``: the thinnest wall under the
        text; ``mark_location_mm``: its middle, LPS.
    """

    mesh: trimesh.Trimesh
    features: tuple[Feature, ...]
    measures: dict[str, Any]

    def numbers(self) -> dict[str, Any]:
        """Return what the report records of the step."""
        return {"lines": self.measures["mark_lines"]}


def mark(
    mesh: trimesh.Trimesh,
    spec: MarkSpec,
    *,
    features: Sequence[Feature] = (),
    inside_mm: ArrayLike | None = None,
    least_wall_mm: float = 2.0,
    max_faces: int | None = None,
) -> Marked:
    """Engrave a text into a part, or raise it above its surface, following the curvature.

    The text is laid out upright (the top of the head is up) at the flattest place where it keeps 3 mm from
    the border, from openings and from features; it is broken at blanks into up to three lines if it does not
    fit in one. Below it stand an arrow to the top of the head and the letters of the patient's sides (L, R)
    and of the front (A), each on its side; the arrow points to the front on a surface that faces up. Nothing
    else is added.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm. It need not come from this package.
    spec : MarkSpec
        Text, surface, relief, size and depth.
    features : sequence of Feature
        What the part has already, from which the text keeps its distance.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part's curvature.
    least_wall_mm : float
        Thinnest wall that may be left under an engraved text. Default 2, the least of PEEK.
    max_faces : int, optional
        Largest number of faces of the result, see `simplify`. None: as many as the text needs.

    Returns
    -------
    Marked

    Raises
    ------
    MeshError
        The mesh is no solid, the text does not fit, or the wall under it would be too thin.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    side = OUTER if spec.surface == "outer" else INNER
    ground = Ground.of(mesh, spacing_mm=_SAMPLE_MM, side=side, inside_mm=inside_mm)
    lines, drawn, chart, extent = _laid_out(ground, spec, features)
    wall = float(chart.walls_mm.min()) - (spec.depth_mm if spec.relief == "engraved" else 0.0)
    if wall < least_wall_mm:
        raise MeshError(
            f"expected a wall of at least {least_wall_mm:g} mm under the text, got {wall:.2f} mm: make the "
            "text less deep, raise it, or leave it out"
        )
    body = to_manifold(_body(drawn, chart, spec))
    engraved = spec.relief == "engraved"
    changed = combine(mesh, remove=[body]) if engraved else combine(mesh, add=[body])
    result = proven_solid(changed, mesh, max_faces=max_faces)
    measures = {
        "mark_depth_mm": spec.depth_mm,
        "mark_size_mm": spec.size_mm,
        "mark_lines": lines,
        "mark_wall_min_mm": wall,
        "mark_location_mm": chart.middle_mm.tolist(),
    }
    return Marked(result, (_feature(chart, extent, spec, features),), measures)


def _laid_out(
    ground: Ground, spec: MarkSpec, features: Sequence[Feature]
) -> tuple[int, list[Floats], SurfaceChart, Floats]:
    """Return lines, strokes, chart and extent (2,) of the layout with the fewest lines that fits."""
    extents = []
    for count in range(1, _MOST_LINES + 1):
        lines = _broken(spec.text, count)
        if len(lines) != count:
            continue
        # The row of directions is as wide as any other with the same signs.
        _, extent = strokes([*lines, *directions_row(np.eye(3), np.eye(3)[0], spec)], spec.size_mm)
        extents.append(extent)
        place = mark_place(ground, extent, features)
        if place is None:
            continue
        middle, frame = place
        outward = frame[2] if ground.side == OUTER else -frame[2]
        drawn, extent = strokes([*lines, *directions_row(frame, outward, spec)], spec.size_mm)
        return count, drawn, SurfaceChart.on(ground, middle, frame, extent), extent
    size = min(extents, key=lambda each: float(each.max()))
    raise MeshError(
        f"expected room for a text of {size[0]:.0f} x {size[1]:.0f} mm on the {spec.surface} surface, clear "
        "of the border and of holes, got none: shorten the text, make it smaller, or mark the other surface"
    )


def _broken(text: str, count: int) -> list[str]:
    """Return a text broken at blanks into at most so many lines of similar length."""
    words, lines = text.split(), [""]
    for word in words:
        longest = max(len(text) / count, len(word))
        if lines[-1] and len(lines[-1]) + 1 + len(word) / 2 > longest and len(lines) < count:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def directions_row(frame: Floats, outward: Floats, spec: MarkSpec) -> list[str]:
    """Return the line that shows how the part lies: an arrow up, and the letters of side and front.

    `frame` holds the directions right, up and out of the surface as rows, `outward` (3,) points out of the
    head.
    """
    if spec.directions == "hidden":
        return []
    right, up = frame[0], frame[1]
    to_front = up @ FRONT > up @ TOP
    if to_front or abs(right[0]) >= abs(right[1]):
        left_letter, right_letter = ("R", "L") if right[0] > 0 else ("L", "R")
        arrow = "A↑" if to_front else "↑"
        return [f"{left_letter}  {arrow}  {right_letter}"]
    side = "L" if outward[0] > 0 else "R"
    return [f"{side}  ↑  A→"] if right[1] < 0 else [f"←A  ↑  {side}"]


def _body(drawn: list[Floats], chart: SurfaceChart, spec: MarkSpec) -> trimesh.Trimesh:
    """Return the closed body of the strokes, bent onto the surface, LPS mm."""
    flat = text_outline(drawn, spec.size_mm)
    low, high = (-spec.depth_mm, _BEYOND_MM) if spec.relief == "engraved" else (-_BEYOND_MM, spec.depth_mm)
    solid = from_manifold(flat.extrude(high - low).refine_to_length(_EDGE_MM))
    shifted = np.asarray(solid.vertices) + np.array([0.0, 0.0, low])
    return new_mesh(chart.points_mm(shifted), solid.faces)


def _feature(chart: SurfaceChart, extent: Floats, spec: MarkSpec, features: Sequence[Feature]) -> Feature:
    """Return the text as a feature whose round ends hold its corners."""
    width, height = extent
    taken = {feature.label for feature in features}
    number = next(n for n in range(1, len(taken) + 2) if f"M{n}" not in taken)
    diameter = 1.28 * height
    span = max(width - 0.8 * height, 0.0) * chart.frame[0]
    point = chart.points_mm(np.zeros((1, 3)))[0]
    sizes = float(diameter), spec.depth_mm, place_of(span)
    return Feature("mark", f"M{number}", place_of(point), place_of(-chart.frame[2]), *sizes)
