"""The verb `craniectomy`: cut a virtual defect into a complete skull."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant.datasets.kinds import Kind
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import Output, OutputOptions, SkullOptions
from meshimplant_cli.outputs import free_folder
from meshimplant_cli.terminal import show, working


def craniectomy(
    completed: Path,
    /,
    *,
    output: Output,
    kind: Annotated[Kind, Parameter(help="Location and size of the defect.")] = "random",
    seed: Annotated[int, Parameter(help="The same seed gives the same defect.")] = 0,
    defects: Annotated[
        int,
        Parameter(
            validator=Number(gte=1, lte=3), help="Number of defects; further ones lie at random places."
        ),
    ] = 1,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Cut a virtual defect into a complete skull, which makes a case with a known truth.

    Writes OUTPUT/defective.nrrd and OUTPUT/truth.nrrd on the input's grid.

    Parameters
    ----------
    completed
        Complete skull: mask or CT, DICOM study, or closed mesh.
    """
    from meshimplant import craniectomy as cut_defect
    from meshimplant import write_volume
    from meshimplant.io.atomic import atomic_folder

    inputs = Inputs()
    with free_folder(output, force=output_options.force), working("cutting the defect"):
        case = cut_defect(inputs.skull(completed, skull_options), kind=kind, seed=seed, defects=defects)
        with atomic_folder(output, force=output_options.force) as folder:
            write_volume(case.defective, folder / "defective.nrrd")
            write_volume(case.truth, folder / "truth.nrrd")
    volume_mm3 = float(case.truth.array.astype(bool).sum() * case.truth.voxel_volume_mm3)
    result = {"kind": case.kind, "seed": case.seed, "defects": defects, "truth_volume_mm3": volume_mm3}
    holes = "defect" if defects == 1 else "and other defects"
    show(
        result,
        as_json=output_options.json,
        text=f"{output.name}: {case.kind} {holes} of {volume_mm3 / 1000:.1f} cm3 (seed {case.seed})",
        inputs=inputs,
    )
