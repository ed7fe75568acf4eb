"""`sheet`: a plate of perforated titanium over an opening, screwed to the bone around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.errors import MeshError, require_type
from meshimplant.implant.features import Feature, Hold
from meshimplant.implant.site import MARGIN_MM, Site
from meshimplant.manufacture import parting
from meshimplant.manufacture.first_solid import first_solid
from meshimplant.manufacture.sheet_plan import SheetPlan, plan_sheet
from meshimplant.manufacture.sheet_surface import SheetSurface
from meshimplant.manufacture.stamps import Stamps, make_stamps
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.mesh.cut_away import body_count, require_solid
from meshimplant.mesh.topology import handles
from meshimplant.report import Finding, place_of
from meshimplant.spec.sheet_spec import SheetSpec
from meshimplant.strength.materials import material_of
from meshimplant.theatre.screws import SIZES, Screw
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

if TYPE_CHECKING:
    import manifold3d

#: The edges of holes are broken by this, mm; the rim is a half circle. No source: our choice.
_BROKEN_MM = 0.15
#: Levels of the rim's half circle.
_LEVELS = 4
#: The longest edge of the plate, mm: on a radius of 50 mm it leaves the arc by 0.006 mm.
_EDGE_MM = 1.5
#: A countersink leaves this much of the plate's thickness, mm.
_LEFT_MM = 0.15
#: Depth in bone from which the plate counts as reaching into it, mm: the terraces of voxels.
_INTO_BONE_MM = 0.1
#: The rim has bone below it where there is some within this distance, and what lies beyond the box counts as
#: this far away, mm.
_HELD_MM, _FAR_MM = 2.5, 10.0
#: Share of the opening that the plate must cover. No source: our choice.
_COVERED = 0.99
#: Step between part and bone from which a person should look, mm. No source: our choice.
_STEP_MM = 2.5
#: Least strut, mm, after the flat drawing is bent.
_LEAST_STRUT_MM = 1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A plate over an opening.

    Attributes
    ----------
    mesh : Trimesh
        The plate, a solid, LPS mm.
    screws : tuple of Screw
        Its screws.
    stamps : Stamps or None
        Two blocks between which a flat sheet is pressed, if asked for.
    measures : dict
        ``sheet_area_cm2`` (outline), ``sheet_open_fraction``, ``sheet_holes``, ``sheet_mass_g``,
        ``sheet_strut_min_mm`` and ``sheet_stretch`` (least and largest, by which the flat drawing is bent),
        ``sheet_margin_min_mm`` and ``sheet_margin_median_mm`` (over bone), ``sheet_held_fraction`` (share of
        the rim that has bone below it), ``sheet_step_p95_mm`` (between part and bone),
        ``sheet_covered_fraction`` (of the opening), ``sheet_gap_p50_mm`` and ``sheet_gap_p95_mm`` (from the
        rim to the bone below),
        ``sheet_into_bone_mm``, ``sheet_screws``, ``sheet_head_proud_mm``; with stamps their measures.
    findings : tuple of Finding
        ``sheet.open`` (error), ``sheet.step``, ``sheet.screws``, ``sheet.strut``, ``sheet.bone``,
        ``sheet.free``, ``sheet.stamps``.
    """

    mesh: trimesh.Trimesh
    screws: tuple[Screw, ...]
    stamps: Stamps | None
    measures: dict[str, Any]
    findings: tuple[Finding, ...]

    @property
    def features(self) -> tuple[Feature, ...]:
        """The screws as features."""
        return tuple(
            Feature(
                *("screw", each.label, each.point_mm, each.axis, each.diameter_mm, each.length_mm),
                hold=Hold(each.fixation, each.holds, each.held_mm, each.tip_to_inner_mm),
            )
            for each in self.screws
        )


