"""The report page: the verdict first, every value escaped, nothing fetched."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from meshimplant.errors import InputError, OutputError
from meshimplant.preview.deciding_numbers import deciding_numbers
from meshimplant.preview.report_page import report_html, shown, verdict, write_report_html
from meshimplant.report import CRITERIA_NOTE, Criterion, Finding, Report, Step
from meshimplant.spec.implant_spec import ImplantSpec

EVIL = "<script>alert('1')</script>"


class _Text(HTMLParser):
    """Collects tags, and the words a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


def _report() -> Report:
    return Report(
        method={"name": "mirror", "reason": "Reason | the healthy side is whole", "plane_offset_mm": 1.234},
        spec=ImplantSpec().to_dict(),
        steps=[Step("Separate", {"opening_mm": 1.5}, 0.9, 41234.2, 38100.1, ("3 pieces removed",))],
        measures={
            "volume_mm3": 24100.3,
            "thickness_median_mm": 4.02,
            "coverage_fraction": 0.982,
            "watertight": True,
            "boundary_edges": 0,
            "solid": {"euler_number": 2},
            "thickness_min_at_mm": (12.0, -40.3, 88.8),
            "gap_p95_mm": float("nan"),
        },
        inputs=[{"name": "head.nrrd", "sha256": "ab" * 32}],
        outputs=[{"name": "implant.stl", "sha256": "cd" * 32}],
        versions={"meshimplant": "0.1.0"},
        seed=7,
    )


@pytest.mark.parametrize(
    ("severities", "kind", "words"),
    [
        ((), "pass", "passed"),
        (("info",), "pass", "passed"),
        (("info", "warning"), "warn", "passed with warnings"),
        (("warning", "error"), "fail", "failed"),
    ],
)
def test_verdict_follows_the_worst_finding(severities: tuple, kind: str, words: str) -> None:
    report = _report()
    report.add(Finding(f"a.{severity}", severity, "Something.") for severity in severities)
    assert verdict(report)["kind"] == kind
    shown_words = _Text(report_html(report)).words
    assert words in shown_words
    assert (
        sum(word in {"passed", "passed with warnings", "failed", "not checked"} for word in shown_words) == 1
    )


def test_the_six_numbers_come_first_with_limit_and_verdict() -> None:
    report = _report()
    report.add([Finding("thickness.too_thin", "error", "Too thin.", 1.7, 2.0, "mm")])
    report.add([Finding("completeness.mirrored", "warning", "A lack.", 0.9, 0.95, "fraction")])
    report.measures |= {"thickness_min_mm": 1.7, "completeness_mirrored_fraction": 0.9, "gap_p95_mm": 1.1}
    numbers = deciding_numbers(report)
    assert [(each.value, each.limit, each.verdict) for each in numbers] == [
        ("1.70 mm", "at least 2.00 mm", "beyond"),
        ("1.10 mm", "at most 1.30 mm", "within"),
        ("-", "at most 0.05 mm", "not measured"),
        ("90.0 %", "at least 95.0 %", "review"),
        ("-", "at most 0.80 mm", "not measured"),
        ("-", "at most 0.30 mm", "not measured"),
    ]
    words = _Text(report_html(report)).words
    assert words.index("The six numbers that decide") < words.index("Thinnest wall") < words.index("Findings")
    assert words.index("Findings") < words.index("Release") < words.index("Measured part")


def test_label_and_date_are_on_the_page_and_in_its_title() -> None:
    plain = report_html(_report())
    assert "<title>cranial implant, design report</title>" in plain
    named = _report()
    named.label, named.date = "12-7", "2026-11-30"
    page = report_html(named)
    assert "<title>12-7: cranial implant, design report, 2026-11-30</title>" in page
    assert '<meta name="date" content="2026-11-30">' in page
    assert {"12-7"} <= set(_Text(page).words)


def test_an_unmeasured_part_has_no_verdict() -> None:
    assert verdict(Report())["words"] == "not checked"
    assert "Nothing was measured." in _Text(report_html(Report())).words


