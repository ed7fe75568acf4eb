"""`summary_html`: the summary of a batch as one HTML page, worst cases first."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any
from urllib.parse import quote

from meshimplant.batch.batch_summary import BatchSummary, numbers_of
from meshimplant.batch.case_record import CaseRecord
from meshimplant.batch.distribution_plot import HEIGHT, WIDTH, Plot, plot_of
from meshimplant.batch.summary_template import SUMMARY_TEMPLATE
from meshimplant.preview.deciding_numbers import KINDS
from meshimplant.preview.html_templates import render_text
from meshimplant.runtime.value_text import count_of, in_unit, label_and_unit, shown, with_unit

#: Style of each outcome.
_KINDS = {
    "not run": "none",
    "not done": "fail",
    "failed": "fail",
    "passed with warnings": "warn",
    "passed": "pass",
    "done": "pass",
}
#: Metrics that are drawn, but have no column of their own: the table would be wider than a screen.
_PLOTTED_ONLY = ("hausdorff_mm", "coverage_fraction", "protrusion_mm")
_THUMBNAIL_PX = (440, 256)
#: Links to what a case has written, by the end of the file's name, in their order.
_LINKS = (
    ("report.html", "report"),
    ("preview.html", "turn"),
    (".html", "page"),
    (".png", "picture"),
    ("implant.stl", "part"),
    (".stl", "mesh"),
    (".3mf", "mesh"),
    (".nrrd", "voxels"),
)


def summary_html(summary: BatchSummary, folder: Path) -> str:
    """Return the page: outcomes, failures, the distribution of each number, findings, and all cases.

    It holds small pictures of the parts, contains no script and fetches nothing; links lead to the files of
    the cases beside it.
    """
    counts = summary.counts
    return render_text(
        SUMMARY_TEMPLATE,
        verb=summary.verb,
        total=count_of(len(summary.cases), "case"),
        counts=[(outcome, count, _KINDS[outcome]) for outcome, count in counts.items()],
        failures=[case for case in summary.cases if case.failed and case.error],
        plots=_plots(summary),
        size=(WIDTH, HEIGHT),
        findings=summary.findings,
        heads=[_head(name, summary) for name in summary.distributions if name not in _PLOTTED_ONLY],
        cases=[_row(case, summary, folder) for case in summary.cases],
        has_pictures=any(_picture_of(case) for case in summary.cases),
        seconds=_duration(float(summary.run["seconds"])),
        workers=summary.run["workers"],
        kept=summary.run["kept"],
        versions=", ".join(f"{name} {version}" for name, version in summary.to_dict()["versions"].items()),
    )


def _plots(summary: BatchSummary) -> list[Plot]:
    plots = []
    for measure, spread in summary.distributions.items():
        values = []
        for case in summary.cases:
            value = numbers_of(case).get(measure)
            facts = next((each for each in case.numbers if each["measure"] == measure), {})
            if value is not None:
                values.append((case.name, float(value), facts))
        plots.append(plot_of(measure, values, spread))
    return plots


def _head(measure: str, summary: BatchSummary) -> dict[str, str]:
    """Return the words above a column of numbers."""
    words, unit = label_and_unit(measure)
    numbers = (number for case in summary.cases for number in case.numbers)
    words = next((each["label"] for each in numbers if each["measure"] == measure), words)
    return {"name": words[:1].upper() + words[1:], "unit": unit}


def _row(case: CaseRecord, summary: BatchSummary, folder: Path) -> dict[str, Any]:
    """Return the cells of a case."""
    values = numbers_of(case)
    verdicts = {number["measure"]: KINDS.get(number["verdict"], "none") for number in case.numbers}
    cells = []
    for measure in (name for name in summary.distributions if name not in _PLOTTED_ONLY):
        unit = label_and_unit(measure)[1]
        value = values.get(measure)
        text = "-" if value is None else in_unit(value, unit)
        cells.append({"text": text, "kind": verdicts.get(measure, "none")})
    picture = _picture_of(case)
    counted = [count_of(number, word) for word in ("error", "warning") if (number := case.count(word))]
    return {
        "name": case.name,
        "outcome": case.outcome,
        "kind": _KINDS[case.outcome],
        "cells": cells,
        "picture": None if picture is None else _thumbnail(folder / picture),
        "links": _links(case),
        "codes": sorted({f["code"] for f in case.findings if f["severity"] != "info"}),
        "counted": ", ".join(counted),
        "message": case.message or case.metrics_message,
        "seconds": _duration(case.seconds),
        "memory": with_unit(float(case.memory_mb) / 2**10, "GB") if case.memory_mb else "-",
    }


def _links(case: CaseRecord) -> list[tuple[str, str]]:
    """Return the links of a case as (words, target)."""
    links: dict[str, str] = {}
    for ending, words in _LINKS:
        names = [name for name in case.files if name.endswith(ending) and name.count("/") <= 1]
        if names and not (ending.startswith(".") and len(case.files) > 1):
            links.setdefault(words, quote(names[0]))
    return list(links.items())


def _picture_of(case: CaseRecord) -> str | None:
    """Return the file of the picture of a case; None without one."""
    places = (f"{case.name}/preview.png", f"{case.name}.png")
    return next((place for place in places if place in case.files), None)


def _thumbnail(path: Path) -> str | None:
    """Return a small copy of a picture as the page holds it; None where it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
            small.thumbnail(_THUMBNAIL_PX)
    except (OSError, UnidentifiedImageError):
        return None
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _duration(seconds: float) -> str:
    """Return a time in words: seconds, minutes or hours."""
    if seconds < 100:
        return f"{shown(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{shown(minutes / 60)} h"
