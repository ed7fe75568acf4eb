"""The verb `plug`: plugs for burr holes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.exit_codes import exit_code_of
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import Output, OutputOptions, Positive, SkullOptions
from meshimplant_cli.outputs import free_folder
from meshimplant_cli.prescription_file import SpecFile, read_prescription
from meshimplant_cli.terminal import describe_finding, measure_table, show, working

if TYPE_CHECKING:
    from meshimplant.theatre.burr_hole_plug import BurrHolePlug

#: What is printed of each plug, in this order.
_SHOWN = ("plug_diameter_mm", "plug_depth_mm", "flange_diameter_mm", "proud_mm", "gap_median_mm")


def plug(
    skull: Path,
    /,
    *,
    output: Output,
    spec: SpecFile | None = None,
    thickness_mm: Annotated[
        Positive | None,
        Parameter(help="Depth of the pin; no more than the bone is thick. Default: 4."),
    ] = None,
    clearance_mm: Annotated[
        Positive | None, Parameter(help="Distance between pin and bone. Default: 0.8.")
    ] = None,
    flange_mm: Annotated[
        float,
        Parameter(help="Width of the flange beyond the hole.", validator=Number(gte=1.5, lte=8)),
    ] = 3.0,
    flange_thickness_mm: Annotated[
        float,
        Parameter(help="Thickness of the flange at the hole.", validator=Number(gte=0.5, lte=2)),
    ] = 1.0,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Make a plug for each burr hole of a skull: a round pin with a flange that rests on the bone.

    Openings of 6 to 20 mm that bone surrounds are measured and closed, larger ones are for design. Writes
    plug-1.stl, plug-2.stl, ... into OUTPUT, the widest first, and plugs.3mf, which holds each as an object. A
    plug that overlaps bone fails (exit code 3).

    Parameters
    ----------
    skull
        Mask or CT, DICOM study, or closed mesh of the skull.
    """
    asked = read_prescription(spec, thickness_mm=thickness_mm, clearance_mm=clearance_mm)
    from meshimplant import plug_burr_holes
    from meshimplant.design.reconstruct import prepare_skull
    from meshimplant.design.steps import regions_on

    inputs = Inputs()
    with free_folder(output, force=output_options.force), working("making plugs"):
        bone = inputs.skull(skull, skull_options)
        placed = regions_on(asked, bone)
        plugs = plug_burr_holes(
            prepare_skull(bone)[0],
            clearance_mm=placed.clearance_mm,
            thickness_mm=placed.thickness_mm,
            flange_mm=flange_mm,
            flange_thickness_mm=flange_thickness_mm,
        )
        _write(plugs, output, frame=skull_options.frame, force=output_options.force)
    return _show(plugs, output, inputs, as_json=output_options.json)


def _write(plugs: tuple[BurrHolePlug, ...], output: Path, *, frame: str, force: bool) -> None:
    """Write each plug as STL, and all as the objects of a 3MF."""
    from meshimplant import write_assembly, write_mesh
    from meshimplant.io.atomic import atomic_folder

    named = {f"plug-{number}": each.mesh for number, each in enumerate(plugs, 1)}
    with atomic_folder(output, force=force) as folder:
        for name, mesh in named.items():
            write_mesh(mesh, folder / f"{name}.stl", frame=frame, name=name)
        write_assembly(named, folder / "plugs.3mf", frame=frame)


def _show(plugs: tuple[BurrHolePlug, ...], output: Path, inputs: Inputs, *, as_json: bool) -> int:
    from meshimplant import verdict_of
    from meshimplant.runtime.value_text import count_of

    findings = [finding for each in plugs for finding in each.findings]
    verdict = verdict_of(findings)
    lines = [f"{output.name}: {count_of(len(plugs), 'plug')}, {verdict}"]
    listed: list[dict[str, Any]] = []
    for number, each in enumerate(plugs, 1):
        hole = each.hole.measures()
        listed.append({"hole": hole, **each.measures})
        rows = [("hole_diameter_mm", hole["diameter_mm"]), ("hole_centre_mm", hole["centre_mm"])]
        rows += [(name, each.measures[name]) for name in _SHOWN]
        lines += [f"plug-{number}.stl", measure_table(rows)]
    lines += map(describe_finding, findings)
    facts = {"output": output.name, "verdict": verdict, "plugs": listed}
    facts["findings"] = [finding.to_dict() for finding in findings]
    show(facts, as_json=as_json, text="\n".join(lines), inputs=inputs)
    return exit_code_of(verdict, strict=False)
