"""The verb `round-border`: round the edges of a part's border."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import InsideMm, Output, OutputOptions, SkullOptions
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import describe_finding, inside_point, show_change, working


def round_border(
    mesh: Path,
    /,
    *,
    output: Output,
    radius_mm: Annotated[
        float, Parameter(help="Radius of both edges.", validator=Number(gte=0.3, lte=1.0))
    ] = 0.5,
    skull: Annotated[
        Path | None,
        Parameter(help="The defective skull, from which a point inside the head is found."),
    ] = None,
    inside_mm: InsideMm | None = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Round the edges at which a part's border meets its outer and its inner surface.

    Nothing else moves, and material is only removed. Without --skull and --inside-mm, outer and inner surface
    are distinguished by the part's own curvature.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import round_border as round_mesh
    from meshimplant import write_mesh

    inputs = Inputs()
    with working("rounding"):
        before = inputs.mesh(mesh, skull_options.frame)
        point = inside_point(before, skull, inside_mm, inputs, skull_options)
        rounded = round_mesh(before, radius_mm, inside_mm=point)
        write_mesh(rounded.mesh, output, frame=skull_options.frame)
    show_change(
        before,
        rounded.mesh,
        output,
        as_json=output_options.json,
        inputs=inputs,
        remarks=[describe_finding(finding) for finding in rounded.findings],
        listed={"findings": [finding.to_dict() for finding in rounded.findings]},
        **rounded.measures,
    )
