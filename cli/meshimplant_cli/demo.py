"""The verb `demo`: the whole line on the packaged sample."""

from __future__ import annotations

from pathlib import Path

from meshimplant_cli.design import save_design, show_design
from meshimplant_cli.options import (
    DocumentOptions,
    Output,
    OutputOptions,
    Strict,
)
from meshimplant_cli.outputs import free_folder
from meshimplant_cli.terminal import SHOWN_METRICS, working

#: Wall thickness of the demo's part.
_DEMO_THICKNESS_MM = 3.5


def demo(
    *,
    output: Output = Path("meshimplant-demo"),
    strict: Strict = False,
    documents: DocumentOptions = DocumentOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Design an implant for the packaged sample skull; needs no data, GPU or display.

    Writes the same files as `design`, and compares the reconstruction with the sample's true implant. The
    part is 3.5 mm thick: the sample's temple is thin, and a wall of 4 mm would reach 2 mm inward of it.
    """
    from meshimplant import ImplantSpec, design_implant, evaluate, read_volume
    from meshimplant.datasets.sample_files import sample_path

    documents.require_usable()
    source, spec = sample_path("defective.nrrd"), ImplantSpec(thickness_mm=_DEMO_THICKNESS_MM)
    with free_folder(output, force=output_options.force), working("read") as progress:
        designed = design_implant(source, spec=spec, progress=progress)
        save_design(
            designed,
            output,
            {"defective": source},
            force=output_options.force,
            documents=documents,
            progress=progress,
        )
        progress("evaluate")
        truth = read_volume(sample_path("implant.nrrd"))
        metrics = evaluate(designed.reconstruction, truth, designed.defective)
    against_truth = {name: getattr(metrics, name) for name in SHOWN_METRICS}
    return show_design(
        designed, output, strict=strict, as_json=output_options.json, against_truth=against_truth
    )