def sheet(
    mesh: trimesh.Trimesh,
    skull: Volume | Site,
    spec: SheetSpec | None = None,
    *,
    stamps: bool = False,
    inside_mm: ArrayLike | None = None,
) -> Sheet:
    """Make a plate of titanium sheet over the outer surface of a part and of the bone around it.

    The plate takes the place of the part. It lies on a smooth surface through the part's outer surface and
    the bone's, `gap_mm` above the highest bone; it reaches `margin_mm` over the bone, and ends with the part
    where there is none. Its holes are drawn on a flat map of that surface that keeps lengths as well as can
    be, and bent with it: each runs along the surface's normal. The rim is round.

    Parameters
    ----------
    mesh : Trimesh
        A closed part without its fixation, LPS mm, whose outer surface is to be restored.
    skull : Volume or Site
        Mask of the defective skull, on any grid, or the site.
    spec : SheetSpec, optional
        Sizes of the plate. None: the defaults.
    stamps : bool
        Also make a male and a female stamp, between which a stock mesh is pressed by hand.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from part and skull.

    Returns
    -------
    Sheet

    Raises
    ------
    MeshError
        The mesh is no solid of one body, there is no bone around it, or the plate would be no solid.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    require_type(skull, (Volume, Site), "the skull")
    spec = SheetSpec() if spec is None else spec
    require_solid(mesh)
    if body_count(mesh) != 1:
        raise MeshError(
            f"expected a part of one body, got {body_count(mesh)}: make the plate of each opening by itself"
        )
    site = Site.around(skull, mesh, inside_mm=inside_mm, margin_mm=MARGIN_MM)
    surface = SheetSurface.of(mesh, site, margin_mm=spec.margin_mm, gap_mm=spec.gap_mm)
    plan = plan_sheet(surface, site, spec)
    plate = _plate(surface, plan, spec)
    measures, findings = _measured(plate, surface, plan, site, spec)
    made = None
    if stamps:
        made = make_stamps(plate, surface, plan.outline, spec)
        measures |= made.measures
        findings += made.findings
    return Sheet(plate, plan.screws, made, measures, tuple(findings))


def _plate(surface: SheetSurface, plan: SheetPlan, spec: SheetSpec) -> trimesh.Trimesh:
    """Return the plate: the flat drawing as a body with a round rim, bent onto the surface."""
    import manifold3d

    asked = plan.hole_count + len(plan.screws)
    flat = _with_edges(plan.outline - plan.holes, spec.thickness_mm)
    tools = [_countersink(place, spec) for place in plan.screw_places]
    flat = manifold3d.Manifold.batch_boolean([flat, *tools], manifold3d.OpType.Subtract)
    bent = flat.refine_to_length(_EDGE_MM).warp_batch(surface.points_mm)
    plate = first_solid(bent)
    if plate is None or handles(plate) != asked:
        raise MeshError(
            f"expected a solid with {asked} holes, got flaws: choose wider struts, or smaller holes"
        )
    return plate


def _with_edges(drawn: manifold3d.CrossSection, thick_mm: float) -> manifold3d.Manifold:
    """Return a drawing as a body of the plate's thickness with a round rim and broken edges of its holes."""
    import manifold3d

    contours = [np.asarray(each) for each in drawn.to_polygons()]
    outer = np.concatenate([np.full(len(each), parting.area_mm2(each) > 0) for each in contours])
    radius = np.where(outer, thick_mm / 2, _BROKEN_MM)
    inward = np.concatenate([parting.inward(each) for each in contours])
    corners = np.concatenate(contours) + radius[:, None] * inward
    ends = np.cumsum([len(each) for each in contours])[:-1]
    face = manifold3d.CrossSection(np.split(corners, ends), manifold3d.FillRule.NonZero)
    tree = cKDTree(corners)

    def widened(points: Floats) -> Floats:
        nearest = tree.query(points[:, :2])[1]
        round_mm = radius[nearest]
        over = np.maximum(np.abs(points[:, 2] - thick_mm / 2) - (thick_mm / 2 - round_mm), 0)
        outward_mm = np.sqrt(np.maximum(round_mm**2 - over**2, 0))
        return np.column_stack([points[:, :2] - outward_mm[:, None] * inward[nearest], points[:, 2]])

    # the faces are triangulated as they are; what lies between them is widened
    return manifold3d.Manifold.extrude(face, thick_mm, n_divisions=_LEVELS - 1).warp_batch(widened)


def _countersink(place: Floats, spec: SheetSpec) -> manifold3d.Manifold:
    """Return the hole of a screw with a countersunk head, as flush with the plate as its thickness allows."""
    import manifold3d

    hole, wide = SIZES[spec.screw_mm].hole_mm / 2, _sunk_mm(spec)
    corners = [
        (0.0, -1.0),
        (hole, -1.0),
        (hole, spec.thickness_mm - wide),
        (hole + wide + 1.0, spec.thickness_mm + 1.0),
        (0.0, spec.thickness_mm + 1.0),
    ]
    body = manifold3d.Manifold.revolve(manifold3d.CrossSection([corners]), 48)
    return body.translate((float(place[0]), float(place[1]), 0.0))


def _sunk_mm(spec: SheetSpec) -> float:
    """Return the depth of the cone of 90 degrees for a screw's head, mm."""
    size = SIZES[spec.screw_mm]
    return min((size.head_mm - size.hole_mm) / 2, spec.thickness_mm - _LEFT_MM)


