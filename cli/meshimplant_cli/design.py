"""The verb `design`: the whole line, from a defective skull to a part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from meshimplant.spec.mould_spec import MouldSpec
from meshimplant.spec.strength_spec import StrengthSpec
from meshimplant_cli.exit_codes import UsageError, exit_code_of
from meshimplant_cli.options import (
    DocumentOptions,
    Method,
    NetworkOptions,
    Output,
    OutputOptions,
    PrescriptionOptions,
    SkullOptions,
    Strict,
    Template,
    read_template,
)
from meshimplant_cli.outputs import free_folder
from meshimplant_cli.predictions import PredictionOptions
from meshimplant_cli.terminal import describe_finding, headlines, measure_table, show, working

if TYPE_CHECKING:
    from meshimplant.design.design import Design

SkullModel = Annotated[
    bool,
    Parameter(
        help="Also write skull.stl, the skull as a printable solid, to try the part on, and fit.3mf: skull, "
        "part and plates in their places."
    ),
]
Strength = Annotated[
    bool, Parameter(help="Also screen the part under load: [strength] of the prescription, or its defaults.")
]
MouldKind = Annotated[
    Literal["springform", "two-part", "positive"],
    Parameter(help="Also make a mould of the part; [mould] of the prescription has its sizes."),
]
SaveSteps = Annotated[bool, Parameter(help="Also write steps/, from which redesign continues; 7 to 17 MB.")]
Seed = Annotated[int, Parameter(help="The same input, prescription and seed give the same part.")]


def design(
    defective: Path,
    /,
    *,
    output: Output,
    method: Method = "auto",
    template: Template | None = None,
    complete: Path | None = None,
    implant: Path | None = None,
    prediction_options: PredictionOptions = PredictionOptions(),
    seed: Seed = 0,
    skull_model: SkullModel = False,
    strength: Strength = False,
    mould: MouldKind | None = None,
    steps: SaveSteps = True,
    strict: Strict = False,
    network: NetworkOptions = NetworkOptions(),
    prescription: PrescriptionOptions = PrescriptionOptions(),
    skull_options: SkullOptions = SkullOptions(),
    documents: DocumentOptions = DocumentOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Design a checked, printable implant for a defective skull.

    Writes into OUTPUT: implant.stl, implant.3mf, reconstruction.nrrd (the missing bone, on the input's grid),
    report.json, report.html, preview.png, preview.html, slices.png, spec.toml and steps/ (from which
    `redesign` continues); with holes, fixation or a text also drawing.png and features.json. The part passed
    its check, passed with warnings, or failed (exit code 3); it is written in every case.

    Parameters
    ----------
    defective
        Mask or CT (.nrrd .nhdr .nii .nii.gz .mha .mhd), DICOM study, or closed .stl/.ply skull.
    complete
        Completed skull from elsewhere (a network): mask, labels, probabilities or signed distances on any
        grid, or points with normals (.ply .npy .npz).
    implant
        Missing bone from elsewhere, in the same formats; the skull is then not completed.
    """
    if complete is not None and implant is not None:
        raise UsageError("expected --complete or --implant, got both: choose one")
    if template is not None and (complete is not None or implant is not None):
        raise UsageError("expected --template, or --complete or --implant, got both: leave --template out")
    if complete is None and implant is None:
        prediction_options.require_unused()
    network.require_used(method)
    documents.require_usable()
    spec = prescription.prescription()
    if strength and spec.strength is None:
        spec = replace(spec, strength=StrengthSpec())
    if mould is not None:
        spec = spec.with_values(mould=(spec.mould or MouldSpec()).with_values(kind=mould))
    from meshimplant import design_implant

    with free_folder(output, force=output_options.force), working("read") as progress:
        start = time.perf_counter()
        skull = skull_options.skull(defective)
        model = read_template(template, method)
        prediction = None
        if source := complete or implant:
            prediction = prediction_options.prediction(
                source, skull.mask, frame=skull_options.frame, implant_only=implant is not None
            )
        seconds = time.perf_counter() - start
        designed = design_implant(
            skull,
            spec=spec,
            method=method,
            template=model,
            network=network.opened(method),
            complete=prediction if complete else None,
            implant=prediction if implant else None,
            seed=seed,
            progress=progress,
        )
        designed.report.steps[0] = replace(designed.report.steps[0], seconds=round(seconds, 3))
        files = {
            "defective": defective,
            "template": template,
            "weights": network.weights,
            "complete": complete,
            "implant": implant,
        }
        sources = {role: path for role, path in files.items() if path is not None}
        save_design(
            designed,
            output,
            sources,
            force=output_options.force,
            skull_model=skull_model,
            documents=documents,
            steps=steps,
            progress=progress,
        )
    return show_design(designed, output, strict=strict, as_json=output_options.json)


def save_design(
    designed: Design,
    output: Path,
    sources: dict[str, Path],
    *,
    force: bool,
    skull_model: bool = False,
    documents: DocumentOptions,
    steps: bool = True,
    progress: Callable[[str], None],
) -> None:
    """Write a design; the step `write` is printed, but is not in the report that it writes."""
    from meshimplant.report import Step
    from meshimplant.runtime.memory import process_peak_mb

    progress("write")
    start = time.perf_counter()
    designed.save(
        output, sources=sources, force=force, skull_model=skull_model, steps=steps, **documents.given()
    )
    seconds = round(time.perf_counter() - start, 3)
    designed.report.steps.append(Step("write", seconds=seconds, process_peak_mb=process_peak_mb()))


def show_design(
    designed: Design, output: Path, *, strict: bool, as_json: bool, **more: dict[str, Any]
) -> int:
    """Print the verdict, the main measures, the findings and the files of a design; return the exit code."""
    report = designed.report.to_dict()
    extra = [(f"{group}_{name}", value) for group, values in more.items() for name, value in values.items()]
    lines = [f"{output.name}: {designed.report.verdict}"]
    lines += [measure_table([*headlines(report["measures"]), *extra])]
    lines += [describe_finding(finding) for finding in designed.report.findings]
    files = _files(designed, output)
    lines += [f"written to {output}: {', '.join(files)}"]
    if kept := sorted(
        {path.name for path in output.iterdir()}.difference(name.partition("/")[0] for name in files)
    ):
        lines += [f"kept beside them: {', '.join(kept)}"]
    show({**report, **more}, as_json=as_json, text="\n".join(lines))
    return exit_code_of(designed.report.verdict, strict=strict)


def _files(designed: Design, output: Path) -> list[str]:
    """Return the names of the files that a design was written as."""
    reports = [name for name in ("report.html", "report.json", "report.pdf") if (output / name).exists()]
    return sorted([*(each["name"] for each in designed.report.outputs), *reports])
