"""The verb `fixation`: fix a part to the skull with plates, tabs or tangential screws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant.spec.fixation_spec import COUNT_RANGE, FixationSpec
from meshimplant_cli.exit_codes import UsageError, exit_code_of
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    InsideMm,
    Output,
    OutputOptions,
    Positive,
    SkullFile,
    SkullOptions,
    Strict,
)
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file, require_free_folder
from meshimplant_cli.terminal import describe_finding, show, table, working

if TYPE_CHECKING:
    from meshimplant import Fixation

_FEATURE_SUFFIXES = (".json", ".csv")
_SCREW_HEADING = ("screw", "of", "holds in", "mm", "length", "held", "tip to inner", "x", "y", "z")


@Parameter(name="*")
@dataclass(frozen=True)
class FixationOptions:
    """How to fix."""

    style: Annotated[
        Literal["plates", "tabs", "tangential"],
        Parameter(help="Mini-plates in recesses, tabs of the part over the bone, or tangential screws."),
    ] = "plates"
    count: Annotated[
        int | None,
        Parameter(
            help="Number of points. Default: one for each 50 mm of border, at least 4.",
            validator=Number(gte=COUNT_RANGE[0], lte=COUNT_RANGE[1]),
        ),
    ] = None
    screw_mm: Annotated[Literal["1.5", "2.0"], Parameter(help="Diameter of the screws.")] = "1.5"
    plate: Annotated[Literal["dog-bone", "straight"], Parameter(help="Shape of the plates.")] = "dog-bone"
    points: Annotated[
        Path | None,
        Parameter(help="Where to fix, mm: .csv .txt .npy .json (3D Slicer). Default: an even layout."),
    ] = None
    avoid: Annotated[
        Path | None,
        Parameter(
            help="Places from which the layout stays 12 mm away, mm, such as the weakest ones of strength; "
            "files as for --points."
        ),
    ] = None
    least_wall_mm: Annotated[
        Positive, Parameter(help="Thinnest wall below a plate; a thinner part gets bosses.")
    ] = 2.0

    def spec(self) -> FixationSpec:
        """Return the table of the prescription."""
        return FixationSpec(self.style, float(self.screw_mm), self.count, self.plate)

    def require_consistent(self) -> None:
        """Raise `UsageError` for options that exclude each other."""
        if self.points is not None and self.count is not None:
            raise UsageError("expected --points or --count, got both: leave one out")


def fixation(
    mesh: Path,
    /,
    *,
    skull: SkullFile,
    output: Output,
    how: FixationOptions = FixationOptions(),
    places_out: Annotated[
        Path | None,
        Parameter(
            help="Where to write screws, plates and tabs: .json (for check), .mrk.json (Slicer) or .csv."
        ),
    ] = None,
    plates_out: Annotated[
        Path | None, Parameter(help="Folder for models of the bent plates, one STL each.")
    ] = None,
    inside_mm: InsideMm | None = None,
    strict: Strict = False,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Fix a part to the skull: plates in recesses, tabs over the bone, or tangential screws.

    Points are laid out evenly along the border and about the long axis, where the bone beside it is wide and
    thick enough for the screw, and rather where part and bone are thick; each that was moved or left out has
    its reason. No screw reaches the inner table. Choose and check
    screws, plates and places yourself: this knows geometry only.

    Parameters
    ----------
    mesh
        Closed implant mesh of one body.
    """
    how.require_consistent()
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    if places_out is not None:
        require_free_file(places_out, _FEATURE_SUFFIXES, force=output_options.force)
    if plates_out is not None:
        require_free_folder(plates_out, force=output_options.force)
    from meshimplant import fixate, read_curve, write_features, write_mesh
    from meshimplant.design.steps import part_site
    from meshimplant.report import verdict_of

    inputs = Inputs()
    with working("fixation"):
        part = inputs.mesh(mesh, skull_options.frame)
        site = part_site(part, inputs.skull(skull, skull_options), inside_mm=inside_mm)
        given, avoided = (
            None if path is None else read_curve(path, frame=skull_options.frame)
            for path in (how.points, how.avoid)
        )
        fixed = fixate(
            part,
            site,
            spec=how.spec(),
            points_mm=given,
            avoid_mm=avoided,
            least_wall_mm=how.least_wall_mm,
        )
        write_mesh(fixed.mesh, output, frame=skull_options.frame)
        if places_out is not None:
            write_features(places_out, fixed.features)
        if plates_out is not None:
            _write_plates(fixed, plates_out, frame=skull_options.frame)
    verdict = verdict_of(fixed.findings)
    printed: dict[str, Any] = {
        "output": output.name,
        "verdict": verdict,
        **fixed.numbers(),
        "places": [place.to_dict() for place in fixed.places],
        "left_out": [place.to_dict() for place in fixed.left_out],
        "screw_table": [screw.to_dict() for screw in fixed.screws],
        "features": [feature.to_dict() for feature in fixed.features],
        "findings": [finding.to_dict() for finding in fixed.findings],
    }
    show(printed, as_json=output_options.json, text="\n".join(_lines(fixed, output)), inputs=inputs)
    return exit_code_of(verdict, strict=strict)


def _lines(fixed: Fixation, output: Path) -> list[str]:
    """Return what is printed: a heading, the table of screws, moved places and findings."""
    lines = [f"{output.name}: {len(fixed.places)} points, {fixed.style}, {len(fixed.screws)} screws"]
    rows = [
        (
            *(each.label, each.fixation, each.holds, f"{each.diameter_mm:g}", f"{each.length_mm:g}"),
            *(f"{value:.1f}" for value in (each.held_mm, each.tip_to_inner_mm, *each.point_mm)),
        )
        for each in fixed.screws
    ]
    if rows:
        lines.append(table([_SCREW_HEADING, *rows]))
    lines += [
        f"{each.label} was moved by {each.moved_mm:.0f} mm: {each.reason}"
        for each in fixed.places
        if each.moved_mm > 0
    ]
    return lines + [describe_finding(finding) for finding in fixed.findings]


def _write_plates(fixed: Fixation, folder: Path, *, frame: str) -> None:
    """Write the models of the plates into a folder."""
    from meshimplant import write_mesh

    folder.mkdir(parents=True, exist_ok=True)
    for place, plate in zip(fixed.places, fixed.plates, strict=False):
        write_mesh(plate, folder / f"plate-{place.label}.stl", frame=frame)
