"""`PdfSheet`: pages of a PDF while they are drawn: tables, paragraphs and pictures below each other."""

from __future__ import annotations

import io
import unicodedata
from typing import Any
from xml.sax.saxutils import escape

from PIL import Image

#: Left and right margin, points.
MARGIN = 34.0
#: The fonts, which come with reportlab.
FONT, BOLD = "Vera", "VeraBd"


class PdfSheet:
    """Pages of one size while they are drawn; lengths in points, from the lower left.

    Attributes
    ----------
    canvas : reportlab.pdfgen.canvas.Canvas
        What is drawn on; equal drawings give equal bytes.
    buffer : io.BytesIO
        The file, once the canvas is saved.
    width, height : float
        Of a page.
    inner : float
        Width between the margins.
    """

    def __init__(self, size: tuple[float, float]) -> None:
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFont
        from reportlab.pdfgen.canvas import Canvas

        for font in (FONT, BOLD):
            if font not in pdfmetrics.getRegisteredFontNames():
                pdfmetrics.registerFont(TTFont(font, f"{font}.ttf"))
        self._glyphs = pdfmetrics.getFont(FONT).face.charToGlyph
        self.width, self.height = size
        self.buffer = io.BytesIO()
        self.canvas = Canvas(self.buffer, pagesize=size, invariant=1, pageCompression=1)
        self.inner = self.width - 2 * MARGIN

    def flow(self, parts: list[Any], top: float, bottom: float) -> float:
        """Draw parts below each other between two heights, made smaller where they do not fit."""
        from reportlab.platypus import KeepInFrame

        room = top - bottom
        frame = KeepInFrame(self.inner, room, parts, mode="shrink")
        _, used = frame.wrapOn(self.canvas, self.inner, room)
        frame.drawOn(self.canvas, MARGIN, top - used)
        return top - used

    def picture(self, png: bytes | None, top: float, *, share: float) -> float:
        """Draw a picture as wide as the page, or as high as it may be; return the height below it."""
        from reportlab.lib.utils import ImageReader

        if png is None:
            return top
        with Image.open(io.BytesIO(png)) as image:
            scale = min(self.inner / image.width, share * self.height / image.height)
            width, height = scale * image.width, scale * image.height
        left = (self.width - width) / 2
        self.canvas.drawImage(ImageReader(io.BytesIO(png)), left, top - height, width, height)
        return top - height

    def columns(self, blocks: list[tuple[str, list[list[str]]]]) -> Any:
        """Return blocks of rows in three columns of about equal length."""
        from reportlab.platypus import Table

        columns: list[list[Any]] = [[], [], []]
        lengths = [0, 0, 0]
        for name, rows in sorted(blocks, key=lambda block: -len(block[1])):
            shortest = lengths.index(min(lengths))
            lengths[shortest] += len(rows) + 2
            cells = [[self.paragraph(a, size=6.2), self.paragraph(b, size=6.2)] for a, b in rows]
            columns[shortest].append(self.table([[name, ""], *cells], [0.62, 0.38], size=6.2, share=1 / 3.1))
        gap = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]
        return Table([columns], colWidths=[self.inner / 3] * 3, style=gap)

    def table(self, rows: list[list[Any]], shares: list[float], *, size: float, share: float = 1.0) -> Any:
        """Return a table with a heading, as wide as a share of the page."""
        from reportlab.platypus import Table

        legible = [[self.legible(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
        style = [
            ("FONT", (0, 0), (-1, -1), FONT, size),
            ("FONT", (0, 0), (-1, 0), BOLD, size),
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, (0.8, 0.83, 0.86)),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ("TOPPADDING", (0, 0), (-1, -1), 0.14 * size),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 0.3 * size),
        ]
        widths = [self.inner * share * each for each in shares]
        return Table(legible, colWidths=widths, style=style, hAlign="LEFT")

    def heading(self, words: str) -> Any:
        """Return words as a heading."""
        return self.paragraph(words, size=9, bold=True)

    def paragraph(self, words: str, *, size: float, bold: bool = False) -> Any:
        """Return words that are broken between lines, never taken for markup."""
        from reportlab.lib.styles import ParagraphStyle
        from reportlab.platypus import Paragraph

        style = ParagraphStyle(
            "plain",
            fontName=BOLD if bold else FONT,
            fontSize=size,
            leading=1.25 * size,
            spaceBefore=3 if bold else 0,
        )
        return Paragraph(escape(self.legible(words)), style)

    def legible(self, words: str) -> str:
        """Return the words in letters that the font has; others lose their accents, or become "?"."""
        return "".join(self._letter(each) for each in words.replace("\u202f", "\u00a0"))

    def _letter(self, letter: str) -> str:
        if ord(letter) in self._glyphs:
            return letter
        spelled = unicodedata.normalize("NFKD", letter)
        return "".join(each for each in spelled if ord(each) in self._glyphs) or "?"
