"""The report as a PDF: two pages, whatever it holds; selectable text, pictures, metadata, same bytes."""

from __future__ import annotations

import base64
import io
import re
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from meshimplant.errors import InputError, MissingDependencyError
from meshimplant.preview.report_pdf import report_pdf, write_report_pdf
from meshimplant.report import Finding, Report
from meshimplant.runtime.today import today
from meshimplant.spec.implant_spec import ImplantSpec

_PIXELS = np.random.default_rng(0).integers(0, 255, (93, 160, 3), np.uint8)


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(_PIXELS).save(buffer, "PNG")
    return buffer.getvalue()


def _report(findings: int = 2) -> Report:
    report = Report(
        label="12-7 & <b>",
        date="2026-11-30",
        spec=ImplantSpec().to_dict(),
        measures={"thickness_min_mm": 3.49, "gap_p95_mm": 1.01, "volume_mm3": 20018.0},
        outputs=[{"name": "implant.stl", "sha256": "cd" * 32}],
        versions={"meshimplant": "0.1.0"},
    )
    report.add(Finding(f"a.code{n}", "warning", f"Sentence {n} <i> & more.", n) for n in range(findings))
    return report


def _streams(data: bytes) -> list[bytes]:
    """Return the unpacked streams of a PDF: ASCII85 around Flate."""
    found = []
    for packed in re.findall(rb"stream\r?\n(.*?)endstream", data, re.S):
        try:
            found.append(zlib.decompress(base64.a85decode(packed.strip().removesuffix(b"~>"))))
        except (ValueError, zlib.error):
            continue
    return found


@pytest.mark.parametrize(("size", "box"), [("A4", b"595.276 841.89"), ("letter", b"612 792")])
@pytest.mark.parametrize("findings", [0, 90])
def test_there_are_two_pages_of_the_size_whatever_was_found(size, box, findings) -> None:
    data = report_pdf(_report(findings), page_size=size, preview_png=_png(), slices_png=_png())
    assert data.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b(?!s)", data)) == 2
    assert data.count(b"/MediaBox [ 0 0 " + box + b" ]") == 2


def test_label_and_date_are_in_the_metadata_and_the_bytes_repeat() -> None:
    data = report_pdf(_report())
    assert b"/CreationDate (D:20261130000000+00'00')" in data
    assert b"/Title (Design report 12-7 & <b>)" in data
    assert data == report_pdf(_report())
    other = _report()
    other.label = "13-1"
    assert data != report_pdf(other)


def test_pictures_are_embedded_as_they_are() -> None:
    streams = _streams(report_pdf(_report(), preview_png=_png()))
    assert any(stream == _PIXELS.tobytes() for stream in streams)


def test_text_can_be_selected_and_read() -> None:
    """Every shown letter is a letter of an embedded font that says which character it is."""
    data = report_pdf(_report())
    streams = _streams(data)
    pages = [stream for stream in streams if b" Tj" in stream]
    assert len(pages) == 2
    assert data.count(b"/ToUnicode") == 2
    shown = b" ".join(re.findall(rb"\((.*?)\) Tj", pages[0]))
    for word in (b"Cranial implant: design report", b"at least 2.00", b"within", b"Signature"):
        assert word in shown


def test_a_letter_that_the_font_lacks_is_replaced() -> None:
    report = _report()
    report.label = "\u8133 \u1e54"
    assert b"/Title (Design report ? P)" in report_pdf(report)


def test_what_cannot_be_printed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="page size among A4, letter, got 'A3'"):
        report_pdf(_report(), page_size="A3")
    with pytest.raises(InputError, match="bytes of a PNG"):
        report_pdf(_report(), preview_png=b"GIF89a")
    monkeypatch.setitem(sys.modules, "reportlab", None)
    with pytest.raises(MissingDependencyError, match=r"meshimplant\[pdf\]"):
        write_report_pdf(_report(), tmp_path / "report.pdf")
    assert not list(tmp_path.iterdir())


def test_the_date_of_a_run_can_be_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert today() == "1970-01-02"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(InputError, match="SOURCE_DATE_EPOCH"):
        today()
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", today())
