"""The verb `lip`: give a part a rim that lies on the bone around."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import FeaturesFile, InsideMm, Output, OutputOptions, SkullFile, SkullOptions
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import describe_finding, show_change, working


def lip(
    mesh: Path,
    /,
    *,
    skull: SkullFile,
    output: Output,
    lip_mm: Annotated[
        float,
        Parameter(help="How far the lip lies over the bone.", validator=Number(gte=1.0, lte=8.0)),
    ] = 5.0,
    lip_thickness_mm: Annotated[
        float, Parameter(help="Thickness of the lip.", validator=Number(gte=0.8, lte=1.5))
    ] = 1.0,
    features: FeaturesFile | None = None,
    inside_mm: InsideMm | None = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Give a part a rim that lies on the outer surface of the bone around, 0.2 mm above it.

    The lip follows the bone's outer surface; its edges are rounded, and its root thins out over the part.
    Where no bone lies opposite it ends smoothly. It is meant for titanium. With --features the screws of tabs
    and the holes of the part stay open. Check it with check --without-lip and the part as it was before.

    Parameters
    ----------
    mesh
        Closed implant mesh, in its place.
    """
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import add_lip, write_mesh
    from meshimplant.design.steps import part_site

    inputs = Inputs()
    with working("lip"):
        before = inputs.mesh(mesh, skull_options.frame)
        site = part_site(before, inputs.skull(skull, skull_options), inside_mm=inside_mm)
        made = add_lip(
            before,
            site,
            lip_mm,
            thickness_mm=lip_thickness_mm,
            features=() if features is None else tuple(inputs.features(features)),
        )
        write_mesh(made.mesh, output, frame=skull_options.frame)
    show_change(
        before,
        made.mesh,
        output,
        as_json=output_options.json,
        inputs=inputs,
        remarks=[describe_finding(finding) for finding in made.findings],
        listed={"findings": [finding.to_dict() for finding in made.findings]},
        **made.measures,
    )
