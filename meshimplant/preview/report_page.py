"""`write_report_html`: the report as one HTML page, to be read, printed, signed and filed."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from meshimplant.errors import InputError
from meshimplant.preview.deciding_numbers import KINDS, deciding_numbers
from meshimplant.preview.drawing_text import fact_lines
from meshimplant.preview.html_templates import render_template, write_text
from meshimplant.preview.picture_errors import picture_errors
from meshimplant.preview.report_surgery import fixation_rows, strength_rows
from meshimplant.preview.verdict_kinds import VERDICT_KINDS
from meshimplant.report import CRITERIA_NOTE, Report
from meshimplant.runtime.value_text import count_of, in_unit, label_and_unit, shown, with_unit

_SEVERITIES = ("error", "warning", "info")
#: Sections of the measured part, and how the names of their measures begin.
_SECTIONS = {
    "Thickness": ("thickness", "bone_thickness", "border_height"),
    "Gap to bone": ("nearest_bone", "gap", "penetration", "detached"),
    "Position in the opening": (
        "coverage",
        "opening_coverage",
        "outside",
        "under_bone",
        "step",
        "border_angle",
        "inner_step",
        "inward_protrusion",
        "completeness",
        "shape",
    ),
    "Insertion": ("insertion",),
    "Lip": ("lip",),
    "Holes and text": ("holes", "perforation", "mark"),
    "Under load": ("strength",),
    "Mesh": (
        "boundary_edges",
        "nonmanifold",
        "winding",
        "degenerate_faces",
        "self_intersections",
        "faces",
        "vertices",
        "bodies",
        "body",
        "internal_shells",
        "volume",
        "mass",
        "area",
        "extents",
        "euler_number",
        "watertight",
        "aspect",
    ),
    "Resection and template": ("resection", "template"),
}
_OTHER = "Other"
#: Measures that must be zero in a solid that does not touch bone.
_MUST_BE_ZERO = (
    "boundary_edges",
    "nonmanifold_edges",
    "nonmanifold_vertices",
    "self_intersections",
    "degenerate_faces",
    "winding",
    "penetration_mm3",
)


def write_report_html(
    report: Report,
    path: str | Path,
    **pictures: bytes | None,
) -> None:
    """Write the report as a self-contained HTML page.

    The page holds label, date, verdict, the six numbers that decide, pictures and findings, a line to release
    the part, and, folded, measures, criteria, prescription, steps, files and versions. It contains no script,
    fetches nothing and prints on A4; a folded table is printed once it is unfolded. Every value of the
    report is escaped.

    Parameters
    ----------
    report : Report
        A report without any measure is shown as not checked.
    path : str or Path
        HTML file to write.
    **pictures : bytes, optional
        PNG files as preview_png, slices_png, drawing_png, strength_png and template_png: the pictures of
        `render_preview`, `write_slices`, `write_drawing`, `render_strength` and `write_template_picture`.

    Raises
    ------
    InputError
        A picture is not a PNG.
    OutputError
        The file cannot be written.
    """
    with picture_errors("report page"):
        write_text(path, report_html(report, **pictures))


def report_html(
    report: Report,
    *,
    preview_png: bytes | None = None,
    slices_png: bytes | None = None,
    drawing_png: bytes | None = None,
    strength_png: bytes | None = None,
    template_png: bytes | None = None,
) -> str:
    """Return the page of `write_report_html` as text."""
    values = report.to_dict()
    return render_template(
        "report.html.j2",
        verdict=verdict(report),
        picture=_embedded(preview_png, "preview_png"),
        slices=_embedded(slices_png, "slices_png"),
        drawing=_embedded(drawing_png, "drawing_png"),
        template_picture=_embedded(template_png, "template_png"),
        strength_picture=_embedded(strength_png, "strength_png"),
        strength=strength_rows(values["strength"]),
        facts=", ".join(fact_lines(report.measures)),
        label=report.label,
        date=report.date,
        deciding=[(number, KINDS[number.verdict]) for number in deciding_numbers(report)],
        findings=finding_rows(values["findings"]),
        measures=measure_sections(values["measures"], values["spec"]),
        criteria=[_criterion_row(criterion) for criterion in values["criteria"]["rated"]],
        criteria_note=CRITERIA_NOTE,
        fixation=fixation_rows(values["fixation"]),
        spec=named_values(values["spec"]),
        method=named_values(values["method"]),
        steps=[_step_row(step) for step in values["steps"]],
        total_s=shown(sum(step.seconds for step in report.steps)),
        inputs=values["inputs"],
        outputs=values["outputs"],
        versions=[f"{name} {version}" for name, version in values["versions"].items()],
        frame=values["frame"],
        seed=values["seed"],
        schema=values["schema_version"],
    )


def _embedded(picture: bytes | None, name: str) -> str | None:
    """Return a PNG as the page holds it."""
    if picture is None:
        return None
    require_png(picture, name)
    return base64.b64encode(picture).decode("ascii")


def require_png(picture: bytes, name: str) -> None:
    """Raise `InputError` if a picture is not the bytes of a PNG file."""
    if not picture.startswith(b"\x89PNG\r\n"):
        raise InputError(
            f"expected {name} to be the bytes of a PNG file, got other data: pass the file that was written"
        )


def verdict(report: Report) -> dict[str, str]:
    """Return the verdict: ``kind`` (pass, warn, fail, none), ``words`` and a ``sentence``."""
    if report.verdict is None:
        sentence = "No part was measured, so there is no verdict."
        return {"kind": "none", "words": "not checked", "sentence": sentence}
    errors, warnings = (
        sum(finding.severity == severity for finding in report.findings) for severity in ("error", "warning")
    )
    sentence = {
        "failed": f"{count_of(errors, 'check')} failed: see the findings below.",
        "passed with warnings": f"{count_of(warnings, 'warning')} to review before printing.",
        "passed": "The part passed every check.",
    }[report.verdict]
    return {"kind": VERDICT_KINDS[report.verdict], "words": report.verdict, "sentence": sentence}


def _heading(words: str) -> str:
    """Return the words with a capital first letter; the rest stays, as in "PEEK"."""
    return words[:1].upper() + words[1:]


def measure_sections(measures: dict[str, Any], spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the measures by section, each with ``name`` and ``rows``; empty sections are left out."""
    rows: dict[str, list[dict[str, str]]] = {section: [] for section in (*_SECTIONS, _OTHER)}
    for name, value in _flat(measures):
        rows[_section_of(name)].append(_measure_row(name, value, spec))
    return [{"name": section, "rows": found} for section, found in rows.items() if found]


