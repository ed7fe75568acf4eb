"""`make_part`: the line from the missing bone to a part, and `check_made`, its check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trimesh

from meshimplant.check.check_part import PartCheck, check_part
from meshimplant.complete.reference_of import reference_of
from meshimplant.design.design import PartSteps
from meshimplant.design.reconstruct import Reconstruction
from meshimplant.design.shape_steps import edit_shape, edited_thickness
from meshimplant.design.step_runner import StepRunner
from meshimplant.design.steps import (
    bevel_part,
    deepen_bodies,
    deepening_mm,
    extract_bodies,
    mark_part,
    perforate_part,
    repair_part,
    set_part_thickness,
    simplify_part,
    smooth_part,
    trim_part,
)
from meshimplant.design.surgery_edits import add_holes, asked_fixation, asked_holes, joined
from meshimplant.edit.clear_way import clear_way
from meshimplant.edit.end_free_border import end_free_border
from meshimplant.edit.round_border import RoundedBorder, round_border
from meshimplant.errors import MeshError
from meshimplant.implant.features import Feature
from meshimplant.implant.place_regions import PlacedRegions
from meshimplant.implant.regional_value import most_of
from meshimplant.implant.site import Site
from meshimplant.implant.wall_thickness import least_wall_mm
from meshimplant.manufacture.mould import Mould, mould
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.report import Finding
from meshimplant.spec.edits import Edit
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.mould_spec import MouldSpec
from meshimplant.strength.materials import material_of
from meshimplant.theatre.fixation import Fixation, fixate
from meshimplant.theatre.lip import OnlayLip, add_lip
from meshimplant.theatre.mark import Marked
from meshimplant.theatre.perforate import Perforated


def make_part(
    shape: Reconstruction,
    spec: ImplantSpec,
    line: StepRunner,
    *,
    regions: PlacedRegions,
    edits: Sequence[Edit] = (),
) -> PartSteps:
    """Mesh the missing bone and make the part of it: all steps from deepen to lip."""
    run, inside_mm = line.run, shape.inside_mm
    depth_mm = deepening_mm(most_of(regions.thickness_mm))
    deepened = run("deepen", deepen_bodies, shape.separation.bodies, depth_mm=depth_mm, inside_mm=inside_mm)
    raw = run("extract", extract_bodies, deepened)
    smoothed = run("smooth", smooth_part, raw, iterations=spec.smooth_iterations)
    site = Site.around(shape.skull, smoothed, inside_mm=inside_mm)
    clear_mm = regions.clearance_mm
    trimmed = run("trim", trim_part, smoothed, site, clearance_mm=clear_mm).mesh
    edited = edit_shape(trimmed, site, edits, line, clearance_mm=clear_mm)
    wall = edited_thickness(edited, site, edits, thickness_mm=regions.thickness_mm)
    thinned = run("thickness", set_part_thickness, edited, site, thickness_mm=wall, clearance_mm=clear_mm)
    ended = run("border", end_free_border, thinned, site, caudal_relief_mm=spec.caudal_relief_mm).mesh
    bevelled = ended
    if most_of(regions.bevel_deg) > 0:
        bevelled = run("bevel", bevel_part, ended, site, bevel_deg=regions.bevel_deg)
    cleared = run("insertion", clear_way, bevelled, site)
    repaired = run("repair", repair_part, cleared.mesh).mesh
    simplified = run("simplify", simplify_part, repaired, max_faces=spec.max_faces)
    rounded = _rounded(simplified, site, spec, line)
    shaped = simplified if rounded is None else rounded.mesh
    fixation = _fixed(shaped, site, spec, line, edits=edits)
    fixed, features = (shaped, ()) if fixation is None else (fixation.mesh, fixation.features)
    marked = _marked(fixed, site, spec, line, features=features)
    if marked is not None:
        fixed, features = marked.mesh, (*features, *marked.features)
    perforated = _perforated(fixed, site, spec, line, features=features, edits=edits)
    finished = fixed if perforated is None else perforated.mesh
    if perforated is not None:
        features = (*features, *perforated.features)
    lip = _lipped(finished, site, spec, line, features=features)
    implant = finished if lip is None else lip.mesh
    meshes = raw, smoothed, trimmed, edited, thinned, ended, bevelled, cleared.mesh, repaired, simplified
    added = rounded, fixation, marked, perforated, lip
    return PartSteps(inside_mm, deepened, *meshes, *added, implant, directions=cleared.directions)


def _rounded(mesh: trimesh.Trimesh, site: Site, spec: ImplantSpec, line: StepRunner) -> RoundedBorder | None:
    """Round the border as prescribed; None without a prescription of it."""
    if spec.border_radius_mm is None:
        return None
    rounded = line.run(
        "round",
        round_border,
        mesh,
        radius_mm=spec.border_radius_mm,
        inside_mm=site.inside_mm,
        max_faces=spec.max_faces,
    )
    line.report.add(rounded.findings)
    return rounded


def _fixed(
    mesh: trimesh.Trimesh, site: Site, spec: ImplantSpec, line: StepRunner, *, edits: Sequence[Edit]
) -> Fixation | None:
    """Fix the part as prescribed, and record where; None without a prescription of it."""
    asked, places = asked_fixation(spec, edits)
    if asked is None:
        return None
    fixation = line.run(
        "fixation",
        fixate,
        mesh,
        site,
        spec=asked,
        least_wall_mm=least_wall_mm(spec),
        max_faces=spec.max_faces,
        **places,
    )
    line.report.fixation = fixation.to_dict()
    line.report.add(fixation.findings)
    return fixation


def _marked(
    mesh: trimesh.Trimesh,
    site: Site,
    spec: ImplantSpec,
    line: StepRunner,
    *,
    features: tuple[Feature, ...],
) -> Marked | None:
    """Write the prescribed text on the part; None without one."""
    if spec.mark is None:
        return None
    return line.run(
        "mark",
        mark_part,
        mesh,
        site,
        spec.mark,
        features=features,
        least_wall_mm=least_wall_mm(spec),
        max_faces=spec.max_faces,
    )


def _perforated(
    mesh: trimesh.Trimesh,
    site: Site,
    spec: ImplantSpec,
    line: StepRunner,
    *,
    features: tuple[Feature, ...],
    edits: Sequence[Edit],
) -> Perforated | None:
    """Make the prescribed holes and those of edits, and record those left out; None without any."""
    drawn, asked = spec.drawn_perforation, asked_holes(edits)
    holes: Perforated | None = None
    limits: dict[str, Any] = {"material": spec.material, "max_faces": spec.max_faces}
    if drawn is not None:
        holes = line.run("perforate", perforate_part, mesh, site, drawn, features=features, **limits)
        mesh, features = holes.mesh, (*features, *holes.features)
    if asked:
        added = line.run("edit_hole", add_holes, mesh, site, holes=asked, features=features, **limits)
        holes = joined(holes, added)
    if holes is not None:
        line.report.add(holes.findings)
    return holes


def _lipped(
    mesh: trimesh.Trimesh,
    site: Site,
    spec: ImplantSpec,
    line: StepRunner,
    *,
    features: tuple[Feature, ...],
) -> OnlayLip | None:
    """Give the part the prescribed lip; None without one."""
    if spec.lip_mm is None:
        return None
    lip = line.run(
        "lip",
        add_lip,
        mesh,
        site,
        lip_mm=spec.lip_mm,
        thickness_mm=spec.lip_thickness_mm,
        features=features,
        max_faces=spec.max_faces,
    )
    line.report.add(lip.findings)
    return lip


def check_made(
    made: PartSteps, shape: Reconstruction, spec: ImplantSpec, line: StepRunner, *, regions: PlacedRegions
) -> PartCheck:
    """Check the part as the verb `check` does, and record what was measured and found."""
    check = line.run(
        "check",
        check_part,
        made.implant,
        spec=spec,
        skull=shape.skull,
        directions=made.directions,
        reference=line.keep("reference", reference_of, shape.skull),
        features=made.features or None,
        regions=regions,
        without_lip=None if made.lip is None else made.lip.plain,
    )
    added = [
        each.measures for each in (made.rounded, made.marked, made.perforated, made.lip) if each is not None
    ]
    mass_g = enclosed_mm3(made.implant) / 1000 * material_of(spec.material).density_g_cm3
    line.report.measures = {
        **check.measures,
        "mass_g": mass_g,
        **{name: value for each in added for name, value in each.items()},
    }
    line.report.criteria = list(check.criteria)
    line.report.add(check.findings)
    return check


def mould_made(
    mesh: trimesh.Trimesh, shape: Reconstruction, spec: MouldSpec, line: StepRunner
) -> Mould | None:
    """Make the prescribed mould of a part without holes; a warning and None where that cannot be done."""
    try:
        made = line.run("mould", mould, mesh, spec, inside_mm=shape.inside_mm)
    except MeshError as error:
        message = f"The mould could not be made; the part itself was written: {error}"
        line.report.add([Finding("mould.missing", "warning", message)])
        return None
    line.report.measures |= made.measures
    line.report.add(made.findings)
    return made
