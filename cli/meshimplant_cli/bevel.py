"""The verb `bevel`: bevel a part's border."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import Bevel, InsideMm, Output, OutputOptions, SkullOptions
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import inside_point, show_change, working


def bevel(
    mesh: Path,
    /,
    *,
    bevel_deg: Bevel,
    output: Output,
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
    by the part's own curvature.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import bevel as bevel_mesh
    from meshimplant import write_mesh

    inputs = Inputs()
    with working("bevelling"):
        before = inputs.mesh(mesh, skull_options.frame)
        point = inside_point(before, skull, inside_mm, inputs, skull_options)
        after = bevel_mesh(before, bevel_deg, inside_mm=point).mesh
        write_mesh(after, output, frame=skull_options.frame)
    show_change(before, after, output, as_json=output_options.json, inputs=inputs)
