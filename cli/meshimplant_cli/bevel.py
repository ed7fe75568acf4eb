"""The verb `bevel`: bevel a part's border."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    Bevel,
    InsideMm,
    Output,
    OutputOptions,
    SkullOptions,
)
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.prescription_file import SpecFile, read_prescription
from meshimplant_cli.terminal import show_change, working


def bevel(
    mesh: Path,
    /,
    *,
    output: Output,
    spec: SpecFile | None = None,
    bevel_deg: Bevel | None = None,
    skull: Annotated[
        Path | None,
        Parameter(help="The defective skull, from which a point inside the head is found."),
    ] = None,
    inside_mm: InsideMm | None = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Bevel a part's border, so that it goes in from outside and cannot fall through.

    The outer edge stays in place. Without --skull and --inside-mm, outer and inner surface are distinguished
    by the part's own curvature; named [[regions]] of --spec need --skull, all others need one of the two.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    if spec is None and bevel_deg is None:
        raise UsageError("expected --bevel-deg or --spec, got neither: say how much the border is to lean")
    asked = read_prescription(spec, bevel_deg=bevel_deg)
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import bevel as bevel_mesh
    from meshimplant import write_mesh
    from meshimplant.design.steps import part_site, regions_on

    inputs = Inputs()
    with working("bevelling"):
        before = inputs.mesh(mesh, skull_options.frame)
        bone = None if skull is None else inputs.skull(skull, skull_options)
        point = inside_mm if bone is None else part_site(before, bone, inside_mm=inside_mm).inside_mm
        placed = regions_on(asked, bone, inside_mm=point)
        after = bevel_mesh(before, placed.bevel_deg, inside_mm=point).mesh
        write_mesh(after, output, frame=skull_options.frame)
    show_change(before, after, output, as_json=output_options.json, inputs=inputs)
