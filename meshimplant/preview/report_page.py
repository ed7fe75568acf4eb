"""`write_report_html`: the report as one page that an engineer reads, signs and files."""

from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import Any

from meshimplant.errors import InputError
from meshimplant.preview.picture_errors import picture_errors
from meshimplant.preview.templates import render_template, write_text
from meshimplant.report import CRITERIA_NOTE, Report

_UNITS = {"mm": "mm", "mm2": "mm²", "mm3": "mm³", "deg": "°", "hu": "HU", "s": "s", "fraction": "%"}
_SEVERITIES = ("error", "warning", "info")
# Measures that must be nothing in a solid that does not touch bone.
_NONE_ALLOWED = (
    "boundary_edges",
    "nonmanifold_edges",
    "nonmanifold_vertices",
    "self_intersections",
    "degenerate_faces",
    "winding",
    "penetration_mm3",
)


def write_report_html(report: Report, path: str | Path, *, preview_png: bytes | None = None) -> None:
    """Write the report as one HTML page: verdict, picture, findings, measures, prescription, steps, files,
    versions.

    The page is complete in itself (style and picture inside, no script, nothing fetched), prints on A4, and
    every value from the report is escaped.

    Parameters
    ----------
    report
        As `design_implant` fills it. One without any measure is shown as not checked.
    preview_png
        The picture of `render_preview`, as the bytes of a PNG file.

    Raises
    ------
    InputError
        `preview_png` is not a PNG.
    OutputError
        The file cannot be written.
    """
    with picture_errors("report page"):
        write_text(path, report_html(report, preview_png=preview_png))


def report_html(report: Report, *, preview_png: bytes | None = None) -> str:
    """Return the page of `write_report_html` as text."""
    if preview_png is not None and not preview_png.startswith(b"\x89PNG\r\n"):
        raise InputError(
            "expected preview_png to be the bytes of a PNG file, got something else: pass render_preview's"
        )
    values = report.to_dict()
    return render_template(
        "report.html.j2",
        verdict=verdict(report),
        picture=None if preview_png is None else base64.b64encode(preview_png).decode("ascii"),
        findings=[_finding_row(finding) for finding in _by_severity(values["findings"])],
        measures=[_measure_row(name, value, values["spec"]) for name, value in _flat(values["measures"])],
        criteria=[_criterion_row(criterion) for criterion in values["criteria"]["rated"]],
        criteria_note=CRITERIA_NOTE,
        spec=_pairs(values["spec"]),
        method=_pairs(values["method"]),
        steps=[_step_row(step) for step in values["steps"]],
        total_s=shown(sum(step.seconds for step in report.steps)),
        inputs=values["inputs"],
        outputs=values["outputs"],
        versions=_pairs(values["versions"]),
        frame=values["frame"],
        seed=values["seed"],
        schema=values["schema_version"],
    )


def verdict(report: Report) -> dict[str, str]:
    """Return the page's first words: ``kind`` (pass, warn, fail, none), ``words`` and one ``sentence``."""
    errors = sum(finding.severity == "error" for finding in report.findings)
    warnings = sum(finding.severity == "warning" for finding in report.findings)
    if errors:
        return _verdict(
            "fail", "NOT A PRINTABLE PART", f"{_count(errors, 'check')} failed: read the findings below."
        )
    if not report.measures:
        return _verdict("none", "NOT CHECKED", "Nothing was measured on a part: there is no verdict.")
    if warnings:
        return _verdict(
            "warn", "PASS, WITH WARNINGS", f"{_count(warnings, 'finding')} to look at before printing."
        )
    return _verdict("pass", "PASS", "Every check of the part was passed.")


def shown(value: Any) -> str:
    """Write a value for a reader: the digits that matter, thousands apart, yes or no, a dash for nothing."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if isinstance(value, float):
        return _shown_float(value)
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value) or "-"
    if isinstance(value, dict):
        return "; ".join(_shown_pair(key, item) for key, item in value.items()) or "-"
    return str(value)


def _shown_pair(name: str, value: Any) -> str:
    words, unit = _label(name)
    return f"{words} {_in_unit(value, unit)} {unit}".rstrip()


def _in_unit(value: Any, unit: str) -> str:
    """Write a value; fractions become percent."""
    if unit == "%" and isinstance(value, int | float) and not isinstance(value, bool):
        value = 100.0 * value
    return shown(value)


def _shown_float(value: float) -> str:
    size = abs(value)
    if 0 < size < 0.01:
        return f"{value:.2g}"
    digits = 0 if size >= 1000 else 1 if size >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", "\u202f")


def _verdict(kind: str, words: str, sentence: str) -> dict[str, str]:
    return {"kind": kind, "words": words, "sentence": sentence}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _label(name: str) -> tuple[str, str]:
    """Split a dimensional name into words and unit: ``gap_median_mm`` is ("gap median", "mm")."""
    stem, _, suffix = name.rpartition("_")
    if stem and suffix in _UNITS:
        return stem.replace("_", " "), _UNITS[suffix]
    return name.replace("_", " "), ""


def _flat(values: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Return nested measures as (name, value) pairs, inner names after outer ones."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        name = f"{before}{key}"
        rows += _flat(value, f"{name}_") if isinstance(value, dict) else [(name, value)]
    return rows


def _measure_row(name: str, value: Any, spec: dict[str, Any]) -> dict[str, str]:
    words, unit = _label(name)
    return {"name": words, "value": _in_unit(value, unit), "unit": unit, "asked": _asked(name, spec)}


def _asked(name: str, spec: dict[str, Any]) -> str:
    """Return what the prescription, or a solid as such, asks of a measure; empty where neither does."""
    if name.endswith(_NONE_ALLOWED):
        return "0"
    if name.endswith("watertight"):
        return "yes"
    simple = {
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
    if name in simple and simple[name] in spec:
        return ("at most " if name == "faces" else "") + shown(spec[simple[name]])
    return ""


def _finding_row(finding: dict[str, Any]) -> dict[str, str]:
    unit = finding["unit"] or ""
    place = finding["location_mm"]
    return {
        "severity": finding["severity"],
        "code": finding["code"],
        "message": finding["message"],
        "value": f"{shown(finding['value'])} {unit}" if finding["value"] is not None else "",
        "limit": f"{shown(finding['limit'])} {unit}" if finding["limit"] is not None else "",
        "place": "" if place is None else "L {:.1f}  P {:.1f}  S {:.1f}".format(*place),
    }


def _criterion_row(criterion: dict[str, Any]) -> dict[str, str]:
    score = criterion["score"]
    return {
        "name": criterion["name"],
        "score": "not rated" if score is None else f"{score:g}",
        "scale": criterion["scale"],
        "reason": criterion["reason"],
    }


def _step_row(step: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": step["name"],
        "parameters": shown(step["parameters"]) if step["parameters"] else "",
        "seconds": shown(float(step["seconds"] or 0)),
        "before": shown(step["volume_before_mm3"]),
        "after": shown(step["volume_after_mm3"]),
        "notes": list(step["notes"]),
    }


def _pairs(values: dict[str, Any]) -> list[dict[str, str]]:
    rows = []
    for name, value in values.items():
        words, unit = _label(name)
        rows.append({"name": words, "value": _in_unit(value, unit), "unit": unit})
    return rows


def _by_severity(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(findings, key=lambda finding: _SEVERITIES.index(finding["severity"]))
