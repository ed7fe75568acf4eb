"""The summary of a batch: worst first, distributions, findings, table and page."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from meshimplant.batch.batch_summary import BatchSummary
from meshimplant.batch.case_record import CaseRecord
from meshimplant.batch.distribution_plot import MARGIN, WIDTH, plot_of
from meshimplant.batch.summary_page import summary_html
from meshimplant.batch.write_summary import summary_csv


def number(measure: str, value: float | None, limit: float, verdict: str, *, at_least: bool = False) -> dict:
    return {
        "measure": measure,
        "label": measure,
        "value": value,
        "limit": limit,
        "at_least": at_least,
        "verdict": verdict,
    }


def part(name: str, outcome: str, gap: float, wall: float = 3.0, **more: object) -> CaseRecord:
    numbers = [
        number("gap_p95_mm", gap, 2.0, "beyond" if gap > 2 else "within"),
        number("thickness_min_mm", wall, 2.0, "review" if wall < 2 else "within", at_least=True),
    ]
    codes = ["fit.gap"] if gap > 2 else []
    found = [{"code": code, "severity": "error", "message": "wide"} for code in codes]
    return CaseRecord(name, "design", outcome=outcome, numbers=numbers, findings=found, **more)  # type: ignore


CASES = [
    part("near", "passed", 1.9),
    part("far", "passed", 0.5, files={"far/report.html": "0", "far/preview.png": "0"}),
    part("thin", "passed with warnings", 0.5, wall=1.0),
    part("wide", "failed", 2.5),
    part("wider", "failed", 4.0, metrics={"dice": 0.9, "hausdorff95_mm": 1.0, "volume_mm3": 5.0}),
    CaseRecord("gone", "design", outcome="not done", error="EmptyMaskError", message="got <none>"),
]


def test_cases_stand_worst_first_in_whatever_order_they_came() -> None:
    for cases in (CASES, CASES[::-1]):
        summary = BatchSummary.of("design", cases, run={})
        assert [case.name for case in summary.cases] == ["gone", "wider", "wide", "thin", "near", "far"]
    assert summary.counts == {"not done": 1, "failed": 2, "passed with warnings": 1, "passed": 2}
    assert [case.name for case in summary.failures] == ["gone"]


def test_distributions_and_counts_of_findings() -> None:
    summary = BatchSummary.of("design", CASES, run={})
    spreads = summary.distributions
    assert list(spreads) == ["gap_p95_mm", "thickness_min_mm", "dice", "hausdorff95_mm"]
    gaps = spreads["gap_p95_mm"]
    assert (gaps["cases"], gaps["min"], gaps["median"], gaps["max"]) == (5, 0.5, 1.9, 4.0)
    assert gaps["mean"] == pytest.approx(9.4 / 5)
    assert spreads["dice"]["cases"] == 1
    assert summary.findings == [{"code": "fit.gap", "severity": "error", "cases": 2}]


def test_the_table_has_a_row_for_each_case_with_its_numbers() -> None:
    rows = list(csv.DictReader(io.StringIO(summary_csv(BatchSummary.of("design", CASES, run={})))))
    assert [row["case"] for row in rows] == ["gone", "wider", "wide", "thin", "near", "far"]
    assert (rows[1]["gap_p95_mm"], rows[1]["dice"], rows[1]["findings"]) == ("4.0", "0.9", "fit.gap")
    assert (rows[0]["gap_p95_mm"], rows[0]["error"]) == ("", "EmptyMaskError")


def test_a_plot_puts_each_case_in_its_column_and_the_limit_at_its_place() -> None:
    values = [
        (f"{i}", value, number("gap_p95_mm", value, 1.5, "within"))
        for i, value in enumerate((0.0, 0.01, 9.0))
    ]
    values[2][2]["verdict"] = "beyond"
    spread = {"cases": 3, "min": 0.0, "p25": 0.0, "median": 1.5, "p75": 3.0, "max": 9.0}
    plot = plot_of("gap_p95_mm", values, spread)
    low, high = plot.columns
    assert (low.kind, low.names, high.kind, high.names) == ("pass", "0, 1", "fail", "2")
    assert low.height == 2 * high.height
    assert low.x < MARGIN + 1
    assert high.x + high.width == pytest.approx(WIDTH - MARGIN, abs=1)
    assert plot.limit == plot.box[1] == WIDTH / 2
    assert [text for _, text in plot.ticks] == ["0.00", "1.50", "≥3.00"]
    values[0][2]["limit"] = 1.0
    assert plot_of("gap_p95_mm", values, spread).limit is None


def test_the_page_is_whole_and_escapes_what_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    Image.new("RGB", (1100, 640), (0, 90, 200)).save(tmp_path / "far" / "preview.png")
    summary = BatchSummary.of("design", CASES, run={"workers": 2, "seconds": 250.0, "kept": 1})
    page = summary_html(summary, tmp_path)
    assert "Design: 6 cases" in page
    assert "5 min on 2 processes, 1 kept from an earlier run" in page
    assert "got &lt;none&gt;" in page
    assert page.index(">gone<") < page.index(">wider<") < page.index(">far<")
    assert 'href="far/report.html"' in page
    assert page.count("<figure>") == 4
    assert len(re.findall(r'src="data:image/jpeg;base64,/9j/', page)) == 1
    assert "<script" not in page
    assert not re.search(r'(src|href)="https?:', page)
