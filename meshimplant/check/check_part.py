"""`check_part`: is a mesh a printable implant of the prescribed thickness that fits and can be inserted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.check.asked_holes import THROUGH, measure_holes
from meshimplant.check.asked_marks import measure_marks, through_wall
from meshimplant.check.check_fit import NEAR_MM, check_fit
from meshimplant.check.check_hold import measure_hold
from meshimplant.check.check_insertion import measure_insertion
from meshimplant.check.check_regions import measure_regions
from meshimplant.check.check_solid import check_solid
from meshimplant.check.completeness import measure_completeness
from meshimplant.check.criteria import rate
from meshimplant.check.lip_over_bone import measure_lip_over_bone
from meshimplant.check.local_gap import measure_local_gap
from meshimplant.check.process_limits import process_findings
from meshimplant.check.reference import Reference
from meshimplant.check.shape import measure_shape
from meshimplant.check.tabs_of_part import at_vertices, features_elsewhere, measure_tabs
from meshimplant.check.thin_border import measure_thin_border
from meshimplant.errors import MeshError, require_type
from meshimplant.implant.close_holes import close_holes
from meshimplant.implant.features import Feature, near_features
from meshimplant.implant.place_regions import PlacedRegions, place_regions
from meshimplant.implant.regional_value import Regional, RegionalValue
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import OUTER
from meshimplant.implant.wall_thickness import (
    THICKNESS_MEDIAN_TOLERANCE_MM,
    ThicknessMap,
    find_violations,
    least_wall_mm,
    measure_thickness,
)
from meshimplant.implant.without_tabs import without_tabs
from meshimplant.mesh.areas import vertex_areas, weighted_percentiles
from meshimplant.report import Criterion, Finding, Place, Verdict, place_of, verdict_of
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume


@dataclass(frozen=True, eq=False)
class PartCheck:
    """The measures and findings of `check_part`.

    Attributes
    ----------
    measures : dict
        Values for the report, with the unit in each name.
    findings : tuple of Finding
        Problems, with value, limit, unit and place.
    gap_mm : (n,) array
        Distance of the border wall's vertices to bone; nan elsewhere, and everywhere without a skull.
    thickness_mm : (n,) array
        Wall thickness; nan on the border wall.
    criteria : tuple of Criterion
        Estimated scores on the experts' scale, see `meshimplant.check.criteria`; empty without a skull.
    """

    measures: dict[str, Any]
    findings: tuple[Finding, ...]
    gap_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]
    criteria: tuple[Criterion, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict that follows from the findings."""
        return verdict_of(self.findings)

    @property
    def passed(self) -> bool:
        """True when no finding is an error."""
        return self.verdict != "failed"