def test_everything_in_the_report_is_on_the_page() -> None:
    report = _report()
    report.add([Finding("thickness.too_thin", "error", "Too thin.", 1.7, 2.0, "mm", (12.0, -40.3, 88.8))])
    words = " | ".join(_Text(report_html(report)).words)
    for expected in (
        "24\u202f100 | mm³",
        "Thickness, median | 4.02 | mm | 4.00",
        "Coverage | 98.2 | %",
        "Watertight | yes | yes",
        "Boundary edges | 0 | 0",
        "Other | Value | Unit | Required | Solid euler number | 2",
        "Thickness min at | 12.0, -40.3, 88.8 | mm",
        "Gap, 95th percentile | - | mm",
        "Too thin.",
        "thickness.too_thin",
        "1.70 mm",
        "2.00 mm",
        "L 12.0 P -40.3 S 88.8",
        "Reason | the healthy side is whole",
        "Plane offset | 1.23 mm",
        "Clearance | 0.80 | mm",
        "Separate",
        "opening 1.50 mm",
        "3 pieces removed",
        "0.90",
        "41\u202f234",
        "38\u202f100",
        "head.nrrd | " + "ab" * 32,
        "implant.stl | " + "cd" * 32,
        "meshimplant 0.1.0",
        "Random seed | 7",
        "Not a medical device.",
    ):
        assert expected in words.replace("  ", " "), expected


def test_every_value_is_escaped() -> None:
    evil = Report(
        method={EVIL: EVIL},
        spec={EVIL: EVIL},
        steps=[Step(EVIL, {EVIL: EVIL}, 1.0, notes=(EVIL,))],
        findings=[Finding(EVIL, "warning", EVIL, 1.0, 1.0, EVIL)],
        measures={EVIL: EVIL, "list": [EVIL]},
        inputs=[{"name": EVIL, "sha256": EVIL}],
        outputs=[{"name": EVIL, "sha256": EVIL}],
        versions={EVIL: EVIL},
    )
    page = report_html(evil)
    assert "script" not in _Text(page).tags
    assert page.count("&lt;script&gt;") >= 18


def test_page_fetches_nothing_and_holds_the_picture() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 5), "teal").save(buffer, "PNG")
    page = report_html(_report(), preview_png=buffer.getvalue())
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) == 1
    assert base64.b64decode(sources[0].removeprefix("data:image/png;base64,")) == buffer.getvalue()
    assert not re.search(r"https?:|@import|url\(", page)


def test_criteria_are_shown_as_an_estimate() -> None:
    report = _report()
    assert CRITERIA_NOTE not in report_html(report)
    report.criteria = [
        Criterion("fit", 1.0, "1 it fits, 0 it does not", ("gap_p95_mm",), EVIL),
        Criterion("border", None, "1 flush", ("step_p95_mm",), "not measured: step_p95_mm"),
    ]
    page = report_html(report)
    words = " | ".join(_Text(page).words)
    assert CRITERIA_NOTE in words
    assert f"Fit | 1 | {EVIL} | 1 it fits, 0 it does not" in words
    assert "Border | not rated | Not measured: step_p95_mm | 1 flush" in words
    assert EVIL not in page


def test_a_picture_that_is_no_png_is_refused() -> None:
    with pytest.raises(InputError, match="bytes of a PNG"):
        report_html(_report(), preview_png=b"GIF89a")


def test_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_report_html(_report(), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == report_html(_report())
    with pytest.raises(OutputError):
        write_report_html(_report(), tmp_path / "missing" / "report.html")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (float("inf"), "-"),
        (True, "yes"),
        (0.0, "0.00"),
        (0.00123, "0.0012"),
        (3.14159, "3.14"),
        (27.18, "27.2"),
        (12345.6, "12\u202f346"),
        (99998, "99\u202f998"),
        ([1.0, 2], "1.00, 2"),
        ({}, "-"),
        ("x", "x"),
    ],
)
def test_numbers_as_a_reader_wants_them(value: object, words: str) -> None:
    assert shown(value) == words
