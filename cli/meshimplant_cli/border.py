"""The verb `border`: end a part in a smooth line where no bone lies opposite its border."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import InsideMm, NotNegative, Output, OutputOptions, SkullFile, SkullOptions
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import show_change, working


def border(
    mesh: Path,
    /,
    *,
    skull: SkullFile,
    output: Output,
    caudal_relief_mm: Annotated[
        NotNegative, Parameter(help="How much to keep the part back along its lower edge at the temple.")
    ] = 0.0,
    inside_mm: InsideMm | None = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """End a part in a smooth, rounded line where no bone lies opposite its border.

    Tongues narrower than 8 mm, slits, thin and curled flanges are cut off there; the border that has bone
    opposite stays as it is.

    Parameters
    ----------
    mesh
        Closed implant mesh with its clearance and its thickness.
    """
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import end_free_border, write_mesh
    from meshimplant.design.steps import part_site

    inputs = Inputs()
    with working("ending the free border"):
        before = inputs.mesh(mesh, skull_options.frame)
        site = part_site(before, inputs.skull(skull, skull_options), inside_mm=inside_mm)
        ended = end_free_border(before, site, caudal_relief_mm=caudal_relief_mm)
        write_mesh(ended.mesh, output, frame=skull_options.frame)
    show_change(before, ended.mesh, output, as_json=output_options.json, inputs=inputs, **ended.numbers())
