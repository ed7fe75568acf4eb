"""`design_implant`: the line from a defective skull to a checked part."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from meshimplant.complete.network_model import HeadNetwork
from meshimplant.design.design import Design
from meshimplant.design.finish_design import finish_design, maps_of
from meshimplant.design.inputs import DesignInputs, PredictionSource, SkullSource, read_inputs
from meshimplant.design.kept_design import DesignStart
from meshimplant.design.kept_values import KeptValues
from meshimplant.design.reconstruct import reconstruct
from meshimplant.design.step_keeper import StepKeeper
from meshimplant.design.step_runner import Progress, StepRunner
from meshimplant.head.mean_vault import Model
from meshimplant.implant.place_regions import named_maps
from meshimplant.report import Report, Step
from meshimplant.runtime.memory import process_peak_mb
from meshimplant.runtime.threads import one_blas_thread
from meshimplant.runtime.versions import installed_versions
from meshimplant.spec.implant_spec import ImplantSpec


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
    (perforate) -> (lip) -> check -> (strength) -> (mould). Each step is a public function of its
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
    spec, region_maps = named_maps(ImplantSpec() if spec is None else spec)
    versions = installed_versions()
    keeper = StepKeeper(KeptValues(), versions)
    line = StepRunner(Report(spec=spec.to_dict(), seed=seed, versions=versions), progress, keeper)
    inputs = _read(line, defective, complete=complete, implant=implant, level=level)
    read = line.report.copy_with()
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
    elsewhere_from = inputs.complete, inputs.implant, template, network
    again = method if all(each is None for each in elsewhere_from) else None
    maps = maps_of(shape.completion)
    start = DesignStart(inputs.defective, shape, spec.bodies, again, read, line.report, maps)
    return finish_design(start, spec, line, keeper, region_maps=region_maps, scan=inputs.scan)


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
