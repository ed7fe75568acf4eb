"""`DrawingSheet`: lines, labels and dimensions of a drawing, placed in the picture's millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from meshimplant.implant.features import Feature
from meshimplant.preview.drawing_layout import RingLabel
from meshimplant.preview.drawing_text import SCREW_HEADING
from meshimplant.preview.sheet_canvas import CARD, INK, SOFT_INK, Card, SheetCanvas
from meshimplant.preview.view_directions import View
from meshimplant.report import place_of

Floats = NDArray[np.float64]
Colour = tuple[int, int, int]
#: A box in pixels: left, top, right, bottom.
TextBox = tuple[float, float, float, float]

#: Size of a ring label's box and of its letters on a sheet 1600 pixels wide; 22 pixels are 2.6 mm on A4.
BOX, LETTERS = (62, 34), 22
#: Size of the numbers of holes.
_SMALL = 16
#: Widths of the columns of the table, height of its rows, and most rows before it is put in two columns.
_COLUMNS, _ROW, _MOST_ROWS = (70, 56, 92, 100, 82, 66, 126, 150), 33, 6
#: Lines are drawn this many times finer than the sheet.
_FINER = 3
#: Colours of holes, of plates and tabs, and of everything else.
_HOLE, _FIXED = (176, 58, 20), (0, 96, 130)
#: Distance of dimension lines from the edge of the picture, on a sheet 1600 pixels wide.
_DIMENSION = 64


@dataclass(frozen=True, eq=False)
class DrawingSheet:
    """The part of a sheet that a drawing lies on.

    Attributes
    ----------
    canvas : SheetCanvas
    card : Card
        The picture.
    centre : (2,) array
        Place at its middle, mm to the right and up.
    px_per_mm : float
    """

    canvas: SheetCanvas
    card: Card
    centre: Floats
    px_per_mm: float

    def px(self, points: Any) -> Floats:
        """Return the pixels (n, 2) of places (n, 2), mm."""
        left, top, right, bottom = self.card.picture
        middle = np.array([left + right, top + bottom]) / 2
        arm = (np.atleast_2d(np.asarray(points, float)) - self.centre) * (1, -1)
        return np.asarray(middle + arm * self.px_per_mm)

    def lines(
        self,
        outlines: Sequence[Floats],
        features: Sequence[Feature],
        view: View,
        labels: Sequence[RingLabel],
    ) -> None:
        """Draw the outline, to which tabs belong, the features of this side, and the arrows of the labels."""
        pens = _Pens(self)
        for outline in outlines:
            pens.line(outline, INK, 3.0)
        for feature in features:
            inner = feature.kind == "mark" and np.asarray(feature.axis) @ view.forward < 0
            if feature.kind not in ("screw", "tab") and not inner:
                shape = capsule(_whole_plate(feature, features), view)
                pens.line(shape, _HOLE if feature.is_hole else _FIXED, 2.2)
        for feature in (each for each in features if each.kind == "screw"):
            middle, arm = view.project([feature.point_mm])[0], 1.1 * feature.diameter_mm
            pens.line(capsule(feature, view), INK, 2.2)
            for way in np.eye(2):
                pens.line(np.stack([middle - arm * way, middle + arm * way]), INK, 1.4)
        for label in labels:
            if label.target is not None:
                pens.arrow(label.at, label.target)
        pens.paste()

    def label(self, box: TextBox, words: str) -> None:
        """Write a label in its box: a framed one for a screw, bare for a number."""
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        pen = ImageDraw.Draw(self.canvas.image)
        if words.startswith("S"):
            pen.rounded_rectangle(box, self.canvas.px(7), fill=CARD, outline=INK, width=self.canvas.px(2))
            self.canvas.text(middle, words, size=LETTERS, anchor="mm", bold=True)
        elif words[:1].isdigit():
            pen.rounded_rectangle(box, self.canvas.px(7), fill=CARD)
            self.canvas.text(middle, words, size=LETTERS, anchor="mm", colour=SOFT_INK)
        else:
            self.canvas.text(middle, words, size=_SMALL, anchor="mm", colour=_HOLE, bold=True)

    def dimensions(self, outline: Floats) -> None:
        """Draw the overall width below the part and the overall height beside it."""
        low, high = outline.min(axis=0), outline.max(axis=0)
        (left, bottom), (right, top) = self.px([low, high])
        away, edge = self.canvas.px(_DIMENSION), self.card.picture
        y, x = edge[3] - away, edge[2] - away
        pens = _Pens(self)
        for start, stop, aside in (((left, y), (right, y), (0, 1)), ((x, bottom), (x, top), (1, 0))):
            pens.dimension(np.array(start), np.array(stop), np.array(aside))
        pens.paste()
        width, height = f"{high[0] - low[0]:.1f}", f"{high[1] - low[1]:.1f}"
        for place, words in (((left + right) / 2, y), width), ((x, (bottom + top) / 2), height):
            half = self.canvas.width_px(words, size=LETTERS) / 2 + self.canvas.px(6), self.canvas.px(15)
            box = place[0] - half[0], place[1] - half[1], place[0] + half[0], place[1] + half[1]
            ImageDraw.Draw(self.canvas.image).rectangle(box, fill=CARD)
            self.canvas.text(place, words, size=LETTERS, anchor="mm")

    def letters_and_scale(self, letters: tuple[str, str, str, str]) -> None:
        """Write the anatomical letters at the edges, and draw the scale bar."""
        left, top, right, bottom = self.card.picture
        by = self.canvas.px(10)
        inner = Card(self.card.box, (left + by, top + by, right - by, bottom - by))
        self.canvas.letters(inner, letters)
        self.canvas.scale_bar(inner, mm_per_px=1 / self.px_per_mm)


class _Pens:
    """Lines in a few colours, drawn finer than the sheet and pasted onto it."""

    def __init__(self, sheet: DrawingSheet) -> None:
        self._sheet = sheet
        self._layers: dict[Colour, Image.Image] = {}
        self._pens: dict[Colour, ImageDraw.ImageDraw] = {}

    def line(self, points_mm: Floats, colour: Colour, width: float) -> None:
        """Draw a line through places, mm."""
        self.line_px(self._sheet.px(points_mm), colour, width)

    def line_px(self, pixels: Floats, colour: Colour, width: float) -> None:
        """Draw a line through pixels of the sheet."""
        if colour not in self._layers:
            size = [_FINER * each for each in self._sheet.canvas.image.size]
            self._layers[colour] = Image.new("L", (size[0], size[1]), 0)
            self._pens[colour] = ImageDraw.Draw(self._layers[colour])
        ends = [(float(x) * _FINER, float(y) * _FINER) for x, y in pixels]
        thick = max(round(width * _FINER * self._sheet.canvas.unit), 1)
        self._pens[colour].line(ends, fill=255, width=thick, joint="curve")

    def arrow(self, start_mm: Floats, stop_mm: Floats) -> None:
        """Draw an arrow between places, mm."""
        start, stop = self._sheet.px([start_mm, stop_mm])
        self.line_px(np.stack([start, stop]), INK, 1.8)
        self._head(start, stop)

    def dimension(self, start: Floats, stop: Floats, aside: Floats) -> None:
        """Draw a line between pixels with an arrow and a tick at both ends."""
        self.line_px(np.stack([start, stop]), INK, 1.8)
        for end, other in ((start, stop), (stop, start)):
            self._head(other, end)
            tick = self._sheet.canvas.px(12) * aside
            self.line_px(np.stack([end - tick, end + tick]), INK, 1.8)

    def _head(self, start: Floats, stop: Floats) -> None:
        """Draw the head of an arrow at `stop`, pixels."""
        back = (start - stop) / max(float(np.linalg.norm(start - stop)), 1e-9) * self._sheet.canvas.px(15)
        across = np.array([-back[1], back[0]]) * 0.3
        self.line_px(np.stack([stop + back + across, stop, stop + back - across]), INK, 1.8)

    def paste(self) -> None:
        """Paste the lines onto the sheet."""
        image = self._sheet.canvas.image
        for colour, layer in self._layers.items():
            image.paste(Image.new("RGB", image.size, colour), (0, 0), layer.resize(image.size, _BOX_FILTER))


_BOX_FILTER = Image.Resampling.BOX


def _whole_plate(feature: Feature, features: Sequence[Feature]) -> Feature:
    """Return the recess of a plate lengthened to the plate's screws; any other feature as it is."""
    ends = [
        np.asarray(each.point_mm)
        for each in features
        if feature.kind == "plate" and each.hold is not None and each.hold.fixation == feature.label
    ]
    if len(ends) != 2:
        return feature
    return replace(feature, point_mm=place_of((ends[0] + ends[1]) / 2), span_mm=place_of(ends[0] - ends[1]))


