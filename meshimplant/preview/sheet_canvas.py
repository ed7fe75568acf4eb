"""Drawing primitives of the preview sheet (cards, text, scale bars, colour bars), with Pillow's own font."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from meshimplant.preview.colour_scales import ColourScale, round_step

PAPER = (222, 227, 233)
CARD = (250, 251, 252)
INK = (28, 38, 51)
SOFT_INK = (96, 109, 125)
#: Colour of letters on black.
LIGHT_INK = (225, 230, 236)
_EDGE = (203, 210, 219)

Box = tuple[int, int, int, int]
_REPLACEMENTS = {
    "\u00d7": "x",
    "\u2013": "-",
    "\u2014": "-",
    "³": "3",
    "²": "2",
    "µ": "u",
    "ß": "ss",
    "≤": "<=",
    "≥": ">=",
    "\u202f": " ",
}


@dataclass(frozen=True)
class Card:
    """A card on the sheet and the area inside it for the picture, pixels (left, top, right, bottom)."""

    box: Box
    picture: Box

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the picture area."""
        left, top, right, bottom = self.picture
        return right - left, bottom - top


class SheetCanvas:
    """An image to draw on. Methods take pixels; `unit` scales text and lines, 1 at a width of 1600 pixels."""

    def __init__(self, width_px: int, height_px: int, *, unit: float) -> None:
        self.image = Image.new("RGB", (width_px, height_px), PAPER)
        self.unit = unit
        self._draw = ImageDraw.Draw(self.image)

    def px(self, length: float) -> int:
        """Convert a length on a sheet 1600 pixels wide to pixels of this sheet."""
        return round(length * self.unit)

    def text(
        self,
        position: tuple[float, float],
        words: str,
        *,
        size: float,
        colour: tuple = INK,
        anchor: str = "la",
        bold: bool = False,
    ) -> None:
        """Write one line of text; `anchor` as in Pillow (la: left top, mm: centred)."""
        font = self._font(size)
        stroke = size * self.unit / 40 if bold else 0
        self._draw.text(
            position, to_font_letters(words), fill=colour, font=font, anchor=anchor, stroke_width=stroke
        )

    def shorten(self, words: str, *, size: float, width_px: float) -> str:
        """Return the words, truncated with an ellipsis if they are wider than `width_px`."""
        font = self._font(size)
        words = to_font_letters(words)
        if font.getlength(words) <= width_px:
            return words
        while words and font.getlength(words + "...") > width_px:
            words = words[:-1]
        return words.rstrip() + "..."

    def width_px(self, words: str, *, size: float) -> float:
        """Return the width of one line of text."""
        return float(self._font(size).getlength(to_font_letters(words)))

    def card(self, card: Card) -> None:
        """Draw an empty card with rounded corners."""
        left, top, right, bottom = card.box
        size = (right - left, bottom - top)
        supersampling = 4
        corner = self.px(10) * supersampling
        shape = Image.new("L", (size[0] * supersampling, size[1] * supersampling), 0)
        outline = (0, 0, size[0] * supersampling - 1, size[1] * supersampling - 1)
        ImageDraw.Draw(shape).rounded_rectangle(outline, corner, fill=255)
        self.image.paste(CARD, (left, top), shape.resize(size, Image.Resampling.BOX))

    def background(self, card: Card) -> NDArray[np.float64]:
        """Return the pixels under a card's picture area, sRGB (h, w, 3), 0 to 1."""
        return np.asarray(self.image.crop(card.picture), float) / 255

    def picture(self, card: Card, pixels: NDArray[np.uint8]) -> None:
        """Paste a picture (h, w, 3) into a card."""
        self.image.paste(Image.fromarray(pixels), card.picture[:2])

    def letters(self, card: Card, letters: tuple[str, str, str, str], *, colour: tuple = INK) -> None:
        """Write the anatomical letters at the left, right, top and bottom edges of a card's picture."""
        left, top, right, bottom = card.picture
        x, y = (left + right) / 2, (top + bottom) / 2
        positions = ((left, y, "lm"), (right, y, "rm"), (x, top, "ma"), (x, bottom, "md"))
        for word, (across, down, anchor) in zip(letters, positions, strict=True):
            self.text((across, down), word, size=21, colour=colour, anchor=anchor, bold=True)

    def scale_bar(self, card: Card, *, mm_per_px: float, colour: tuple = INK) -> None:
        """Draw a bar of round length, at most a quarter of the width, at a picture's lower left."""
        width = card.size_px[0]
        limit_mm = width / 4 * mm_per_px
        length_mm = max(
            (n for n in (1, 2, 5, 10, 20, 50, 100) if n <= limit_mm), default=round_step(limit_mm / 3)
        )
        left, bottom = card.picture[0], card.picture[3] - self.px(3)
        right = left + length_mm / mm_per_px
        tick, line = self.px(5), max(self.px(2), 1)
        for stroke in (
            (left, bottom, right, bottom),
            (left, bottom - tick, left, bottom),
            (right, bottom - tick, right, bottom),
        ):
            self._draw.line(stroke, fill=colour, width=line)
        self.text((left, bottom - self.px(9)), f"{length_mm:g} mm", size=16, colour=colour, anchor="ld")

    def colour_bar(self, box: Box, scale: ColourScale, values: NDArray[np.float64]) -> None:
        """Draw the colour scale with ticks in its unit, and a histogram of the values above it."""
        left, top, right, bottom = box
        width = right - left
        bar_top = bottom - self.px(34)
        bar_bottom = bar_top + self.px(13)
        colours = np.rint(scale.table[np.linspace(0, 255, width).astype(int)] * 255).astype(np.uint8)
        strip = np.repeat(colours[None], bar_bottom - bar_top, axis=0)
        self.image.paste(Image.fromarray(strip), (left, bar_top))
        self._histogram((left, top, right, bar_top - self.px(2)), scale, values, colours)
        for tick, label in zip(scale.ticks, scale.labels, strict=True):
            x = left + (tick - scale.low) / (scale.high - scale.low) * (width - 1)
            self._draw.line(
                (x, bar_bottom, x, bar_bottom + self.px(4)), fill=SOFT_INK, width=max(self.px(1), 1)
            )
            is_last = tick == scale.ticks[-1]
            words = f"{label} {scale.unit}" if is_last else label
            y = bar_bottom + self.px(6)
            if is_last:  # the unit makes it wide: it ends at the bar, not beyond the card
                self.text((right + self.px(14), y), words, size=15, colour=INK, anchor="ra")
            else:
                self.text((x, y), words, size=15, colour=INK, anchor="ma")

    def _histogram(
        self, box: Box, scale: ColourScale, values: NDArray[np.float64], colours: NDArray[np.uint8]
    ) -> None:
        """Draw a histogram of the finite values, each bar in the colour of its value."""
        left, top, right, bottom = box
        known = values[np.isfinite(values)]
        count = max((right - left) // max(self.px(4), 1), 1)
        counts, _ = np.histogram(np.clip(known, scale.low, scale.high), count, (scale.low, scale.high))
        heights = counts / max(counts.max(), 1) * (bottom - top)
        edges = np.linspace(left, right, count + 1)
        for height, start, stop in zip(heights, edges[:-1], edges[1:], strict=True):
            if height > 0:
                colour = tuple(int(c) for c in colours[min(int((start + stop) / 2 - left), len(colours) - 1)])
                self._draw.rectangle((start, bottom - max(height, 1), stop - 1, bottom), fill=colour)

    def swatches(
        self,
        card: Card,
        entries: Sequence[tuple[str, tuple[float, float, float]]],
        *,
        colour: tuple = SOFT_INK,
    ) -> None:
        """Draw legend entries, words and sRGB colours (0 to 1), upwards from a card's lower right."""
        right = card.picture[2] - self.px(4)
        for row, (words, fill) in enumerate(reversed(entries)):
            self._swatch(right, card.picture[3] - self.px(9 + 18 * row), words, fill, colour)

    def _swatch(self, right: int, y: int, words: str, fill: tuple[float, float, float], ink: tuple) -> None:
        """Draw one legend entry that ends at `right`, centred on `y`."""
        side = self.px(12)
        left = right - self._font(14).getlength(words) - side - self.px(6)
        shade = tuple(round(255 * c) for c in fill)
        self._draw.rectangle((left, y - side // 2, left + side, y + side // 2), fill=shade, outline=_EDGE)
        self.text((right, y), words, size=14, colour=ink, anchor="rm")

    def _font(self, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        """Return Pillow's own font at a size given for a sheet 1600 pixels wide."""
        return ImageFont.load_default(size * self.unit)


def to_font_letters(words: str) -> str:
    """Return the words in letters of Pillow's own font: accents are dropped, other scripts become '?'."""
    spelled = "".join(_REPLACEMENTS.get(letter, letter) for letter in words)
    bare = "".join(
        letter for letter in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(letter)
    )
    return "".join(letter if " " <= letter <= "~" or letter in "·°±" else "?" for letter in bare)
