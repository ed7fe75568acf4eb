"""Verbs that fit a mesh to its skull: trim, insertion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.options import Answer, Bevel, NotNegative, Output, Reading, SkullFile, Vector
from meshimplant_cli.terminal import (
    CHECK_FAILED,
    DONE,
    MESH_SUFFIXES,
    describe_finding,
    require_free_file,
    show,
    show_change,
    table,
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
    reading: Reading = Reading(),
    answer: Answer = Answer(),
) -> None:
    """Trim an implant's border to a clearance from bone, and remove what lies over intact bone.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    require_free_file(output, MESH_SUFFIXES, force=answer.force)
    from meshimplant import read_mesh, write_mesh
    from meshimplant import trim as trim_mesh

    with working("trimming"):
        before = read_mesh(mesh, frame=reading.frame)
        bone = reading.skull(skull)
        after = trim_mesh(before, bone.mask, clearance_mm=clearance_mm, bevel_deg=bevel_deg)
        write_mesh(after, output, frame=reading.frame)
    show_change(before, after, output, as_json=answer.json)


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
    reading: Reading = Reading(),
    answer: Answer = Answer(),
) -> int:
    """Find the straight way of a part out of its defect, and with -o take off what blocks it.

    Exit code 3, and a finding with its place, where the part would go through bone on its way.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    if output is not None:
        require_free_file(output, MESH_SUFFIXES, force=answer.force)
    from meshimplant import find_insertion, make_insertable, read_mesh, write_mesh

    with working("moving the part along its way"):
        part = read_mesh(mesh, frame=reading.frame)
        bone = reading.skull(skull).mask
        if output is not None:
            part = make_insertable(part, bone, direction=direction).mesh
            write_mesh(part, output, frame=reading.frame)
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
    show({**facts, **path, "findings": found}, as_json=answer.json, text=text)
    return DONE if way.free else CHECK_FAILED


VERBS = (trim, insertion)