def capsule(feature: Feature, view: View) -> Floats:
    """Return the closed line (n, 2) around a feature as it is seen, mm."""
    point, span = np.asarray(feature.point_mm), np.asarray(feature.span_mm)
    axis = np.asarray(feature.axis)
    length = float(np.linalg.norm(span))
    first = span / length if length > 0 else np.linalg.svd(axis[None])[2][1]
    second = np.cross(axis, first)
    turn = np.linspace(-np.pi / 2, 1.5 * np.pi, 49)
    along = np.cos(turn) * feature.diameter_mm / 2 + np.where(turn <= np.pi / 2, 0.5, -0.5) * length
    across = np.sin(turn) * feature.diameter_mm / 2
    line = point + along[:, None] * first + across[:, None] * second
    return view.project(np.concatenate([line, line[:1]]))


def placed_labels(
    sheet: DrawingSheet, labels: Sequence[RingLabel], features: Sequence[Feature], view: View
) -> list[tuple[TextBox, str]]:
    """Return each label's box and words: those of the ring, and those of holes if all of these have room."""
    canvas = sheet.canvas
    half = canvas.px(BOX[0]) / 2, canvas.px(BOX[1]) / 2
    ring = [(_box(sheet.px(label.at)[0], *half), label.words) for label in labels]
    holes = [each for each in features if each.is_hole and each.kind != "screw"]
    numbers = []
    for hole in holes:
        middle = sheet.px(view.project([hole.point_mm]))[0]
        wide = canvas.width_px(hole.label, size=_SMALL) / 2 + canvas.px(2)
        down = hole.diameter_mm / 2 * sheet.px_per_mm + canvas.px(_SMALL * 0.75)
        numbers.append((_box(middle + (0, down), wide, canvas.px(_SMALL * 0.55)), hole.label))
    shapes = [_around(sheet.px(capsule(each, view))) for each in features if each.kind != "mark"]
    crowded = any(overlap(box, other) for box, _ in numbers for other in shapes)
    boxes = [box for box, _ in [*ring, *numbers]]
    crowded |= any(overlap(one, two) for i, one in enumerate(boxes) for two in boxes[i + 1 :])
    return ring if crowded else [*ring, *numbers]


