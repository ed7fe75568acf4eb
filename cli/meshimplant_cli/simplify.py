"""The verb `simplify`: reduce a mesh to a number of faces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    Count,
    Frame,
    NotNegative,
    Output,
    OutputOptions,
)
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import show_change, working


def simplify(
    mesh: Path,
    /,
    *,
    output: Output,
    max_faces: Annotated[Count, Parameter(help="Largest number of faces.")] = 150_000,
    max_deviation_mm: Annotated[NotNegative, Parameter(help="Largest movement of the surface.")] = 0.05,
    frame: Frame = "LPS",
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Simplify a solid to a number of faces within a tolerance; it stays a solid.

    Parameters
    ----------
    mesh
        Closed mesh.
    """
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import simplify as simplify_mesh
    from meshimplant import write_mesh

    inputs = Inputs()
    with working("simplifying"):
        before = inputs.mesh(mesh, frame)
        after = simplify_mesh(before, max_faces=max_faces, max_deviation_mm=max_deviation_mm)
        write_mesh(after, output, frame=frame)
    show_change(before, after, output, as_json=output_options.json, inputs=inputs)
