"""`SheetPlan`: the flat drawing of a plate: its outline, its holes and its screws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import MeshError
from meshimplant.implant.site import Site
from meshimplant.manufacture.parting import area_mm2, divided, inside
from meshimplant.manufacture.sheet_surface import SheetSurface
from meshimplant.spec.sheet_spec import SheetSpec
from meshimplant.theatre.screws import SIZES, Screw, bone_screw

if TYPE_CHECKING:
    import manifold3d

#: The outline has no corners or notches sharper than this, mm.
_ROUND_MM = 4.0
#: Solid rim between the outline and the holes, and around the head of a screw, mm. No source: our choice.
RIM_MM = 2.0
#: A screw's axis keeps this distance from the edge of the opening, mm, as in tabs. No source: our choice.
_FROM_EDGE_MM = 3.5
#: One screw in this length of their line, mm (40 to 60 in the literature), and the fewest.
_SPACING_MM, _FEWEST = 50.0, 4
#: Distance between the corners of the outline, mm.
_OUTLINE_MM = 0.6
#: Places that are tried for screws are this far apart, mm.
_TRY_MM = 1.0
#: Corners of a round hole; radius of the corners of a hexagon, mm.
_SEGMENTS, _CORNER_MM = 24, 0.3

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SheetPlan:
    """What is drawn on the flat map of a surface, mm.

    Attributes
    ----------
    outline : CrossSection
        The plate without its holes.
    holes : CrossSection
        All its holes but those of the screws.
    hole_count : int
        Their number.
    screws : tuple of Screw
        The screws.
    screw_places : (n, 2) array
        Where their heads lie.
    refused : tuple of str
        Why there are fewer screws than asked for, one sentence for each.
    """

    outline: manifold3d.CrossSection
    holes: manifold3d.CrossSection
    hole_count: int
    screws: tuple[Screw, ...]
    screw_places: Floats
    refused: tuple[str, ...]


def plan_sheet(surface: SheetSurface, site: Site, spec: SheetSpec) -> SheetPlan:
    """Draw the plate: the opening with the margin where bone lies below it, screws, and a net of holes.

    Raises `MeshError` where fewer than two screws find bone.
    """
    outline = _outline(surface, spec)
    screws, places, refused = _screws(surface, outline, site, spec)
    if len(screws) < 2:
        raise MeshError(
            f"expected bone for at least two screws around the opening, got {len(screws)}"
            f"{f' ({refused[0]})' if refused else ''}: widen the margin, or choose another implant"
        )
    holes, count = _holes(outline, places, spec)
    return SheetPlan(outline, holes, count, screws, places, refused)


def _outline(surface: SheetSurface, spec: SheetSpec) -> manifold3d.CrossSection:
    import manifold3d

    drawn = surface.opening.offset(spec.margin_mm, circular_segments=96) ^ surface.held
    drawn = drawn.offset(-_ROUND_MM, circular_segments=96).offset(2 * _ROUND_MM, circular_segments=96)
    drawn = drawn.offset(-_ROUND_MM, circular_segments=96)
    largest = max(drawn.to_polygons(), key=lambda each: abs(area_mm2(np.asarray(each))), default=None)
    if largest is None:
        raise MeshError("expected an opening with bone around it, got none on the map: check part and skull")
    return manifold3d.CrossSection([divided(np.asarray(largest), _OUTLINE_MM, even=True)])


def _screws(
    surface: SheetSurface, outline: manifold3d.CrossSection, site: Site, spec: SheetSpec
) -> tuple[tuple[Screw, ...], Floats, tuple[str, ...]]:
    """Return the screws, evenly along a line within the margin, where the bone holds them."""
    size = SIZES[spec.screw_mm]
    inward = size.head_mm / 2 + RIM_MM
    line = max(outline.offset(-inward).to_polygons(), key=lambda each: abs(area_mm2(np.asarray(each))))
    places = divided(np.asarray(line), _TRY_MM, even=True)
    near = np.zeros(len(places), bool)
    for polygon in surface.opening.offset(_FROM_EDGE_MM, circular_segments=96).to_polygons():
        near |= inside(np.asarray(polygon), places)
    count = spec.screws or max(_FEWEST, round(len(places) * _TRY_MM / _SPACING_MM))
    heads = surface.points_mm(np.column_stack([places, np.full(len(places), spec.thickness_mm)]))
    axes = -surface.normals(places)
    kept: dict[int, Screw] = {}
    refused = []
    reach = len(places) // (2 * count)
    for number in range(count):
        wanted = round(number * len(places) / count)
        why = "no bone within the margin"
        for step in sorted(range(-reach + 1, reach), key=abs):
            place = (wanted + step) % len(places)
            if near[place]:
                continue
            screw = bone_screw(
                f"S{len(kept) + 1}",
                "sheet",
                site.bone.distance,  # type: ignore[union-attr]
                *(heads[place], axes[place], spec.screw_mm),
                before_bone_mm=spec.thickness_mm,
            )
            if isinstance(screw, Screw):
                kept[place] = screw
                break
            why = screw
        else:
            refused.append(why)
    return tuple(kept.values()), places[list(kept)].reshape(-1, 2), tuple(refused)


def _holes(
    outline: manifold3d.CrossSection, screws: Floats, spec: SheetSpec
) -> tuple[manifold3d.CrossSection, int]:
    """Return the holes on a hexagonal net and their number; none within the rim or at a screw."""
    import manifold3d

    if spec.holes == "none":
        return manifold3d.CrossSection(), 0
    hole, radius = _hole(spec)
    pitch = spec.hole_mm + spec.strut_mm
    polygon = np.asarray(outline.offset(-(RIM_MM + radius)).to_polygons()[0])
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    middle, row = (low + high) / 2, pitch * np.sqrt(3) / 2
    half = np.ceil((high - low) / 2 / [pitch, row]).astype(int) + 1
    i, j = np.meshgrid(np.arange(-half[0], half[0] + 1), np.arange(-half[1], half[1] + 1), indexing="ij")
    net = middle + np.stack([pitch * (i + 0.5 * (j % 2)), row * j], axis=-1).reshape(-1, 2)
    free = inside(polygon, net)
    keep = SIZES[spec.screw_mm].head_mm / 2 + RIM_MM + radius
    for place in screws:
        free &= np.linalg.norm(net - place, axis=1) > keep
    places = net[free]
    polygons = [hole + place for place in places]
    return manifold3d.CrossSection(polygons, manifold3d.FillRule.NonZero), len(places)


def _hole(spec: SheetSpec) -> tuple[Floats, float]:
    """Return the outline (n, 2) of a hole about its middle, and its largest radius, mm."""
    import manifold3d

    half = spec.hole_mm / 2
    if spec.holes == "round":
        grow = float(np.sqrt(2 * np.pi / _SEGMENTS / np.sin(2 * np.pi / _SEGMENTS)))
        circle = manifold3d.CrossSection.circle(half * grow, _SEGMENTS)
        return np.asarray(circle.to_polygons()[0]), half
    turn = np.radians(30 + 60 * np.arange(6))
    corner = half / np.cos(np.radians(30))
    sharp = manifold3d.CrossSection([corner * np.stack([np.cos(turn), np.sin(turn)], axis=1)])
    hexagon = sharp.offset(-_CORNER_MM, manifold3d.JoinType.Miter).offset(_CORNER_MM, circular_segments=12)
    return np.asarray(hexagon.to_polygons()[0]), corner
