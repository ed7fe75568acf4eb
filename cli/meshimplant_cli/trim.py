"""The verb `trim`: cut a part's border to a clearance from bone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.options import Bevel, NotNegative, Output, OutputOptions, SkullFile, SkullOptions
from meshimplant_cli.terminal import (
    MESH_SUFFIXES,
    require_free_file,
    show_change,
    working,
)


def trim(
    mesh: Path,
    /,
    *,
    skull: SkullFile,
    output: Output,
    clearance_mm: Annotated[NotNegative, Parameter(help="Distance to leave between border and bone.")] = 0.8,
    bevel_deg: Annotated[Bevel, Parameter(validator=Number(gte=0, lte=45))] = 0.0,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Trim an implant's border to a clearance from bone, and remove what lies over intact bone.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import read_mesh, write_mesh
    from meshimplant import trim as trim_mesh

    with working("trimming"):
        before = read_mesh(mesh, frame=skull_options.frame)
        bone = skull_options.skull(skull)
        after = trim_mesh(before, bone.mask, clearance_mm=clearance_mm, bevel_deg=bevel_deg)
        write_mesh(after, output, frame=skull_options.frame)
    show_change(before, after, output, as_json=output_options.json)
