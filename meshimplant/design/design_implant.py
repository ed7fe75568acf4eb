"""`design_implant`: the line from a defective skull to a checked part."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import trimesh

from meshimplant.check.check_part import PartCheck, check_part
from meshimplant.complete.network_model import HeadNetwork
from meshimplant.complete.reference_of import reference_of
from meshimplant.design.design import Design, PartSteps
from meshimplant.design.inputs import DesignInputs, PredictionSource, SkullSource, read_inputs
from meshimplant.design.reconstruct import Reconstruction, reconstruct
from meshimplant.design.screened import screened
from meshimplant.design.step_runner import Progress, StepRunner
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
from meshimplant.edit.clear_way import clear_way
from meshimplant.edit.end_free_border import end_free_border
from meshimplant.edit.round_border import RoundedBorder, round_border
from meshimplant.errors import MeshError
from meshimplant.head.mean_vault import Model
from meshimplant.implant.features import Feature
from meshimplant.implant.site import Site
from meshimplant.implant.wall_thickness import least_wall_mm
from meshimplant.manufacture.mould import Mould, mould
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.report import Finding, Report, Step
from meshimplant.runtime.memory import process_peak_mb
from meshimplant.runtime.threads import one_blas_thread
from meshimplant.runtime.versions import installed_versions
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.mould_spec import MouldSpec
from meshimplant.strength.materials import material_of
from meshimplant.theatre.fixation import Fixation, fixate
from meshimplant.theatre.mark import Marked
from meshimplant.theatre.perforate import Perforated


@one_blas_thread()
def design_implant(
    defective: SkullSource,
    *,
    spec: ImplantSpec | None = None,
    method: str = "auto",
    template: Model | None = None,
    network: HeadNetwork | None = None,
    complete: PredictionSource | None = None,
    implant: PredictionSource | None = None,
    level: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Design:
    """Turn a defective skull into a checked, printable implant.

    complete -> subtract -> separate -> deepen -> extract -> smooth -> trim -> thickness -> border ->
    (bevel) -> insertion -> repair -> simplify -> (round) -> (fixation) -> (mark) ->
    (perforate) -> check -> (strength) -> (mould). Each step is a public function of its
    own; a `Design` keeps what each returned.

    Parameters
    ----------
    defective : Volume, SkullInput, str or Path
        Mask of the skull with the hole (non-zero is bone); what `read_skull` returned, whose findings and
        notes then reach the report; or a file, which `read_skull` reads.
    spec : ImplantSpec, optional
        The prescription; None: the defaults.
    method : str
        How to complete the skull, see `complete_skull`. Unused, like the next two, if `complete` or `implant`
        is given.
    template : VaultMean, ShapeModel or ImageModel, optional
        Population model to use, see `complete_skull`.
    network : HeadNetwork, optional
        Network to use, see `complete_skull`.
    complete, implant : Volume, Prediction, str or Path, optional
        A completed skull, or the missing bone alone, from elsewhere: mask, probability or signed distance on
        any grid; what `read_prediction` returned; or a file, which `read_prediction` reads.
    level : float, optional
        Value at the surface of `complete` or `implant`; None: 0.5 for masks and probabilities, 0 for
        distances. A `Prediction` carries its own.
    seed : int
        Kept in the report. No step of this line is random.
    progress : callable, optional
        Called with each step's name before it starts.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        The input cannot be used; `NoDefectError` when there is nothing to fill.
    DesignRefused
        A step has no valid result; `.findings` name it.
    """
    spec = ImplantSpec() if spec is None else spec
    line = StepRunner(Report(spec=spec.to_dict(), seed=seed, versions=installed_versions()), progress)
    inputs = _read(line, defective, complete=complete, implant=implant, level=level)
    shape = reconstruct(
        inputs.defective,
        method=method,
        template=template,
        network=network,
        complete=inputs.complete,
        implant=inputs.implant,
        level=inputs.level,
        bodies=spec.bodies,
        step=line.step,
    )
    elsewhere = {"name": "given", "asked": "complete" if inputs.complete else "implant"}
    line.report.method = shape.completion.method if shape.completion else elsewhere
    line.report.add([*shape.findings, *(shape.completion.findings if shape.completion else ())])
    made = _make_part(shape, spec, line)
    check = _check(made, shape, spec, line)
    made_of = None if spec.mould is None else _moulded(made.simplified, shape, spec.mould, line)
    return Design(
        **vars(made),
        defective=inputs.defective,
        spec=spec,
        skull=shape.skull,
        completion=shape.completion,
        missing=shape.missing,
        separation=shape.separation,
        reconstruction=shape.mask,
        check=check,
        report=line.report,
        scan=inputs.scan,
        screening=screened(made, spec, line, inside_mm=shape.inside_mm),
        mould=made_of,
    )


def _read(
    line: StepRunner,
    defective: SkullSource,
    *,
    complete: PredictionSource | None,
    implant: PredictionSource | None,
    level: float | None,
) -> DesignInputs:
    """Read the inputs, and record how as the step `read`; plain masks need none."""
    if any(isinstance(source, str | Path) for source in (defective, complete, implant)):
        line.progress("read")
    start = time.perf_counter()
    inputs = read_inputs(defective, complete=complete, implant=implant, level=level)
    if inputs.kind is not None or inputs.notes:
        seconds = round(time.perf_counter() - start, 3)
        parameters: dict[str, Any] = {} if inputs.kind is None else {"kind": inputs.kind}
        if inputs.tissues is not None:
            parameters |= inputs.tissues.to_dict()
        step = Step("read", parameters, seconds, notes=inputs.notes, process_peak_mb=process_peak_mb())
        line.report.steps.append(step)
    line.report.add(inputs.findings)
    return inputs


def _make_part(shape: Reconstruction, spec: ImplantSpec, line: StepRunner) -> PartSteps:
    """Mesh the missing bone and make the part of it: all steps from deepen to simplify."""
    run, inside_mm = line.run, shape.inside_mm
    depth_mm = deepening_mm(spec.thickness_mm)
    deepened = run("deepen", deepen_bodies, shape.separation.bodies, depth_mm=depth_mm, inside_mm=inside_mm)
    raw = run("extract", extract_bodies, deepened)
    smoothed = run("smooth", smooth_part, raw, iterations=spec.smooth_iterations)
    site = Site.around(shape.skull, smoothed, inside_mm=inside_mm)
    trimmed = run("trim", trim_part, smoothed, site, clearance_mm=spec.clearance_mm).mesh
    wall = {"thickness_mm": spec.thickness_mm, "clearance_mm": spec.clearance_mm}
    thinned = run("thickness", set_part_thickness, trimmed, site, **wall)
    ended = run("border", end_free_border, thinned, site, caudal_relief_mm=spec.caudal_relief_mm).mesh
    bevelled = run("bevel", bevel_part, ended, site, bevel_deg=spec.bevel_deg) if spec.bevel_deg else ended
    cleared = run("insertion", clear_way, bevelled, site)
    repaired = run("repair", repair_part, cleared.mesh).mesh
    simplified = run("simplify", simplify_part, repaired, max_faces=spec.max_faces)
    rounded = _rounded(simplified, site, spec, line)
    shaped = simplified if rounded is None else rounded.mesh
    fixation = _fixed(shaped, site, spec, line)
    fixed, features = (shaped, ()) if fixation is None else (fixation.mesh, fixation.features)
    marked = _marked(fixed, site, spec, line, features=features)
    if marked is not None:
        fixed, features = marked.mesh, (*features, *marked.features)
    perforated = _perforated(fixed, site, spec, line, features=features)
    implant = fixed if perforated is None else perforated.mesh
    meshes = raw, smoothed, trimmed, thinned, ended, bevelled, cleared.mesh, repaired, simplified
    added = rounded, fixation, marked, perforated
    return PartSteps(deepened, *meshes, *added, implant, directions=cleared.directions)


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


def _fixed(mesh: trimesh.Trimesh, site: Site, spec: ImplantSpec, line: StepRunner) -> Fixation | None:
    """Fix the part as prescribed, and record where; None without a prescription of it."""
    if spec.fixation is None:
        return None
    fixation = line.run(
        "fixation",
        fixate,
        mesh,
        site,
        spec=spec.fixation,
        least_wall_mm=least_wall_mm(spec),
        max_faces=spec.max_faces,
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
    return line.run("mark", mark_part, mesh, site, spec.mark, features=features, limits=spec)


def _perforated(
    mesh: trimesh.Trimesh,
    site: Site,
    spec: ImplantSpec,
    line: StepRunner,
    *,
    features: tuple[Feature, ...],
) -> Perforated | None:
    """Make the prescribed holes, and record those left out; None without any."""
    drawn = spec.drawn_perforation
    if drawn is None:
        return None
    holes = line.run("perforate", perforate_part, mesh, site, drawn, features=features, limits=spec)
    line.report.add(holes.findings)
    return holes


def _moulded(mesh: trimesh.Trimesh, shape: Reconstruction, spec: MouldSpec, line: StepRunner) -> Mould | None:
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


def _check(made: PartSteps, shape: Reconstruction, spec: ImplantSpec, line: StepRunner) -> PartCheck:
    """Check the part as the verb `check` does, and record what was measured and found."""
    check = line.run(
        "check",
        check_part,
        made.implant,
        spec=spec,
        skull=shape.skull,
        directions=made.directions,
        reference=reference_of(shape.skull),
        features=made.features or None,
    )
    added = [each.measures for each in (made.rounded, made.marked, made.perforated) if each is not None]
    mass_g = enclosed_mm3(made.implant) / 1000 * material_of(spec.material).density_g_cm3
    line.report.measures = {
        **check.measures,
        "mass_g": mass_g,
        **{name: value for each in added for name, value in each.items()},
    }
    line.report.criteria = list(check.criteria)
    line.report.add(check.findings)
    return check
