"""The verb `extract`: the surface of voxels as a mesh."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    Frame,
    Level,
    Orientation,
    Output,
    OutputOptions,
    SegmentName,
    Values,
)
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import show_body, working


def extract(
    voxels: Path,
    /,
    *,
    output: Output,
    level: Level | None = None,
    values: Values | None = None,
    outermost: Annotated[
        bool,
        Parameter(help="Keep only the outermost surface: hollows are filled, fragments dropped."),
    ] = False,
    orientation: Orientation | None = None,
    segment: SegmentName | None = None,
    frame: Frame = "LPS",
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Extract the surface of voxels as a closed mesh in patient millimetres.

    Parameters
    ----------
    voxels
        Signed distances, a mask or a probability map.
    """
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import extract as extract_surface
    from meshimplant import write_mesh
    from meshimplant.design.steps import outermost_surface
    from meshimplant.values.read_values import read_body

    inputs = Inputs()
    with working("extracting the surface"):
        volume = inputs.volume(voxels, orientation=orientation, segment=segment)
        body = read_body(volume, level=level, values=values)
        mesh = extract_surface(body.volume, level=body.level)
        if outermost:
            mesh = outermost_surface(mesh)
        write_mesh(mesh, output, frame=frame)
    show_body(mesh, output, output_options, inputs)