def _section_of(name: str) -> str:
    """Return the section with the longest matching beginning of a measure's name."""
    matches = [
        (len(start), s) for s, starts in _SECTIONS.items() for start in starts if name.startswith(start)
    ]
    return max(matches)[1] if matches else _OTHER


def _flat(values: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Return nested measures as (name, value) pairs; an inner name follows the outer one."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        name = f"{before}{key}"
        rows += _flat(value, f"{name}_") if isinstance(value, dict) else [(name, value)]
    return rows


def _measure_row(name: str, value: Any, spec: dict[str, Any]) -> dict[str, str]:
    """Return the cells of a measure."""
    words, unit = label_and_unit(name)
    required = _requirement(name, spec)
    return {"name": _heading(words), "value": in_unit(value, unit), "unit": unit, "required": required}


def _requirement(name: str, spec: dict[str, Any]) -> str:
    """Return what the prescription, or any printable solid, requires of a measure; empty if nothing."""
    if name.endswith(_MUST_BE_ZERO):
        return "0"
    if name.endswith("watertight"):
        return "yes"
    targets = {
        "bodies": "bodies",
        "faces": "max_faces",
        "thickness_median_mm": "thickness_mm",
        "gap_median_mm": "clearance_mm",
    }
    limits = {
        "thickness_min_mm": ("at least", "thickness_min_mm"),
        "thickness_max_mm": ("at most", "thickness_max_mm"),
    }
    if name in limits and limits[name][1] in spec:
        word, key = limits[name]
        return f"{word} {shown(spec[key])}"
    if name in targets and targets[name] in spec:
        return ("at most " if name == "faces" else "") + shown(spec[targets[name]])
    return ""


def _finding_row(finding: dict[str, Any]) -> dict[str, str]:
    """Return the cells of a finding."""
    value, limit, unit = finding["value"], finding["limit"], finding["unit"]
    place = finding["location_mm"]
    return {
        "severity": finding["severity"],
        "code": finding["code"],
        "message": _heading(finding["message"]),
        "value": with_unit(value, unit) if value is not None else "",
        "limit": with_unit(limit, unit) if limit is not None else "",
        "place": "" if place is None else "L {:.1f}  P {:.1f}  S {:.1f}".format(*place),
    }


def _criterion_row(criterion: dict[str, Any]) -> dict[str, str]:
    """Return the cells of a criterion."""
    score = criterion["score"]
    return {
        "name": _heading(criterion["name"]),
        "score": "not rated" if score is None else f"{score:g}",
        "scale": criterion["scale"],
        "reason": _heading(criterion["reason"]),
    }


def _step_row(step: dict[str, Any]) -> dict[str, Any]:
    """Return the cells of a step; parameters without a value are left out."""
    parameters = {key: value for key, value in step["parameters"].items() if value not in (None, "", [], {})}
    return {
        "name": _heading(step["name"]),
        "parameters": shown(parameters) if parameters else "",
        "seconds": shown(float(step["seconds"] or 0)),
        "before": shown(step["volume_before_mm3"]),
        "after": shown(step["volume_after_mm3"]),
        "remarks": [_heading(remark) for remark in step["notes"]],
    }


def named_values(values: dict[str, Any]) -> list[dict[str, str]]:
    """Return the cells of named values; those without a value are left out."""
    rows = []
    for name, value in values.items():
        if value is not None:
            words, unit = label_and_unit(name)
            rows.append({"name": _heading(words), "value": in_unit(value, unit), "unit": unit})
    return rows


def finding_rows(findings: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the cells of findings, the most severe first."""
    ordered = sorted(findings, key=lambda finding: _SEVERITIES.index(finding["severity"]))
    return [_finding_row(finding) for finding in ordered]
