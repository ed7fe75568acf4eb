"""The verb `preview`: draw parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    Force,
    Output,
    Positive,
    SkullFile,
    SkullOptions,
)
from meshimplant_cli.outputs import require_free_file, suffix_of
from meshimplant_cli.terminal import describe_finding, say, working


def preview(
    *parts: Path,
    output: Output,
    skull: SkullFile | None = None,
    title: Annotated[str, Parameter(help="Title above the picture.")] = "",
    thickness_mm: Annotated[
        Positive | None,
        Parameter(
            help="The prescribed thickness: its colours span 1 mm to either side. Default: what was measured."
        ),
    ] = None,
    skull_options: SkullOptions = SkullOptions(),
    force: Force = False,
) -> None:
    """Draw parts in four anatomical views (.png), or as a page to turn them with the mouse (.html, offline).

    Parts are coloured by thickness, and with --skull by gap. Needs no display and no GPU.

    Parameters
    ----------
    parts
        One or more meshes, drawn together.
    """
    if not parts:
        raise UsageError("expected at least one mesh to draw, got none: name it before -o")
    require_free_file(output, (".png", ".html"), force=force)
    from meshimplant import check_part, render_preview, write_viewer
    from meshimplant.mesh.convert import join_meshes
    from meshimplant.preview.skull_surface import skull_surface

    inputs = Inputs()
    with working("drawing"):
        implant = join_meshes([inputs.mesh(part, skull_options.frame) for part in parts])
        bone = None if skull is None else inputs.skull(skull, skull_options)
        maps = check_part(implant, skull=bone)
        shown: dict[str, Any] = {
            "implant": implant,
            "skull": None if bone is None else skull_surface(bone),
            "thickness_mm": maps.thickness_mm,
            "gap_mm": maps.gap_mm,
            "asked_thickness_mm": thickness_mm,
            "title": title,
        }
        if suffix_of(output) == ".png":
            render_preview(output, **shown, scan=bone, measures=maps.measures)
        else:
            write_viewer(output, **shown)
    say("\n".join([f"{output.name}: drawn", *map(describe_finding, inputs.findings)]))