def _box(middle: Floats, half_width: float, half_height: float) -> TextBox:
    x, y = float(middle[0]), float(middle[1])
    return x - half_width, y - half_height, x + half_width, y + half_height


def _around(points: Floats) -> TextBox:
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def overlap(one: TextBox, two: TextBox) -> bool:
    """Return whether two boxes cover each other."""
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def table_height(count: int) -> int:
    """Return the height of the table of so many screws on a sheet 1600 pixels wide."""
    if not count:
        return 0
    return _ROW * (1 + (count if count <= _MOST_ROWS else (count + 1) // 2))


def draw_table(canvas: SheetCanvas, rows: Sequence[tuple[str, ...]], left: float, top: float) -> None:
    """Draw the table of screws, in two columns where it is long."""
    if not rows:
        return
    half = len(rows) if len(rows) <= _MOST_ROWS else (len(rows) + 1) // 2
    for number, part in enumerate((rows[:half], rows[half:])):
        for line, row in enumerate([SCREW_HEADING, *part] if part else []):
            x, y = left + number * (sum(_COLUMNS) + 40), top + line * _ROW
            for width, words in zip(_COLUMNS, row, strict=True):
                colour, bold = (SOFT_INK, False) if line == 0 else (INK, words == row[0])
                canvas.text((canvas.px(x), canvas.px(y)), words, size=20, colour=colour, bold=bold)
                x += width
