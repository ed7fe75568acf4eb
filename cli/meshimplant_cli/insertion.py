"""The verb `insertion`: the straight path of a part into its defect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.options import OutputOptions, SkullFile, SkullOptions, Vector
from meshimplant_cli.terminal import (
    CHECK_FAILED,
    DONE,
    MESH_SUFFIXES,
    describe_finding,
    require_free_file,
    show,
    table,
    working,
)


def insertion(
    mesh: Path,
    /,
    *,
    skull: SkullFile,
    output: Annotated[
        Path | None, Parameter(alias="-o", help="Where to write the part without what blocks it.")
    ] = None,
    direction: Annotated[
        Vector | None, Parameter(help="Direction out of the head, LPS x y z; the best one when left out.")
    ] = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Find the straight way of a part out of its defect, and with -o take off what blocks it.

    Exit code 3, and a finding with its place, where the part would go through bone on its way.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    if output is not None:
        require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import find_insertion, make_insertable, read_mesh, write_mesh

    with working("moving the part along its way"):
        part = read_mesh(mesh, frame=skull_options.frame)
        bone = skull_options.skull(skull).mask
        if output is not None:
            part = make_insertable(part, bone, direction=direction).mesh
            write_mesh(part, output, frame=skull_options.frame)
        way = find_insertion(part, bone, direction=direction)
    facts: dict[str, Any] = {
        "free": way.free,
        "direction": way.direction.tolist(),
        "penetration_mm": float(way.penetration_mm.max()),
        "undercut_mm2": way.undercut_mm2,
    }
    path = {"travel_mm": way.travel_mm, "penetration_along_mm": way.penetration_mm}
    found = [finding.to_dict() for finding in way.findings]
    text = "\n".join([table(facts.items()), *map(describe_finding, way.findings)])
    show({**facts, **path, "findings": found}, as_json=output_options.json, text=text)
    return DONE if way.free else CHECK_FAILED
