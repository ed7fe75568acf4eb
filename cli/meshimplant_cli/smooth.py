"""The verb `smooth`: smooth a mesh without shrinking it."""

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
    Positive,
)
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import show_change, working


def smooth(
    mesh: Path,
    /,
    *,
    output: Output,
    iterations: Annotated[Count, Parameter(help="Iterations of the filter.")] = 40,
    pass_band: Annotated[
        Positive, Parameter(help="Pass band of the filter; a smaller one smooths more.")
    ] = 0.01,
    edge_mm: Annotated[
        NotNegative, Parameter(help="Then coarsen the mesh to edges of about this length; 0 keeps all faces.")
    ] = 0.8,
    frame: Frame = "LPS",
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Smooth a mesh without shrinking it (windowed sinc).

    Parameters
    ----------
    mesh
        Closed mesh.
    """
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import write_mesh
    from meshimplant.design.steps import smooth_part

    inputs = Inputs()
    with working("smoothing"):
        before = inputs.mesh(mesh, frame)
        after = smooth_part(before, iterations=iterations, pass_band=pass_band, edge_mm=edge_mm)
        write_mesh(after, output, frame=frame)
    show_change(before, after, output, as_json=output_options.json, inputs=inputs)
