"""The verb `sheet`: a plate of titanium sheet over an opening, and stamps to press one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from meshimplant.spec.sheet_spec import SheetSpec
from meshimplant_cli.exit_codes import exit_code_of
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    InsideMm,
    Output,
    OutputOptions,
    SkullFile,
    SkullOptions,
    Strict,
)
from meshimplant_cli.outputs import free_folder
from meshimplant_cli.table_options import table_of, with_flags_of
from meshimplant_cli.terminal import describe_finding, measure_table, show, working

if TYPE_CHECKING:
    from meshimplant.manufacture.sheet import Sheet

#: What is printed, in this order.
SHOWN = (
    *("sheet_area_cm2", "sheet_mass_g", "sheet_holes", "sheet_open_fraction", "sheet_strut_min_mm"),
    *(
        "sheet_covered_fraction",
        "sheet_margin_min_mm",
        "sheet_held_fraction",
        "sheet_gap_p50_mm",
        "sheet_gap_p95_mm",
    ),
    *("sheet_screws", "sheet_head_proud_mm"),
)


@Parameter(name="*")
@dataclass(frozen=True)
@with_flags_of(SheetSpec)
class SheetOptions:
    """Sizes of the plate, one option for each field."""

    def prescription(self) -> SheetSpec:
        """Return the prescription; raise `UsageError` for values that are none."""
        return table_of(self, SheetSpec())


def sheet(
    mesh: Path,
    /,
    *,
    skull: SkullFile,
    output: Output,
    sheet_options: SheetOptions = SheetOptions(),
    stamps: Annotated[
        bool,
        Parameter(help="Also make a male and a female stamp, between which a stock mesh is pressed by hand."),
    ] = False,
    inside_mm: InsideMm | None = None,
    strict: Strict = False,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Make a plate of perforated titanium sheet over an opening, screwed to the bone around it.

    It takes the place of the part: it follows its outer surface, and reaches over the bone. Where there is no
    bone beside the part it ends with it. Writes into OUTPUT: sheet.stl, its screws as screws.json,
    screws.mrk.json (3D Slicer) and screws.csv, and with --stamps stamp-male.stl and stamp-female.stl, each
    with its flat base down as it is printed. Stamps give the shape of the plate: a sheet that springs back
    needs pressing beyond it.

    Parameters
    ----------
    mesh
        Closed implant mesh of one body, without fixation.
    """
    spec = sheet_options.prescription()
    from meshimplant import sheet as make_sheet
    from meshimplant.design.steps import part_site
    from meshimplant.io.atomic import atomic_folder
    from meshimplant.manufacture.write_sheet import write_sheet

    inputs = Inputs()
    with free_folder(output, force=output_options.force), working("making the plate"):
        part = inputs.mesh(mesh, skull_options.frame)
        site = part_site(part, inputs.skull(skull, skull_options), inside_mm=inside_mm)
        result = make_sheet(part, site, spec, stamps=stamps)
        with atomic_folder(output, force=output_options.force) as folder:
            write_sheet(result, folder, frame=skull_options.frame)
    return _show(result, output, inputs, strict=strict, as_json=output_options.json)


def _show(result: Sheet, output: Path, inputs: Inputs, *, strict: bool, as_json: bool) -> int:
    from meshimplant import verdict_of

    verdict = verdict_of(result.findings)
    facts: dict[str, Any] = {
        "output": output.name,
        "verdict": verdict,
        **result.measures,
        "screws": [screw.to_dict() for screw in result.screws],
        "findings": [finding.to_dict() for finding in result.findings],
    }
    lines = [
        f"{output.name}: plate, {verdict}",
        measure_table([(name, facts[name]) for name in SHOWN if facts[name] is not None]),
        *(
            f"{name}.stl: {' x '.join(f'{each:.0f}' for each in extents)} mm"
            for name, extents in result.measures.get("stamp_extents_mm", {}).items()
        ),
        *(describe_finding(finding) for finding in result.findings),
    ]
    show(facts, as_json=as_json, text="\n".join(lines), inputs=inputs)
    return exit_code_of(verdict, strict=strict)
