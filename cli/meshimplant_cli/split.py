"""The verb `split`: a part in two or three pieces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.exit_codes import UsageError, exit_code_of
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import InsideMm, Output, OutputOptions, Six, SkullFile, SkullOptions
from meshimplant_cli.outputs import free_folder
from meshimplant_cli.terminal import describe_finding, measure_table, show, working

if TYPE_CHECKING:
    from meshimplant.theatre.split import Split

Joint = Literal["stepped", "dovetail", "plain"]
#: What is printed, in this order.
_SHOWN = ("joint", "split_gap_mm", "split_lip_mm", "split_dropped_mm3", "piece_volumes_mm3")


def split(
    mesh: Path,
    /,
    *,
    output: Output,
    pieces: Annotated[int, Parameter(help="Number of pieces; 3 only without --plane and --curve.")] = 2,
    plane: Annotated[
        Six | None,
        Parameter(help="Point x y z and normal x y z of a plane, LPS mm; the first piece lies below it."),
    ] = None,
    curve: Annotated[
        Path | None,
        Parameter(help="Points of an open curve across the part, mm: .csv .txt .npy .json (3D Slicer)."),
    ] = None,
    joint: Annotated[
        Joint,
        Parameter(
            help="stepped: lips that overlap by 4 mm; dovetail: tails seen from outside; plain: a wall."
        ),
    ] = "stepped",
    gap_mm: Annotated[
        float, Parameter(help="Distance between two pieces.", validator=Number(gte=0, lte=1))
    ] = 0.2,
    skull: SkullFile | None = None,
    inside_mm: InsideMm | None = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Split a part into pieces with joints, which go in one after the other.

    Without --plane and --curve the part is split across its longest extent. Writes into OUTPUT:
    implant-1.stl, implant-2.stl, ... in the order in which they are put in, and implant.3mf, which holds each
    as an object. It is proven that each piece comes off the ones before it, and with --skull that its path
    through the bone is free; otherwise the exit code is 3.

    Parameters
    ----------
    mesh
        Closed mesh of one body.
    """
    if plane is not None and curve is not None:
        raise UsageError("expected --plane or --curve, got both: choose one")
    if pieces not in (2, 3) or (pieces == 3 and (plane is not None or curve is not None)):
        raise UsageError(f"expected --pieces 2, or 3 without --plane and --curve, got {pieces}: change it")
    from meshimplant import read_curve
    from meshimplant import split as split_part

    inputs = Inputs()
    with free_folder(output, force=output_options.force), working("splitting"):
        part = inputs.mesh(mesh, skull_options.frame)
        result = split_part(
            part,
            point_mm=None if plane is None else plane[:3],
            normal=None if plane is None else plane[3:],
            curve_mm=None if curve is None else read_curve(curve, frame=skull_options.frame),
            pieces=pieces,
            joint=joint,
            gap_mm=gap_mm,
            skull=None if skull is None else inputs.skull(skull, skull_options),
            inside_mm=inside_mm,
        )
        _write(result, output, frame=skull_options.frame, force=output_options.force)
    return _show(result, output, inputs, as_json=output_options.json)


def _write(result: Split, output: Path, *, frame: str, force: bool) -> None:
    """Write each piece as STL, and all as the objects of a 3MF."""
    from meshimplant import write_assembly, write_mesh
    from meshimplant.io.atomic import atomic_folder

    named = {f"implant-{number}": piece for number, piece in enumerate(result.pieces, 1)}
    with atomic_folder(output, force=force) as folder:
        for name, piece in named.items():
            write_mesh(piece, folder / f"{name}.stl", frame=frame, name=name)
        write_assembly(named, folder / "implant.3mf", frame=frame)


def _show(result: Split, output: Path, inputs: Inputs, *, as_json: bool) -> int:
    from meshimplant import verdict_of

    verdict = verdict_of(result.findings)
    facts: dict[str, Any] = {
        "output": output.name,
        "verdict": verdict,
        "joint": result.joint,
        **result.measures(),
        "directions": result.directions.tolist(),
    }
    rows = [(name, facts[name]) for name in _SHOWN]
    lines = [f"{output.name}: {len(result.pieces)} pieces, {verdict}", measure_table(rows)]
    lines += [describe_finding(finding) for finding in result.findings]
    facts["findings"] = [finding.to_dict() for finding in result.findings]
    show(facts, as_json=as_json, text="\n".join(lines), inputs=inputs)
    return exit_code_of(verdict, strict=False)
