"""The verb `insertion`: the straight path of a part into its defect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.exit_codes import exit_code_of
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import InsideMm, OutputOptions, SkullFile, SkullOptions, Strict, Vector
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import describe_finding, measure_table, show, working


def insertion(
    mesh: Path,
    /,
    *,
    skull: SkullFile,
    output: Annotated[
        Path | None, Parameter(alias="-o", help="Where to write the part after removing what blocks it.")
    ] = None,
    direction: Annotated[
        Vector | None, Parameter(help="Direction out of the head, LPS x y z. Default: the best one.")
    ] = None,
    max_removed_fraction: Annotated[
        float,
        Parameter(
            help="With -o, without --direction: leave the part unchanged if more than this is in the way.",
            validator=Number(gte=0, lte=1),
        ),
    ] = 0.02,
    inside_mm: InsideMm | None = None,
    strict: Strict = False,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Find the straight path of a part out of its defect, and with -o remove what blocks it.

    A warning with its place if the part would pass through bone on its path, and with --strict exit code 3: a
    surgeon may also turn it in.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    if output is not None:
        require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import clear_way, find_insertion, make_insertable, write_mesh
    from meshimplant.design.steps import part_site
    from meshimplant.report import verdict_of

    inputs = Inputs()
    with working("searching for the straight path"):
        part = inputs.mesh(mesh, skull_options.frame)
        site = part_site(part, inputs.skull(skull, skull_options), inside_mm=inside_mm)
        if output is not None:
            if direction is None:
                part = clear_way(part, site, max_removed_fraction=max_removed_fraction).mesh
            else:
                part = make_insertable(part, site, direction=direction).mesh
            write_mesh(part, output, frame=skull_options.frame)
        path = find_insertion(part, site, direction=direction)
    verdict = verdict_of(path.findings)
    facts: dict[str, Any] = {
        "free": path.free,
        "direction": path.direction.tolist(),
        "penetration_mm": float(path.penetration_mm.max()),
        "undercut_mm2": path.undercut_mm2,
    }
    along = {"travel_mm": path.travel_mm, "penetration_along_mm": path.penetration_mm}
    findings = [finding.to_dict() for finding in path.findings]
    lines = [f"{mesh.name}: {verdict}", measure_table(facts.items()), *map(describe_finding, path.findings)]
    printed = {"verdict": verdict, **facts, **along, "findings": findings}
    show(printed, as_json=output_options.json, text="\n".join(lines), inputs=inputs)
    return exit_code_of(verdict, strict=strict)
