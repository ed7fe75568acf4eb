"""The verb `trim`: trim a part to a clearance from bone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    Bevel,
    InsideMm,
    NotNegative,
    Output,
    OutputOptions,
    SkullFile,
    SkullOptions,
)
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.prescription_file import SpecFile, read_prescription
from meshimplant_cli.terminal import show_change, working


def trim(
    mesh: Path,
    /,
    *,
    skull: SkullFile,
    output: Output,
    spec: SpecFile | None = None,
    clearance_mm: Annotated[
        NotNegative | None, Parameter(help="Distance between border and bone. Default: 0.8.")
    ] = None,
    bevel_deg: Bevel | None = None,
    inside_mm: InsideMm | None = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Trim an implant to a clearance from bone, and remove what lies over intact bone.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    asked = read_prescription(spec, clearance_mm=clearance_mm, bevel_deg=bevel_deg)
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import trim as trim_mesh
    from meshimplant import write_mesh
    from meshimplant.design.steps import part_site, regions_on

    inputs = Inputs()
    with working("trimming"):
        before = inputs.mesh(mesh, skull_options.frame)
        bone = inputs.skull(skull, skull_options)
        site, placed = part_site(before, bone, inside_mm=inside_mm), regions_on(asked, bone)
        after = trim_mesh(before, site, clearance_mm=placed.clearance_mm, bevel_deg=placed.bevel_deg)
        write_mesh(after, output, frame=skull_options.frame)
    show_change(before, after, output, as_json=output_options.json, inputs=inputs)