def _measured(
    plate: trimesh.Trimesh, surface: SheetSurface, plan: SheetPlan, site: Site, spec: SheetSpec
) -> tuple[dict[str, Any], list[Finding]]:
    rim = np.asarray(plan.outline.to_polygons()[0])
    edge = np.concatenate([np.asarray(each) for each in surface.opening.to_polygons()])
    below = surface.points_mm(np.column_stack([rim, np.zeros(len(rim))]))
    assert site.bone is not None
    gap_mm = -sample(site.bone.distance, below, fill=-_FAR_MM)
    held = gap_mm < _HELD_MM
    margin = cKDTree(edge).query(rim)[0]
    depth = sample(site.bone.distance, np.asarray(plate.vertices), fill=-_FAR_MM)
    stretch = surface.stretch[parting.inside(rim, surface.flat_mm[surface.mesh.faces].mean(axis=1))]
    strut_mm = None if plan.hole_count == 0 else spec.strut_mm * float(stretch[:, 0].min())
    volume, size = enclosed_mm3(plate), SIZES[spec.screw_mm]
    measures = {
        "sheet_area_cm2": plan.outline.area() / 100,
        "sheet_holes": plan.hole_count,
        "sheet_open_fraction": plan.holes.area() / plan.outline.area(),
        "sheet_mass_g": volume / 1000 * material_of("titanium").density_g_cm3,
        "sheet_strut_min_mm": strut_mm,
        "sheet_stretch": [float(stretch[:, 0].min()), float(stretch[:, 1].max())],
        "sheet_covered_fraction": (plan.outline ^ surface.opening).area() / surface.opening.area(),
        "sheet_margin_min_mm": float(margin[held].min()) if held.any() else 0.0,
        "sheet_margin_median_mm": float(np.median(margin[held])) if held.any() else 0.0,
        "sheet_held_fraction": float(held.mean()),
        "sheet_step_p95_mm": surface.step_mm,
        "sheet_gap_p50_mm": float(np.median(gap_mm[held])) if held.any() else None,
        "sheet_gap_p95_mm": float(np.percentile(gap_mm[held], 95)) if held.any() else None,
        "sheet_into_bone_mm": max(0.0, float(depth.max())),
        "sheet_screws": len(plan.screws),
        "sheet_head_proud_mm": round((size.head_mm - size.hole_mm) / 2 - _sunk_mm(spec), 6),
    }
    return measures, _findings(measures, plate, depth, plan, surface)


def _findings(
    measures: dict[str, Any],
    plate: trimesh.Trimesh,
    depth: Floats,
    plan: SheetPlan,
    surface: SheetSurface,
) -> list[Finding]:
    found = []
    covered = measures["sheet_covered_fraction"]
    if covered < _COVERED:
        message = (
            f"The plate leaves {100 * (1 - covered):.1f} % of the opening open: smooth the part's outline"
        )
        found.append(Finding("sheet.open", "error", message, covered, _COVERED))
    if surface.step_mm > _STEP_MM:
        message = (
            f"The part's outer surface and the bone beside it are {surface.step_mm:.1f} mm apart in height: "
            "the plate is bent over the step: check that the part belongs to this skull"
        )
        place = place_of(surface.step_at_mm)
        found.append(Finding("sheet.step", "warning", message, surface.step_mm, _STEP_MM, "mm", place))
    if plan.refused:
        message = (
            f"{len(plan.refused)} of {len(plan.refused) + len(plan.screws)} screws were left out: "
            f"{plan.refused[0]}"
        )
        found.append(Finding("sheet.screws", "warning", message, len(plan.refused), 0))
    strut = measures["sheet_strut_min_mm"]
    if strut is not None and strut < _LEAST_STRUT_MM:
        message = (
            f"The struts are {strut:.2f} mm wide where the plate curves most, less than {_LEAST_STRUT_MM:g}: "
            "draw them wider"
        )
        found.append(Finding("sheet.strut", "warning", message, strut, _LEAST_STRUT_MM, "mm"))
    into = measures["sheet_into_bone_mm"]
    if into > _INTO_BONE_MM:
        message = f"The plate reaches {into:.2f} mm into the bone: raise it by a larger gap"
        place = place_of(plate.vertices[int(np.argmax(depth))])
        found.append(Finding("sheet.bone", "error", message, into, _INTO_BONE_MM, "mm", place))
    free = 1 - measures["sheet_held_fraction"]
    if free > 0.02:
        message = f"{100 * free:.0f} % of the rim has no bone below it: the plate ends with the part there"
        found.append(Finding("sheet.free", "info", message, free, 0.0))
    return found
