"""`write_report_pdf`: the report as two printed pages of selectable text, made without a browser."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from meshimplant.errors import InputError, MissingDependencyError
from meshimplant.preview.deciding_numbers import KINDS, deciding_numbers
from meshimplant.preview.pdf_sheet import BOLD, FONT, MARGIN, PdfSheet
from meshimplant.preview.picture_errors import picture_errors
from meshimplant.preview.report_page import (
    finding_rows,
    measure_sections,
    named_values,
    require_png,
    verdict,
)
from meshimplant.preview.verdict_kinds import KIND_COLOURS
from meshimplant.report import Report

PageSize = Literal["A4", "letter"]
#: Width and height of a page, points.
_PAGES: dict[str, tuple[float, float]] = {"A4": (595.276, 841.89), "letter": (612.0, 792.0)}
_FOOT = 26.0
#: Height of the release line at the foot of the first page, points.
_RELEASE = 74.0
#: Findings on the first page, the most severe first; the others are on the second.
_FIRST_FINDINGS = 6
_MOST_FINDINGS = 24
#: Share of a page's height that the views may take, and each of planes and drawing on the second page.
_VIEWS_SHARE, _PLANES_SHARE = 0.42, 0.27
_NOTICE = "Not a medical device. A qualified person must verify shape, fit, material and sterilisation."
#: What the library writes as the time of creation, in place of the clock; replaced by the report's date.
_NO_DATE = b"D:20000101000000+00'00'"


def write_report_pdf(
    report: Report,
    path: str | Path,
    *,
    page_size: PageSize = "A4",
    preview_png: bytes | None = None,
    slices_png: bytes | None = None,
    drawing_png: bytes | None = None,
) -> None:
    """Write the report as a PDF of two pages, to be printed, signed and filed.

    The first page holds label, date, verdict, the six numbers that decide, the views, the gravest findings
    and a line to release the part; the second one the planes of the scan, the other findings and all
    measures. Text can be selected, pictures are embedded. Equal input gives equal bytes.

    Parameters
    ----------
    report : Report
        Its `label` and `date` are printed on each page.
    path : str or Path
        PDF file to write.
    page_size : str
        ``A4`` or ``letter``.
    preview_png, slices_png, drawing_png : bytes, optional
        PNG files with the pictures of `render_preview`, `write_slices` and `write_drawing`.

    Raises
    ------
    InputError
        The size is unknown, or a picture is not a PNG.
    MissingDependencyError
        reportlab is not installed: ``pip install 'meshimplant[pdf]'``.
    OutputError
        The file cannot be written.
    """
    with picture_errors("report PDF"):
        from meshimplant.preview.render_preview import write_picture

        pictures = {"preview_png": preview_png, "slices_png": slices_png, "drawing_png": drawing_png}
        data = report_pdf(report, page_size=page_size, **pictures)
        write_picture(Path(path), data)


def require_reportlab() -> ModuleType:
    """Return the library that writes PDF; raise `MissingDependencyError` where it is not installed."""
    try:
        import reportlab
    except ImportError as error:
        raise MissingDependencyError(
            "expected reportlab to be installed, got none: pip install 'meshimplant[pdf]'"
        ) from error
    return reportlab


def report_pdf(
    report: Report,
    *,
    page_size: PageSize = "A4",
    preview_png: bytes | None = None,
    slices_png: bytes | None = None,
    drawing_png: bytes | None = None,
) -> bytes:
    """Return the bytes of `write_report_pdf`."""
    if page_size not in _PAGES:
        raise InputError(f"expected a page size among {', '.join(_PAGES)}, got {page_size!r}: choose one")
    pictures = {"preview_png": preview_png, "slices_png": slices_png, "drawing_png": drawing_png}
    for name, picture in pictures.items():
        if picture is not None:
            require_png(picture, name)
    require_reportlab()
    return _Pages(report, _PAGES[page_size]).drawn(**pictures)


class _Pages(PdfSheet):
    """The two pages while they are drawn."""

    def __init__(self, report: Report, size: tuple[float, float]) -> None:
        super().__init__(size)
        self.report, self.values = report, report.to_dict()

    def drawn(self, preview_png: bytes | None, slices_png: bytes | None, drawing_png: bytes | None) -> bytes:
        """Draw both pages and return the file."""
        canvas, label = self.canvas, self.report.label
        canvas.setTitle(self.legible(f"Design report {label}".strip()))
        canvas.setAuthor("meshimplant")
        canvas.setSubject(self.legible(", ".join(filter(None, ("Cranial implant", label, self.report.date)))))
        canvas.setCreator(f"meshimplant {self.report.versions.get('meshimplant', '')}".strip())
        rows = finding_rows(self.values["findings"])
        top = self.head(1)
        top = self.flow([self.deciding()], top, _FOOT + _RELEASE)
        top = self.picture(preview_png, top - 8, share=_VIEWS_SHARE)
        shown = rows[:_FIRST_FINDINGS]
        title = "Findings" if len(rows) <= len(shown) else f"Findings (the first {len(shown)} of {len(rows)})"
        self.flow([self.heading(title), self.findings(shown)], top - 4, _FOOT + _RELEASE)
        self.release()
        canvas.showPage()
        top = self.head(2) - 2
        for picture in (slices_png, drawing_png):
            top = self.picture(picture, top, share=_PLANES_SHARE) - 2
        self.flow(self.second(rows[_FIRST_FINDINGS:]), top - 4, _FOOT)
        canvas.save()
        return self._dated(self.buffer.getvalue())

    def _dated(self, data: bytes) -> bytes:
        """Return the file with the report's date as its time of creation, which has the same length."""
        day = self.report.date.replace("-", "")
        return data.replace(_NO_DATE, f"D:{day}000000+00'00'".encode("ascii")) if len(day) == 8 else data

    def head(self, number: int) -> float:
        """Draw title, label, date and verdict, and the foot; return the height below them."""
        canvas, report = self.canvas, self.report
        y = self.height - MARGIN - 12
        canvas.setFont(BOLD, 15)
        canvas.drawString(MARGIN, y, "Cranial implant: design report")
        facts = [report.label, report.date, report.versions.get("meshimplant", "")]
        facts[2] = f"meshimplant {facts[2]}" if facts[2] else ""
        canvas.setFont(FONT, 9)
        canvas.drawRightString(self.width - MARGIN, y, self.legible("   ".join(filter(None, facts))))
        found = verdict(report)
        canvas.setFillColorRGB(*KIND_COLOURS[found["kind"]])
        canvas.rect(MARGIN, y - 30, self.inner, 21, stroke=0, fill=1)
        canvas.setFillColorRGB(1, 1, 1)
        canvas.setFont(BOLD, 11)
        canvas.drawString(MARGIN + 8, y - 23, found["words"])
        canvas.setFont(FONT, 8.5)
        canvas.drawRightString(self.width - MARGIN - 8, y - 23, self.legible(found["sentence"]))
        canvas.setFillColorRGB(0.35, 0.4, 0.47)
        canvas.setFont(FONT, 6.5)
        canvas.drawString(MARGIN, _FOOT - 8, f"{_NOTICE} Lengths in mm, patient coordinates LPS.")
        canvas.drawRightString(self.width - MARGIN, _FOOT - 8, f"page {number} of 2")
        canvas.setFillColorRGB(0, 0, 0)
        return y - 36

    def release(self) -> None:
        """Draw the line on which a person releases the part, or not."""
        canvas, y = self.canvas, _FOOT + 14.0
        canvas.setFont(BOLD, 8.5)
        canvas.drawString(MARGIN, y + 38, "Release")
        canvas.setFont(FONT, 8)
        canvas.rect(MARGIN + 48, y + 36.5, 8, 8)
        canvas.drawString(MARGIN + 60, y + 38, "released for manufacture")
        canvas.rect(MARGIN + 190, y + 36.5, 8, 8)
        canvas.drawString(MARGIN + 202, y + 38, "not released, because:")
        canvas.line(MARGIN + 300, y + 36, self.width - MARGIN, y + 36)
        third = self.inner / 3
        for number, words in enumerate(("Name", "Date", "Signature")):
            left = MARGIN + number * third
            canvas.line(left, y + 10, left + third - 12, y + 10)
            canvas.drawString(left, y, words)

    def deciding(self) -> Any:
        """Return the table of the six numbers."""
        rows = [["The six numbers that decide", "Measured", "Limit", "Verdict"]]
        numbers = deciding_numbers(self.report)
        rows += [[each.name, each.value, each.limit, each.verdict] for each in numbers]
        table = self.table(rows, [0.42, 0.18, 0.22, 0.18], size=9)
        styles = []
        for row, each in enumerate(numbers, 1):
            colour = KIND_COLOURS[KINDS[each.verdict]]
            styles += [("TEXTCOLOR", (3, row), (3, row), colour), ("FONTNAME", (1, row), (3, row), BOLD)]
        table.setStyle(styles)
        return table

    def findings(self, rows: list[dict[str, str]]) -> Any:
        """Return the table of findings, most severe first."""
        if not rows:
            return self.paragraph("None.", size=7.5)
        cells = [
            [
                row["severity"],
                self.paragraph(f"{row['message']} ({row['code']})", size=7),
                row["value"],
                row["limit"],
            ]
            for row in rows
        ]
        return self.table(
            [["Severity", "Finding", "Value", "Limit"], *cells], [0.1, 0.66, 0.12, 0.12], size=7
        )

    def second(self, rows: list[dict[str, str]]) -> list[Any]:
        """Return the parts of the second page: further findings, measures, prescription, files, versions."""
        parts: list[Any] = []
        if rows:
            parts += [self.heading("Further findings"), self.findings(rows[:_MOST_FINDINGS])]
            if len(rows) > _MOST_FINDINGS:
                more = f"{len(rows) - _MOST_FINDINGS} more are in report.html."
                parts.append(self.paragraph(more, size=7))
        sections = measure_sections(self.values["measures"], self.values["spec"])
        blocks = [
            (section["name"], [[row["name"], f"{row['value']} {row['unit']}"] for row in section["rows"]])
            for section in sections
        ]
        given = named_values(self.values["spec"])
        blocks.append(("Prescription", [[row["name"], f"{row['value']} {row['unit']}"] for row in given]))
        parts += [self.heading("Measured part and prescription"), self.columns(blocks)]
        method = self.values["method"]
        if method:
            about = f"Completion: {method.get('name', '')}. {method.get('reason', '')}"
            parts += [self.paragraph(about, size=6.5)]
        hashes = [
            f"{file['name']} {file['sha256']}"
            for file in self.values["outputs"]
            if file["name"].endswith((".stl", ".3mf"))
        ]
        parts += [self.paragraph(f"SHA-256: {'; '.join(hashes)}", size=5.5)] if hashes else []
        return parts
