"""What every verb needs around its library call: progress and printing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import trimesh

    from meshimplant.report import Criterion, Finding
    from meshimplant.voxels.volume import Volume
    from meshimplant_cli.inputs import Inputs
    from meshimplant_cli.options import OutputOptions, SkullOptions


#: The metrics of the challenge.
SHOWN_METRICS = ("dice", "border_dice", "hausdorff_mm", "hausdorff95_mm")
#: The main measures of a part, in the order in which they are printed.
HEADLINES = (
    *("volume_mm3", "extents_mm", "faces", "bodies", "watertight", "self_intersections"),
    *("thickness_median_mm", "thickness_p5_mm", "thickness_p95_mm", "thickness_min_mm"),
    *("gap_median_mm", "gap_p5_mm", "gap_p95_mm", "gap_max_mm", "penetration_mm", "penetration_mm3"),
    *("coverage_fraction", "opening_coverage_fraction", "outside_fraction", "step_median_mm", "step_p95_mm"),
    *("completeness_opening_fraction", "completeness_mirrored_fraction", "completeness_population_fraction"),
    *("shape_proud_mm", "shape_sunken_mm", "shape_inward_mm"),
    *("border_angle_median_deg", "border_angle_p95_deg", "inward_protrusion_mm"),
    *("insertion_penetration_mm", "insertion_undercut_mm2", "insertion_direction"),
    *("seat_fraction", "sinks_mm"),
    *("perforation_count", "perforation_open_fraction", "perforation_ligament_min_mm"),
    *("mark_depth_mm", "mark_wall_min_mm"),
    *("resection_kerf_mm", "resection_area_mm2", "resection_flap_mm3"),
    *("template_thickness_median_mm", "template_gap_p95_mm", "template_width_min_mm", "template_drill_mm"),
    *("template_sleeves", "template_seat_least_mm", "template_seat_least_motion"),
    *("mould_cement_mm3", "mould_resin_mm3", "mould_draft_deg", "mould_deviation_p99_mm"),
    *("placement_gap_p95_mm", "placement_step_p95_mm", "placement_inward_mm"),
)
#: Units as they can be printed on any terminal.
_ASCII_UNITS = {"mm²": "mm2", "mm³": "mm3", "°": "deg"}


def inside_point(
    mesh: trimesh.Trimesh,
    skull: Path | None,
    inside_mm: tuple[float, float, float] | None,
    inputs: Inputs,
    options: SkullOptions,
) -> Any:
    """Return the point inside the head that is given, or that a skull shows; None without either."""
    if skull is None or inside_mm is not None:
        return inside_mm
    from meshimplant.design.steps import part_site

    return part_site(mesh, inputs.skull(skull, options)).inside_mm


@contextmanager
def working(label: str) -> Iterator[Callable[[str], None]]:
    """Show `label` as the running step during the block; yield a function that begins the next step.

    The lines of several steps stay on the terminal. Silent unless stderr is a terminal.
    """
    if not sys.stderr.isatty():
        yield lambda _label: None
        return
    from meshimplant_cli.progress import StepLines

    lines, done = StepLines(), False
    lines.begin(label)
    try:
        yield lines.begin
        done = True
    finally:
        lines.stop(done=done)


def show(
    result: Mapping[str, Any],
    *,
    as_json: bool,
    text: str,
    exact: bool = False,
    inputs: Inputs | None = None,
) -> None:
    """Print a result: the mapping as JSON, with all digits if `exact`, or the text.

    What was found of the inputs follows the text, and is ``input_findings`` in the JSON.
    """
    found = [] if inputs is None else inputs.findings
    if inputs is not None:
        result = {**result, "input_findings": [finding.to_dict() for finding in found]}
    lines = [text, *map(describe_finding, found)]
    say(json_text(result, exact=exact) if as_json else "\n".join(lines))


def say(text: str, *, as_error: bool = False) -> None:
    """Print a text on stdout, or on stderr, with the characters that a terminal would obey as their codes."""
    from meshimplant.runtime.printable import printable

    print(printable(text), file=sys.stderr if as_error else sys.stdout)


def show_change(
    before: trimesh.Trimesh,
    after: trimesh.Trimesh,
    output: Path,
    *,
    as_json: bool,
    inputs: Inputs | None = None,
    remarks: Sequence[str] = (),
    listed: Mapping[str, Any] | None = None,
    **more: Any,
) -> None:
    """Print faces and volume of a mesh before and after a verb, and further values.

    `remarks` are lines below them; `listed` is printed as JSON only.
    """
    result = {
        "output": output.name,
        "faces_before": len(before.faces),
        "faces_after": len(after.faces),
        "volume_before_mm3": float(before.volume),
        "volume_after_mm3": float(after.volume),
        **more,
        **(listed or {}),
    }
    text = (
        f"{output.name}: {len(after.faces)} faces (from {len(before.faces)}), "
        f"{after.volume / 1000:.2f} cm3 (from {before.volume / 1000:.2f})"
    )
    details = [measure_table(more.items())] if more else []
    show(result, as_json=as_json, text="\n".join([text, *details, *remarks]), inputs=inputs)


def json_text(result: Mapping[str, Any], *, exact: bool = False) -> str:
    """Return a mapping as indented JSON; numpy values become plain values, non-finite numbers null."""
    from meshimplant.report import plain_values

    return json.dumps(plain_values(dict(result), decimals=None if exact else 6), indent=2, allow_nan=False)


def headlines(measures: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return the main measures in a fixed order; `report.json` and ``--json`` hold all."""
    return [(name, measures[name]) for name in HEADLINES if name in measures]


