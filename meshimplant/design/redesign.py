"""`redesign`: a saved design with another prescription, from the first step that the change touches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from meshimplant.design.design import Design
from meshimplant.design.finish_design import finish_design, maps_of
from meshimplant.design.kept_design import DesignStart, KeptDesign
from meshimplant.design.reconstruct import reconstruct
from meshimplant.design.step_keeper import StepKeeper
from meshimplant.design.step_runner import Progress, StepRunner
from meshimplant.errors import FileReadError, InputError, require_type
from meshimplant.implant.place_regions import named_maps
from meshimplant.report import Finding
from meshimplant.runtime.threads import one_blas_thread
from meshimplant.runtime.versions import installed_versions
from meshimplant.spec.edits import Edit
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume


@one_blas_thread()
def redesign(
    case: str | Path | KeptDesign,
    spec: ImplantSpec,
    *,
    edits: Sequence[Edit] | None = None,
    scan: Volume | None = None,
    progress: Progress | None = None,
) -> Design:
    """Design a part again with another prescription, running only what the change touches.

    A step runs if anything that it is given differs from what it was given before; see `StepKeeper`. The part
    has the same bytes as one that `design_implant` makes with this prescription.

    Parameters
    ----------
    case : str, Path or KeptDesign
        The folder of a design with its steps, which is not changed; or `Design.kept`.
    spec : ImplantSpec
        The prescription; that of the saved design is ``Design.load(case).spec``.
    edits : sequence of Edit, optional
        Changes of the shape, in order; they replace those of the saved design. None: those of the saved
        design.
    scan : Volume, optional
        The values of the CT, which are not kept, for its slices. None: these show the mask.
    progress : callable, optional
        Called with the name of each step that runs, before it starts.

    Returns
    -------
    Design

    Raises
    ------
    FileReadError
        The folder has no saved steps, or they are damaged or of another version.
    InputError
        Another number of bodies is prescribed, and the shape of the missing bone came from elsewhere.
    DesignRefused
        A step has no valid result; `.findings` name it.
    """
    require_type(spec, ImplantSpec, "the prescription")
    kept = case if isinstance(case, KeptDesign) else KeptDesign.read(Path(case))
    versions = installed_versions()
    keeper = StepKeeper(kept.values, versions, kept.steps)
    start = kept.opened_start()
    spec, region_maps = named_maps(spec, kept.region_maps)
    again = spec.bodies != start.bodies
    facts = {"spec": spec.to_dict(), "versions": versions, "inputs": kept.inputs}
    line = StepRunner(start.read_report.copy_with(**facts), progress, keeper)
    if again:
        start = _reconstructed(start, spec, line)
    else:
        line.report = start.report.copy_with(**facts)
        if versions != kept.versions:
            line.report.add([_other_versions(kept.versions, versions)])
    changes = kept.edits if edits is None else tuple(edits)
    return finish_design(start, spec, line, keeper, edits=changes, region_maps=region_maps, scan=scan)


def load_design(case: str | Path | KeptDesign) -> Design:
    """Return a saved design, see `Design.load`."""
    kept = case if isinstance(case, KeptDesign) else KeptDesign.read(Path(case))
    keeper = StepKeeper(kept.values, kept.versions, kept.steps)
    start = kept.opened_start()
    facts = {"spec": kept.spec.to_dict(), "versions": kept.versions, "inputs": kept.inputs}
    report = start.report.copy_with(**facts)
    line = StepRunner(report, _refuse, keeper)
    return finish_design(start, kept.spec, line, keeper, edits=kept.edits, region_maps=kept.region_maps)


def _refuse(name: str) -> None:
    """Refuse a step that would have to run, since it was not saved; a mould may have failed before."""
    if name in ("mould", "strength"):
        return
    raise FileReadError(f"expected the result of {name} in the saved steps, got none: run design again")


def _reconstructed(start: DesignStart, spec: ImplantSpec, line: StepRunner) -> DesignStart:
    """Find the missing bone again, for another number of bodies."""
    if start.method is None:
        raise InputError(
            "expected the number of bodies that the design was made with, got another, and the model or the "
            "shape of the missing bone from elsewhere, which is not kept: run design again"
        )
    read = line.report.copy_with()
    shape = reconstruct(start.defective, method=start.method, bodies=spec.bodies, step=line.step)
    line.report.method = shape.completion.method if shape.completion else {}
    line.report.add([*shape.findings, *(shape.completion.findings if shape.completion else ())])
    maps = maps_of(shape.completion)
    return DesignStart(start.defective, shape, spec.bodies, start.method, read, line.report, maps)


def _other_versions(earlier: dict[str, str], now: dict[str, str]) -> Finding:
    names = sorted(name for name in {*earlier, *now} if earlier.get(name) != now.get(name))
    changed = ", ".join(f"{name} {earlier.get(name, 'none')} -> {now.get(name, 'none')}" for name in names)
    message = (
        f"The missing bone was found with other versions ({changed}): the part was made again, but a new "
        "design may differ."
    )
    return Finding("redesign.versions", "warning", message)
