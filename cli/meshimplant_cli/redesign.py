"""The verb `redesign`: a saved design with another prescription."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.design import SaveSteps, SkullModel, save_design, show_design
from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.options import DocumentOptions, OutputOptions, PrescriptionOptions, Strict
from meshimplant_cli.outputs import free_folder
from meshimplant_cli.terminal import working


def redesign(
    case: Path,
    /,
    *,
    output: Annotated[
        Path | None, Parameter(alias="-o", help="Where to write. Default: into CASE, in place of its design.")
    ] = None,
    scan: Annotated[
        Path | None,
        Parameter(
            help="The CT that the design was made for, for slices.png; without it, that shows the mask."
        ),
    ] = None,
    skull_model: SkullModel = False,
    steps: SaveSteps = True,
    strict: Strict = False,
    documents: DocumentOptions = DocumentOptions(),
    prescription: PrescriptionOptions = PrescriptionOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Change the prescription of a design, and run only the steps that the change touches.

    The part has the same bytes as one that `design` makes with this prescription. Options change single
    fields of the design's own prescription; --spec replaces it first. Edits of its shape stay.

    Parameters
    ----------
    case
        Folder that `design` wrote, with its folder steps.
    """
    documents.require_usable()
    from meshimplant import read_skull
    from meshimplant import redesign as change
    from meshimplant.design.kept_design import LOG_FILE, KeptDesign

    target, force = (case, True) if output is None else (output, output_options.force)
    if output is None and (case / LOG_FILE).exists():
        raise UsageError(
            f"expected -o for a design with a log of edits, got none: write to another folder, or make the "
            f"change an edit, with meshimplant edit {case.name} --apply"
        )
    with free_folder(target, force=force), working("read") as progress:
        kept = KeptDesign.read(case)
        spec = prescription.prescription(kept.spec)
        values = None if scan is None else read_skull(scan).scan
        designed = change(kept, spec, scan=values, progress=progress)
        save_design(
            designed,
            target,
            {},
            force=force,
            skull_model=skull_model,
            steps=steps,
            documents=replace(documents, label=documents.label or kept.label),
            progress=progress,
        )
    return show_design(designed, target, strict=strict, as_json=output_options.json)
