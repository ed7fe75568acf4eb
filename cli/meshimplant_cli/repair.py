"""The verb `repair`: make a broken mesh a solid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    Frame,
    NotNegative,
    Output,
    OutputOptions,
)
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import show_change, working


def repair(
    mesh: Path,
    /,
    *,
    output: Output,
    max_volume_change_fraction: Annotated[
        NotNegative, Parameter(help="Largest change of volume, as a fraction.")
    ] = 0.005,
    max_move_mm: Annotated[NotNegative, Parameter(help="Largest movement of the surface.")] = 0.1,
    frame: Frame = "LPS",
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Repair a mesh into a solid, or refuse; no body is dropped silently.

    Parameters
    ----------
    mesh
        Broken mesh.
    """
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import repair as repair_mesh
    from meshimplant import write_mesh

    inputs = Inputs()
    with working("repairing"):
        before = inputs.mesh(mesh, frame)
        repaired = repair_mesh(
            before, max_volume_change_fraction=max_volume_change_fraction, max_move_mm=max_move_mm
        )
        write_mesh(repaired.mesh, output, frame=frame)
    show_change(
        before,
        repaired.mesh,
        output,
        inputs=inputs,
        as_json=output_options.json,
        method=repaired.method,
        actions=list(repaired.actions),
    )
