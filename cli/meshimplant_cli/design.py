"""The verb `design`: the whole line, from a defective skull to a part."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.options import (
    Level,
    Method,
    NetworkOptions,
    Output,
    OutputOptions,
    PrescriptionOptions,
    SkullOptions,
    Template,
    read_template,
)
from meshimplant_cli.predictions import PredictedLabel, read_predicted
from meshimplant_cli.terminal import (
    CHECK_FAILED,
    DONE,
    UsageError,
    describe_finding,
    headlines,
    require_free_folder,
    show,
    table,
    working,
)

if TYPE_CHECKING:
    from meshimplant.design.design_implant import Design
    from meshimplant.report import Step

Seed = Annotated[int, Parameter(help="Same input, prescription and seed: the same part.")]


def design(
    defective: Path,
    /,
    *,
    output: Output,
    method: Method = "auto",
    template: Template | None = None,
    complete: Path | None = None,
    implant: Path | None = None,
    level: Level | None = None,
    predicted_label: PredictedLabel | None = None,
    seed: Seed = 0,
    network: NetworkOptions = NetworkOptions(),
    prescription: PrescriptionOptions = PrescriptionOptions(),
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Design a checked, printable implant for a defective skull.

    Writes into OUTPUT: implant.stl, implant.3mf, reconstruction.nrrd (the missing bone, on the input's grid),
    report.json, report.html, preview.png, preview.html and spec.toml. Exit code 3 when the part was written
    but its check failed.

    Parameters
    ----------
    defective
        Mask or CT (.nrrd .nhdr .nii .nii.gz .mha .mhd), DICOM folder, or closed .stl/.ply skull.
    complete
        Completed skull from elsewhere (a network): mask, labels, probabilities or signed distances, on any grid, or points
        with normals (.ply .npy .npz).
    implant
        Missing bone from elsewhere, likewise; nothing is completed here then.
    """
    if complete is not None and implant is not None:
        raise UsageError("expected --complete or --implant, got both: choose one")
    if template is not None and (complete is not None or implant is not None):
        raise UsageError(
            "expected --template, or --complete or --implant, got both: nothing is completed then"
        )
    for option, value in (("--level", level), ("--predicted-label", predicted_label)):
        if value is not None and complete is None and implant is None:
            raise UsageError(
                f"expected {option} together with --complete or --implant, got it alone: leave it out"
            )
    network.require_used(method)
    spec = prescription.prescription()
    require_free_folder(output, force=output_options.force)
    from meshimplant import design_implant

    with working("read") as tell:
        start = time.perf_counter()
        skull = skull_options.skull(defective)
        mean = read_template(template, method)
        prediction, notes = None, skull.notes
        if source := complete or implant:
            given = read_predicted(
                source,
                skull.mask,
                label=predicted_label,
                level=level,
                frame=skull_options.frame,
                alone=implant is not None,
            )
            prediction, notes = given.volume, (*notes, f"prediction: {given.note}")
        read = step_done("read", start, parameters={"kind": skull.kind}, notes=notes)
        made = design_implant(
            skull.mask,
            spec=spec,
            method=method,
            template=mean,
            network=network.opened(method),
            complete=prediction if complete else None,
            implant=prediction if implant else None,
            level=level,
            seed=seed,
            progress=tell,
        )
        made.report.findings[:0] = skull.findings
        made.report.steps.insert(0, read)
        files = {
            "defective": defective,
            "template": template,
            "weights": network.weights,
            "complete": complete,
            "implant": implant,
        }
        save_design(
            made,
            output,
            {role: path for role, path in files.items() if path is not None},
            output_options,
            tell,
        )
    return show_design(made, output, output_options)


def save_design(
    made: Design,
    output: Path,
    sources: dict[str, Path],
    output_options: OutputOptions,
    tell: Callable[[str], None],
) -> None:
    """Write a design; the step that this was is told on the terminal and with --json, but not in the report that it wrote."""
    tell("write")
    start = time.perf_counter()
    made.save(output, sources=sources, force=output_options.force)
    made.report.steps.append(step_done("write", start))


def step_done(name: str, start: float, **more: Any) -> Step:
    """Return the step that began at `start`, a reading of the performance counter, and ends now."""
    from meshimplant.report import Step
    from meshimplant.runtime.memory import process_peak_mb

    seconds = round(time.perf_counter() - start, 3)
    return Step(name, seconds=seconds, process_peak_mb=process_peak_mb(), **more)


def show_design(made: Design, output: Path, output_options: OutputOptions, **more: dict[str, Any]) -> int:
    report = made.report.to_dict()
    verdict = "passed" if made.report.passed else "FAILED"
    extra = [(f"{group}.{name}", value) for group, values in more.items() for name, value in values.items()]
    lines = [f"{output.name}: the part {verdict} its check"]
    lines += [table([*headlines(report["measures"]), *extra])]
    lines += [describe_finding(finding) for finding in made.report.findings]
    lines += [f"written to {output}: {', '.join(sorted(path.name for path in output.iterdir()))}"]
    show({**report, **more}, as_json=output_options.json, text="\n".join(lines))
    return DONE if made.report.passed else CHECK_FAILED
