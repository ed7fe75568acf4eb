"""`check_fit`: how a part sits in the defect of a skull."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.check.coverage import measure_coverage
from meshimplant.check.fit_map import MARGIN_MM, FitMap
from meshimplant.check.flushness import measure_inner_border, measure_outer_border
from meshimplant.check.free_border import measure_free_border
from meshimplant.check.gap import BEYOND_MM, DETACHED_MM, measure_gap, measure_penetration
from meshimplant.check.relief import Relief, measure_relief
from meshimplant.errors import require_type
from meshimplant.head.direction_map import DirectionMap
from meshimplant.implant.features import Feature, near_features
from meshimplant.implant.find_free_border import FreeBorder, find_free_border
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.implant.place_regions import PlacedRegions
from meshimplant.implant.regional_value import Regional
from meshimplant.implant.site import Site, bone_around
from meshimplant.implant.surfaces import WALL, Surfaces
from meshimplant.implant.wall_thickness import ThicknessMap, measure_thickness
from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.deviation import distances_mm
from meshimplant.report import Finding, place_of, verdict_of
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

#: What is measured leaves out features and this much around them, mm: the scatter of rays at their edges.
NEAR_MM = 1.0
#: A rounding belongs to the border wall from 35 degrees on: so many radii, measured straight.
_ROUNDED_RADII = 0.9


@dataclass(frozen=True, eq=False)
class FitCheck:
    """How a part fits its skull.

    Attributes
    ----------
    measures : dict
        Values for the report, with the unit in each name; None where nothing could be measured.
    findings : tuple of Finding
        Problems, with value, limit, unit and place.
    gap_mm : (n,) array
        Distance of each vertex of the border wall to bone, negative inside bone; nan elsewhere, and where no
        bone lies opposite.
    thickness_mm : (n,) array
        Wall thickness, nan on the border wall.
    rim : FitMap or None
        The part and the bone around it on a map of directions; None where there is no bone.
    """

    measures: dict[str, Any]
    findings: tuple[Finding, ...]
    gap_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]
    rim: FitMap | None = None

    @property
    def passed(self) -> bool:
        """True when no finding is an error."""
        return verdict_of(self.findings) != "failed"


def check_fit(
    mesh: trimesh.Trimesh,
    skull: Volume | Site,
    *,
    spec: ImplantSpec | None = None,
    defect_mask: Volume | None = None,
    inside_mm: ArrayLike | None = None,
    wall: ThicknessMap | None = None,
    features: Sequence[Feature] = (),
    regions: PlacedRegions | None = None,
) -> FitCheck:
    """Measure gap, penetration, coverage, overlap with intact bone and flushness of a part in its skull.

    Errors: ``fit.detached``, ``fit.penetration``, ``fit.coverage``, ``fit.protrusion`` (inward), and beyond
    3 mm at the 95th percentile ``fit.gap_p95``, beyond 1 mm in the median ``fit.step``. Warnings: these two
    below that, ``fit.gap_median``, ``fit.gap_min``, ``fit.outside`` (over or under intact bone) and
    ``fit.kink`` (the outer surface meets the skull's at an angle; a step is where it lies off it).

    Where no bone lies opposite the border (``border.free``, info, with its share and places), neither gap nor
    steps and angles are measured; ``border.tongue``, ``border.slit``, ``border.radius``, ``border.thin`` and
    ``border.curl`` (warnings) say how it ends there, see `measure_free_border`. The same holds where the
    prescription keeps the part back at the temple (``border.relief``, info). Of a border that is prescribed
    to be rounded the gap is measured between the two roundings.

    The gap is the skull's smoothed signed distance at every vertex of the rest of the border wall.
    Penetration is the volume of the skull's voxels whose centre lies inside the part, and the depth of the
    part's surface in bone. Coverage, overlap, steps and angles are measured on a map of directions from
    inside the head.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm.
    skull : Volume or Site
        Mask of the defective skull on any grid, or the site.
    spec : ImplantSpec, optional
        The prescription, for the clearance. None: the defaults.
    defect_mask : Volume, optional
        The reconstruction (mask, or field positive inside): coverage is the fraction of *its* projection.
        None: the opening is every direction near the part that meets no bone, which overstates a defect
        beside a natural opening.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part and the skull.
    wall : ThicknessMap, optional
        The thickness of this mesh, measured from the same point, if already known.
    features : sequence of Feature
        Holes, recesses and pockets that were asked for: near them neither gap nor steps are measured. A tab
        does not belong to this mesh, see `without_tabs`.
    regions : PlacedRegions, optional
        What is asked for by place: the gap is compared with that. None: the same everywhere.

    Returns
    -------
    FitCheck
        Measures, findings and the gap at each vertex.

    Notes
    -----
    Measured on 300 k faces in 512 x 512 x 240 voxels: 4 s on one core.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    require_type(skull, (Volume, Site), "the skull")
    spec = ImplantSpec() if spec is None else spec
    site = Site.around(skull, mesh, inside_mm=inside_mm, margin_mm=MARGIN_MM + 2)
    thickness = measure_thickness(mesh, inside_mm=site.inside_mm) if wall is None else wall
    labels = thickness.surfaces.vertex_labels
    if site.bone is None:
        gap = np.full(len(labels), np.nan)
        return FitCheck({"detached": True}, (_detached(mesh, None),), gap, thickness.thickness_mm)
    bone = site.bone.distance
    distance = -sample(bone, mesh.vertices, fill=-BEYOND_MM)
    outline = OutlineMap.of(mesh, site, surfaces=thickness.surfaces)
    border = find_free_border(mesh, site, surfaces=thickness.surfaces, outline=outline)
    relief = Relief.of(mesh, thickness.surfaces, outline, spec.caudal_relief_mm)
    left_out = border.vertices | relief.vertices
    left_out |= _rounded(mesh, thickness.surfaces, spec.border_radius_mm)
    left_out |= near_features(mesh.vertices, features, margin_mm=NEAR_MM)
    facing = (labels == WALL) & (distance < BEYOND_MM) & ~left_out
    gap = np.where(facing, distance, np.nan)
    facing_faces = (thickness.surfaces.face_labels == WALL) & ~left_out[mesh.faces].all(axis=1)
    voxel_mm = float(bone.spacing_mm.max())
    clearance: Regional = spec.clearance_mm if regions is None else regions.clearance_mm
    measures, findings = measure_gap(mesh, distance, facing_faces, spec, voxel_mm=voxel_mm, regions=regions)
    more = [measure_free_border(border, outline), measure_relief(relief, spec.caudal_relief_mm)]
    more += [measure_penetration(mesh, site.bone.mask, bone, distance)]
    if defect_mask is not None:
        defect_mask = bone_around(defect_mask.with_array(defect_mask.array > 0), mesh, 40.0)
        if defect_mask is not None and not (defect_mask.array > 0).any():
            defect_mask = None
    view = _view_of(mesh, defect_mask, site.inside_mm)
    rim = FitMap(
        mesh,
        thickness.surfaces,
        bone,
        view,
        np.concatenate([border.points_mm[border.free], relief.points_mm, _at_border(features, border)]),
    )
    more += [
        measure_coverage(rim, clearance, defect_mask),
        measure_outer_border(rim),
        measure_inner_border(rim),
    ]
    for extra_measures, extra_findings in more:
        measures.update(extra_measures)
        findings += extra_findings
    if relief.vertices.any():
        measures["gap_excludes"] = [*measures["gap_excludes"], "border.relief"]
    if measures["nearest_bone_mm"] > DETACHED_MM:
        findings.insert(0, _detached(mesh, measures["nearest_bone_mm"]))
    measures["detached"] = measures["nearest_bone_mm"] > DETACHED_MM
    return FitCheck(measures, tuple(findings), gap, thickness.thickness_mm, rim)


def _rounded(mesh: trimesh.Trimesh, surfaces: Surfaces, radius_mm: float | None) -> NDArray[np.bool_]:
    """Select the vertices (n,) of the border's prescribed rounding; none where nothing else is left."""
    vertices, wall = np.asarray(mesh.vertices), surfaces.vertex_labels == WALL
    rounded = np.zeros(len(vertices), bool)
    if radius_mm is not None and wall.any():
        sheets = new_mesh(vertices, np.asarray(mesh.faces)[surfaces.face_labels != WALL])
        rounded[wall] = distances_mm(vertices[wall], sheets) < _ROUNDED_RADII * radius_mm
    return rounded & ~rounded[wall].all() if wall.any() else rounded


def _at_border(features: Sequence[Feature], border: FreeBorder) -> NDArray[np.float64]:
    """Return the places (n, 3) of the border at features, where it has been changed."""
    near = near_features(border.points_mm, features, margin_mm=NEAR_MM)
    return np.asarray(border.points_mm[near])


def _detached(mesh: trimesh.Trimesh, nearest_mm: float | None) -> Finding:
    """Return the finding for a part that does not sit in this skull."""
    reason = (
        "there is no bone around it"
        if nearest_mm is None
        else f"the nearest bone is {nearest_mm:.1f} mm away"
    )
    message = (
        f"the part does not sit in this skull: {reason}: check that both are in one frame (LPS, not RAS) "
        "and in millimetres"
    )
    place = place_of(np.asarray(mesh.bounds).mean(axis=0))
    return Finding("fit.detached", "error", message, nearest_mm, DETACHED_MM, "mm", place)


def _view_of(mesh: trimesh.Trimesh, defect: Volume | None, centre: NDArray[np.float64]) -> DirectionMap:
    """Return a map that covers the part and its defect, of which a sample of voxels is used."""
    points = np.asarray(mesh.vertices)
    if defect is not None:
        index = np.argwhere(defect.array > 0)
        points = np.concatenate([points, defect.to_mm(index[:: max(1, len(index) // 20_000)])])
    return DirectionMap.around_points(points, centre, margin_mm=MARGIN_MM)
