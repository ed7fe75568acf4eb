"""`plan_resection`: resection and implant planned in one stage on an intact skull."""

from __future__ import annotations

import time

from numpy.typing import ArrayLike

from meshimplant.design.design import Design
from meshimplant.design.design_implant import design_implant
from meshimplant.design.inputs import DesignInputs, SkullSource, read_inputs
from meshimplant.design.step_runner import Progress
from meshimplant.errors import MeshError
from meshimplant.manufacture.resection_template import ResectionTemplate, resection_template
from meshimplant.report import Finding, Step
from meshimplant.runtime.memory import process_peak_mb
from meshimplant.runtime.threads import one_blas_thread
from meshimplant.skull.resect import Resection, resect
from meshimplant.skull.segment import SkullInput
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.resection_spec import ResectionSpec


@one_blas_thread()
def plan_resection(
    skull: SkullSource,
    curve_mm: ArrayLike,
    *,
    spec: ImplantSpec | None = None,
    direction: ArrayLike | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Design:
    """Plan a resection and its implant on an intact skull, such as for a tumour in the bone.

    The skull is cut along the curve (`resect`), and the implant for that defect is designed as
    `design_implant` does it, with the intact skull as the shape: clearance is measured from the bone that the
    cut leaves. A template guides the saw, and the drill for screws of the implant (`resection_template`).

    Parameters
    ----------
    skull : Volume, SkullInput, str or Path
        Mask of the intact skull, what `read_skull` returned, or a file.
    curve_mm : (n, 3) array-like
        Five or more points around what is removed, in order, LPS mm, such as `read_curve` returns.
    spec : ImplantSpec, optional
        The prescription; None: the defaults. Without a table ``[fixation]`` the part is fixed with plates.
    direction : (3,) array-like, optional
        Direction of the cut, LPS. None: normal to the bone everywhere.
    seed : int
        Kept in the report.
    progress : callable, optional
        Called with each step's name before it starts.

    Returns
    -------
    Design
        With `resection` and `template`; its steps are not kept, because a change of the cut changes them all:
        plan again.

    Raises
    ------
    InputError
        The input cannot be used, or the curve cannot be cut, see `resect`.
    DesignRefused
        A step has no valid result; `.findings` name it.
    """
    spec = ImplantSpec() if spec is None else spec
    wanted = ResectionSpec() if spec.resection is None else spec.resection
    spec = spec.with_values(resection=wanted, fixation=spec.fixation or FixationSpec())
    inputs = read_inputs(skull)
    if progress is not None:
        progress("resect")
    start = time.perf_counter()
    cut = resect(inputs.defective, curve_mm, kerf_mm=wanted.kerf_mm, direction=direction)
    seconds = time.perf_counter() - start
    designed = design_implant(
        _with_defect(inputs, cut), spec=spec, complete=inputs.defective, seed=seed, progress=progress
    )
    report = designed.report
    report.method = {"name": "given", "asked": "intact skull"}
    facts = {"kerf_mm": cut.kerf_mm, "length_mm": cut.line.length_mm, "removed_mm3": cut.removed_mm3}
    step = Step("resect", facts, round(seconds, 3), process_peak_mb=process_peak_mb())
    report.steps.insert(1 if report.steps[0].name == "read" else 0, step)
    report.measures |= cut.measures
    designed.resection, designed.kept = cut, None
    if progress is not None:
        progress("template")
    designed.template = _template(designed, cut, wanted)
    return designed


def _template(designed: Design, cut: Resection, spec: ResectionSpec) -> ResectionTemplate | None:
    """Make the template and record it; a warning and None where that cannot be done."""
    start = time.perf_counter()
    report = designed.report
    screws = () if designed.fixation is None else designed.fixation.screws
    try:
        made = resection_template(cut, screws, spec)
    except MeshError as error:
        message = f"The template could not be made; the implant itself was designed: {error}"
        report.add([Finding("template.missing", "warning", message)])
        return None
    seconds = round(time.perf_counter() - start, 3)
    facts = {"sleeves": len(made.sleeves), "flange": made.place.flange is not None}
    report.steps.append(Step("template", facts, seconds, process_peak_mb=process_peak_mb()))
    report.measures |= made.measures
    report.add(made.findings)
    return made


def _with_defect(inputs: DesignInputs, cut: Resection) -> SkullInput:
    """Return the skull with its planned defect, and all that was said of the intact one."""
    return SkullInput(
        cut.defective,
        "ct" if inputs.kind == "ct" else "mesh" if inputs.kind == "mesh" else "mask",
        inputs.notes,
        inputs.findings,
        inputs.tissues,
        inputs.scan,
    )
