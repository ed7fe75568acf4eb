"""`write_summary`: the summary of a batch as a table, for programs, and as a page."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from meshimplant.batch.batch_summary import BatchSummary, numbers_of
from meshimplant.batch.case_record import CaseRecord
from meshimplant.batch.summary_page import summary_html
from meshimplant.preview.html_templates import write_text

#: Columns of every table; those of the numbers follow ``findings``.
_FIRST = ("case", "outcome", "exit_code", "error", "message", "errors", "warnings", "findings")
_LAST = ("metrics_message", "seconds", "memory_mb", "attempts")


def write_summary(summary: BatchSummary, folder: Path) -> None:
    """Write ``summary.csv``, ``summary.json`` and ``summary.html`` into the folder of a batch."""
    write_text(folder / "summary.csv", summary_csv(summary))
    write_text(folder / "summary.json", json.dumps(summary.to_dict(), indent=2, allow_nan=False) + "\n")
    write_text(folder / "summary.html", summary_html(summary, folder))


def summary_csv(summary: BatchSummary) -> str:
    """Return a row for each case, worst first; numbers are not rounded, unknown ones are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, (*_FIRST, *summary.distributions, *_LAST), lineterminator="\n")
    writer.writeheader()
    for case in summary.cases:
        numbers = {name: value for name, value in numbers_of(case).items() if name in summary.distributions}
        writer.writerow({**_facts(case), **numbers})
    return text.getvalue()


def _facts(case: CaseRecord) -> dict[str, Any]:
    return {
        "case": case.name,
        "outcome": case.outcome,
        "exit_code": case.exit_code,
        "error": case.error,
        "message": case.message,
        "errors": case.count("error"),
        "warnings": case.count("warning"),
        "findings": " ".join(sorted({finding["code"] for finding in case.findings})),
        "metrics_message": case.metrics_message,
        "seconds": case.seconds,
        "memory_mb": case.memory_mb,
        "attempts": case.attempts,
    }