def measure_table(measures: Iterable[tuple[str, object]]) -> str:
    """Return measures as aligned rows: label, rounded value, and the unit in which the name ends."""
    from meshimplant.runtime.value_text import in_unit, label_and_unit

    rows = []
    for name, value in measures:
        label, unit = label_and_unit(name)
        text = in_unit(list(value) if isinstance(value, tuple) else value, unit).replace("\u202f", " ")
        rows.append((label, text, _ASCII_UNITS.get(unit, unit)))
    labels, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{a.ljust(labels)}  {b.rjust(values)} {c}".rstrip() for a, b, c in rows)


def table(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as aligned columns: the first flush left, the others flush right."""
    lines = [[cell(value) for value in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(text.rjust(w) for text, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in lines
    )


def cell(value: object) -> str:
    """Format one value: floats to three decimals, points in brackets, None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(f"{v:.1f}" if isinstance(v, float) else cell(v) for v in value) + ")"
    return str(value)


def describe_finding(finding: Finding) -> str:
    """Return a finding as one line: severity, code, sentence, value and limit, and the place."""
    parts = [f"{finding.severity} {finding.code}: {' '.join(finding.message.split())}"]
    if finding.value is not None:
        limit = "" if finding.limit is None else f", limit {plain_number(finding.limit, finding.unit)}"
        parts.append(f"[{plain_number(finding.value, finding.unit)}{limit}]")
    if finding.location_mm is not None:
        parts.append("at ({:.1f}, {:.1f}, {:.1f}) mm".format(*finding.location_mm))
    return " ".join(parts)


def plain_number(value: float, unit: str | None) -> str:
    """Return a value with its unit, rounded as on the report page, as it can be printed on any terminal."""
    from meshimplant.runtime.value_text import with_unit

    text = with_unit(value, unit).replace("\u202f", " ")
    for sign, ascii_unit in _ASCII_UNITS.items():
        text = text.replace(sign, ascii_unit)
    return text


def describe_criteria(criteria: Sequence[Criterion]) -> list[str]:
    """Return the criteria as lines below a remark; empty without criteria."""
    if not criteria:
        return []
    from meshimplant.report import CRITERIA_NOTE

    widest = max(len(criterion.name) for criterion in criteria)
    lines = [
        f"  {criterion.name.ljust(widest)}  {_score(criterion.score)}  {criterion.reason}"
        for criterion in criteria
    ]
    return [CRITERIA_NOTE, *lines]


def _score(score: float | None) -> str:
    return "not rated" if score is None else f"{score:g}".ljust(4)


def volume_mm3(body: Volume | trimesh.Trimesh) -> float:
    """Return the volume of a mesh, or of the positive voxels."""
    from meshimplant import Volume

    if isinstance(body, Volume):
        return float((body.array > 0).sum() * body.voxel_volume_mm3)
    return float(body.volume)


def show_body(
    body: Volume | trimesh.Trimesh, output: Path, output_options: OutputOptions, inputs: Inputs
) -> None:
    """Print the volume of a written body."""
    enclosed_mm3 = volume_mm3(body)
    result: dict[str, Any] = {"output": output.name, "volume_mm3": enclosed_mm3}
    show(
        result,
        as_json=output_options.json,
        text=f"{output.name}: {enclosed_mm3 / 1000:.2f} cm3",
        inputs=inputs,
    )
