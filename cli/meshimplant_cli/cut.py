"""The verb `cut`: cut a part by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import Count, Frame, Output, OutputOptions, Six
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import show_change, working

if TYPE_CHECKING:
    import trimesh

    from meshimplant.mesh.cut_away import Cut

Keep = Literal["below", "above", "inside", "outside"]


#: What each tool can keep, its default first.
_KEEPS: dict[str, tuple[Keep, Keep]] = {
    "plane": ("below", "above"),
    "box": ("outside", "inside"),
    "curve": ("inside", "outside"),
}


def cut(
    mesh: Path,
    /,
    *,
    output: Output,
    plane: Annotated[
        Six | None, Parameter(help="Point x y z and normal x y z of a plane, LPS mm; keeps what is below it.")
    ] = None,
    box: Annotated[
        Six | None, Parameter(help="Lower x y z and upper x y z corner of a box, LPS mm; keeps the outside.")
    ] = None,
    curve: Annotated[
        Path | None,
        Parameter(
            help="Points along a closed curve, mm: .csv .txt .npy .json (3D Slicer); keeps the inside."
        ),
    ] = None,
    keep: Annotated[
        Keep | None,
        Parameter(help="The side to keep: below or above a plane, inside or outside a box or curve."),
    ] = None,
    bodies: Annotated[
        Count | None,
        Parameter(help="Number of pieces to keep, the largest first. Default: as many as the mesh has."),
    ] = None,
    frame: Annotated[
        Frame, Parameter(help="Frame of the mesh files and of a curve file that states none.")
    ] = "LPS",
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Cut a part by hand with a plane, a box, or along a closed curve on its surface.

    One of --plane, --box and --curve is required. The part stays a solid; its uncut surface is unchanged.

    Parameters
    ----------
    mesh
        Closed mesh.
    """
    tool = _only_tool({"plane": plane, "box": box, "curve": curve})
    if keep is not None and keep not in _KEEPS[tool]:
        allowed = " or ".join(_KEEPS[tool])
        raise UsageError(f"expected --keep {allowed} with --{tool}, got {keep}: choose one of the two")
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    from meshimplant import write_mesh

    inputs = Inputs()
    with working("cutting"):
        before = inputs.mesh(mesh, frame)
        side = keep or _KEEPS[tool][0]
        if curve is not None:
            result = _along_curve(before, curve, side, bodies, frame)
        else:
            result = _by_numbers(before, tool, plane or box or (), side, bodies)
        write_mesh(result.mesh, output, frame=frame)
    facts: dict[str, Any] = {
        "kept": side,
        "removed_mm3": round(result.removed_mm3, 6),
        "dropped_pieces": len(result.fragments),
    }
    show_change(before, result.mesh, output, as_json=output_options.json, inputs=inputs, **facts)


def _only_tool(tools: dict[str, object]) -> str:
    """Return the name of the one tool that was given."""
    given = [name for name, value in tools.items() if value is not None]
    if len(given) != 1:
        raise UsageError(
            f"expected one of --plane, --box and --curve, got {' and '.join(given) or 'none'}: choose one"
        )
    return given[0]


def _along_curve(mesh: trimesh.Trimesh, curve: Path, side: Keep, bodies: int | None, frame: Frame) -> Cut:
    from meshimplant import read_curve, trim_curve

    return trim_curve(mesh, read_curve(curve, frame=frame), keep=side, bodies=bodies)


def _by_numbers(
    mesh: trimesh.Trimesh, tool: str, numbers: Sequence[float], side: Keep, bodies: int | None
) -> Cut:
    """Cut by a plane or a box; invalid numbers are an invalid command line."""
    from meshimplant import trim_box, trim_plane
    from meshimplant.errors import InputError

    cutter = trim_plane if tool == "plane" else trim_box
    try:
        return cutter(mesh, numbers[:3], numbers[3:], keep=side, bodies=bodies)
    except InputError as error:
        raise UsageError(str(error)) from error