def check_part(
    mesh: trimesh.Trimesh,
    *,
    spec: ImplantSpec | None = None,
    skull: Volume | Site | None = None,
    defect_mask: Volume | None = None,
    inside_mm: ArrayLike | None = None,
    directions: Iterable[ArrayLike] = (),
    reference: Reference | None = None,
    features: Sequence[Feature] | None = None,
    regions: PlacedRegions | None = None,
    without_lip: trimesh.Trimesh | None = None,
) -> PartCheck:
    """Check that a mesh is a solid of the prescribed thickness that fits its skull and can be inserted.

    Codes beside those of `check_solid` and `check_fit`: ``thickness.too_thin`` (error below the material's or
    the prescription's minimum, whichever is larger; near the border also where the wall is thinner than
    beside it), ``thickness.too_thick`` (warning), ``thickness.median`` (warning), ``thickness.border``
    (warning: a border of less than 1 mm), ``thickness.unknown`` (error: the mesh has no outer and inner
    surface), ``fit.gap_local`` (warning: a wide gap at one place), ``shape.proud``, ``shape.sunken``
    (warnings) and ``shape.inward`` (error), see `measure_shape`, ``completeness.opening``,
    ``completeness.mirrored`` and ``completeness.population`` (warnings, errors up to 75 %), see
    `measure_completeness`, ``shape.no_reference`` (info), ``insertion.blocked`` (warning: a body has no
    straight path into its defect; surgeons may also rotate it in), ``fit.seat`` (warning: hardly any of the
    border rests on bone) and ``placement.inward`` (warning: the part would reach far into the head if it were
    placed a little off); the last two for a part of one body. With `features`: ``fit.tab_proud`` (warning: a
    tab stands higher above bone than asked for) ``features.elsewhere`` (error: not of this part),
    ``holes.missing`` and ``holes.unasked`` (errors: a hole fewer or more than asked for). With regions in the
    prescription thickness and gap are compared with what is asked for at each place; codes of
    `measure_regions` say what deviates in one of them. A lip has those of `measure_lip_over_bone`.

    Parameters
    ----------
    mesh : Trimesh
        Any triangle mesh, LPS mm. A mesh that is not a closed solid is reported and not measured further.
    spec : ImplantSpec, optional
        The prescription. None: the defaults.
    skull : Volume or Site, optional
        Mask of the defective skull, or the site, for `check_fit`.
    defect_mask : Volume, optional
        The reconstruction, for `check_fit`.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part and the skull.
    directions : iterable of (3,)
        Known directions out of the head; if one of them is free, no other is searched.
    reference : Reference, optional
        The skull as it should be, from `reference_of`. None: the part's surfaces are compared with no
        expected ones, which a finding says.
    features : sequence of Feature, optional
        Holes, recesses, pockets, tabs and marks that were asked for. Holes are counted, and the part is then
        measured as if they were closed. Near recesses and pockets neither wall nor gap nor border is
        measured, and a tab may lie over bone; that it does not reach into bone, and that the part goes in
        with it, is checked. Under a text the wall is measured by itself. None: nothing is known of any.
    regions : PlacedRegions, optional
        The regions of the prescription on this head. None: placed by the pose of `reference`, or without
        named regions by the point inside the head.
    without_lip : Trimesh, optional
        The same part without its onlay lip, see `add_lip`: all but the way in is measured of it, and the lip
        by `measure_lip_over_bone`. None: it has none.

    Returns
    -------
    PartCheck
        Measures, findings, and thickness and gap at each vertex.

    Notes
    -----
    What the check cannot see: a part that is wrong together with the head it is compared with (both sides
    operated on, a growth on the other side); faults of the shape below 2.5 to 3.5 mm, a limit that grows with
    `shape_deviation_mm`, the uncertainty of the reference; the shape below the vault, where no surface is
    expected; bone that is thinner than the skull's voxels, and overlap of less than half a voxel.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    if skull is not None:
        require_type(skull, (Volume, Site), "the skull")
    spec = ImplantSpec() if spec is None else spec
    if spec.regions and regions is None:
        pose = None if reference is None else reference.pose
        point = skull.inside_mm if isinstance(skull, Site) else inside_mm
        regions = place_regions(spec, point if pose is None else pose)
    placed = place_regions(spec) if regions is None else regions
    solid = check_solid(mesh, bodies=spec.part_count)
    measures, findings = dict(solid.measures), [*solid.findings, *process_findings(mesh, spec)]
    nothing = np.full(len(mesh.vertices), np.nan)
    gap, thickness = nothing, nothing
    if measures.get("watertight") and solid.measures["volume_mm3"] > 0:
        try:
            asked = () if features is None else tuple(features)
            if features is not None:
                more_measures, more_findings = measure_holes(mesh, asked)
                measures |= more_measures
                findings += more_findings
            plain = mesh if without_lip is None else without_lip
            body, asked = _without_asked(plain, asked)
            marks = [through_wall(each) for each in features or () if each.kind == "mark"]
            near = near_features(body.vertices, [*asked, *marks], margin_mm=NEAR_MM)
            site = None if skull is None else Site.around(skull, body, inside_mm=inside_mm)
            point = inside_mm if site is None else site.inside_mm
            wall = measure_thickness(body, inside_mm=point, left_out=near)
        except MeshError as error:
            findings.append(Finding("thickness.unknown", "error", str(error), location_mm=_middle(mesh)))
        else:
            thickness = wall.thickness_mm
            measures |= _thickness_measures(wall)
            findings += [*_thickness_findings(body, wall, spec, placed)]
            findings += features_elsewhere(mesh, features or ())
            centre, bevel = wall.surfaces.centre_mm, placed.bevel_deg
            more = [measure_thin_border(body, wall, centre, spec, features=asked, bevel_deg=bevel)]
            more += [measure_marks(body, wall.surfaces, features or (), spec)]
            if site is not None:
                fit = check_fit(
                    body,
                    site,
                    spec=spec,
                    defect_mask=defect_mask,
                    wall=wall,
                    features=asked,
                    regions=placed,
                )
                measures |= fit.measures
                findings += fit.findings
                gap, thickness = fit.gap_mm, fit.thickness_mm
                more += [measure_local_gap(body, gap, spec, regions=placed)]
                more += [measure_shape(body, wall.surfaces, reference)]
                more += [measure_completeness(body, reference, spec, clearance_mm=placed.clearance_mm)]
                if body is not plain and site.bone is not None:
                    more += [measure_tabs(mesh, features or (), site.bone)]
                if site.bone is not None:
                    more += [measure_lip_over_bone(mesh, without_lip, site.bone, spec)]
                if not fit.measures["detached"] and measures["bodies"] == spec.part_count:
                    path, blocked = measure_insertion(mesh, site, directions=directions)
                    measures |= path
                    findings += blocked
                    # Bodies that touch in a vertex count as one, and each has its own direction.
                    one_way = np.ndim(path["insertion_direction"]) == 1
                    if fit.rim is not None and spec.part_count == 1 and one_way:
                        hold, loose = measure_hold(body, fit.rim, left_out=near)
                        measures |= hold
                        findings += loose
            more += [measure_regions(body, wall, gap, placed)]
            for more_measures, more_findings in more:
                measures |= more_measures
                known = {finding.code for finding in findings}
                findings += [each for each in more_findings if each.code not in known & {"fit.penetration"}]
            gap, thickness = (at_vertices(mesh, body, values) for values in (gap, thickness))
    criteria = () if skull is None else rate(measures, findings, spec)
    return PartCheck(measures, tuple(findings), gap, thickness, criteria)


def _without_asked(
    mesh: trimesh.Trimesh, features: tuple[Feature, ...]
) -> tuple[trimesh.Trimesh, tuple[Feature, ...]]:
    """Return a part without its tabs and with its holes closed, and the features near which nothing counts.

    The wall under a text is measured by itself. Holes of screws stay, because those at the border are no
    straight tubes.
    """
    if not features:
        return mesh, ()
    straight = [each for each in features if each.kind in THROUGH]
    holes = close_holes(without_tabs(mesh, features), straight)
    done = {each.label for each in holes.closed}
    return holes.mesh, tuple(each for each in features if each.kind != "mark" and each.label not in done)


def _thickness_measures(wall: ThicknessMap) -> dict[str, Any]:
    return {
        "thickness_median_mm": wall.median_mm,
        "thickness_p5_mm": wall.p5_mm,
        "thickness_p95_mm": wall.p95_mm,
        "thickness_min_mm": wall.min_mm,
        "thickness_min_location_mm": wall.min_location_mm,
        "thickness_margin_mm": wall.margin_mm,
    }


def _thickness_findings(
    mesh: trimesh.Trimesh, wall: ThicknessMap, spec: ImplantSpec, placed: PlacedRegions
) -> list[Finding]:
    """Compare a thickness map, without its border zone, with the prescription; report the worst regions."""
    findings = [
        *find_violations(mesh, wall, least_mm=least_wall_mm(spec))[:1],
        *find_violations(mesh, wall, most_mm=spec.thickness_max_mm)[:1],
    ]
    thickness, median = _evened(mesh, wall, placed.thickness_mm)
    if abs(median - spec.thickness_mm) > THICKNESS_MEDIAN_TOLERANCE_MM:
        what = (
            "median thickness" if thickness is wall.thickness_mm else "median thickness outside the regions"
        )
        message = (
            f"expected a {what} of {spec.thickness_mm:g} mm, got {median:.2f} mm: "
            "set the thickness, or prescribe this one"
        )
        off = np.where(wall.counted, np.abs(thickness - median), np.inf)
        place = place_of(mesh.vertices[int(np.argmin(off))])
        findings.append(
            Finding("thickness.median", "warning", message, median, spec.thickness_mm, "mm", place)
        )
    return findings


def _evened(
    mesh: trimesh.Trimesh, wall: ThicknessMap, thickness_mm: Regional
) -> tuple[NDArray[np.float64], float]:
    """Return the thickness (n,) less what regions add to it, and its median."""
    if not isinstance(thickness_mm, RegionalValue):
        return wall.thickness_mm, wall.median_mm
    evened = wall.thickness_mm - (thickness_mm.at(mesh.vertices) - thickness_mm.base)
    areas = vertex_areas(mesh, faces=wall.surfaces.face_labels == OUTER)[wall.counted]
    return evened, float(weighted_percentiles(evened[wall.counted], areas, (50,))[0])


def _middle(mesh: trimesh.Trimesh) -> Place:
    return place_of(np.asarray(mesh.bounds, float).mean(axis=0))
