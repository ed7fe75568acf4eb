"""A font of single strokes: what a round tool draws along each letter's lines."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import manifold3d

#: Height of a capital letter and distance between letters and between lines, in units of the font.
HEIGHT, GAP, LEADING = 6.0, 1.8, 9.0
#: Width of the stroke as a fraction of the height, and least width, mm: the width of a nozzle's line.
_STROKE_SHARE, _LEAST_STROKE_MM = 0.14, 0.5
#: Width of a blank, units.
_BLANK = 3.0
#: Sides of a stroke's round end.
_ROUND = 24

#: The strokes of each character: points of two digits, x from 0 to 4 and y from 0 to 6; ``|`` lifts the tool.
#: The arrows, which no text can hold, show directions.
_GLYPHS = {
    "A": "00 04 16 36 44 40|03 43",
    "B": "00 06 36 45 44 33 03|33 42 41 30 00",
    "C": "45 36 16 05 01 10 30 41",
    "D": "00 06 26 44 42 20 00",
    "E": "46 06 00 40|03 33",
    "F": "46 06 00|03 33",
    "G": "45 36 16 05 01 10 30 41 43 23",
    "H": "00 06|40 46|03 43",
    "I": "00 20|06 26|16 10",
    "J": "01 10 30 41 46",
    "K": "00 06|46 03 40",
    "L": "06 00 40",
    "M": "00 06 23 46 40",
    "N": "00 06 40 46",
    "O": "10 30 41 45 36 16 05 01 10",
    "P": "00 06 36 45 44 33 03",
    "Q": "10 30 41 45 36 16 05 01 10|22 40",
    "R": "00 06 36 45 44 33 03|23 40",
    "S": "01 10 30 41 42 33 13 04 05 16 36 45",
    "T": "06 46|26 20",
    "U": "06 01 10 30 41 46",
    "V": "06 20 46",
    "W": "06 10 23 30 46",
    "X": "00 46|06 40",
    "Y": "06 23 46|23 20",
    "Z": "06 46 00 40",
    "0": "10 30 41 45 36 16 05 01 10|12 34",
    "1": "05 16 10|00 20",
    "2": "05 16 36 45 44 00 40",
    "3": "05 16 36 45 44 33 13|33 42 41 30 10 01",
    "4": "36 02 42|36 30",
    "5": "46 06 03 33 42 41 30 10 01",
    "6": "45 36 16 05 01 10 30 41 42 33 13 02",
    "7": "06 46 10",
    "8": "13 04 05 16 36 45 44 33 13 02 01 10 30 41 42 33",
    "9": "01 10 30 41 45 36 16 05 04 13 33 44",
    ".": "00 00",
    "-": "03 33",
    "/": "00 46",
    "↑": "20 26|04 26 44",
    "→": "03 43|25 43 21",
    "←": "43 03|25 03 21",
}

Floats = NDArray[np.float64]


def stroke_mm(size_mm: float) -> float:
    """Return the width of the strokes of letters of a height."""
    return max(_STROKE_SHARE * size_mm, _LEAST_STROKE_MM)


def strokes(lines: list[str], size_mm: float) -> tuple[list[Floats], Floats]:
    """Return lines of text as strokes, and the width and height (2,) that they take up.

    Parameters
    ----------
    lines : list of str
        From top to bottom; each is centred.
    size_mm : float
        Height of a capital letter.

    Returns
    -------
    strokes : list of (n, 2) arrays
        Points to the right and up from the middle of the block, mm; a dot is a stroke without length.
    extent_mm : (2,) array
        With the width of the stroke.
    """
    unit, pen = size_mm / HEIGHT, stroke_mm(size_mm)
    rows = [_row(line.upper()) for line in lines]
    height = (len(lines) - 1) * LEADING + HEIGHT
    drawn = []
    for number, (glyphs, width) in enumerate(rows):
        start = np.array([-width / 2, height / 2 - HEIGHT - number * LEADING])
        drawn += [(glyph + start) * unit for glyph in glyphs]
    extent = np.array([max(width for _, width in rows), height]) * unit + pen
    return drawn, extent


def text_outline(drawn: list[Floats], size_mm: float) -> manifold3d.CrossSection:
    """Return the outline of strokes (n, 2) drawn with the pen of letters of a height."""
    import manifold3d

    pen = manifold3d.CrossSection.circle(stroke_mm(size_mm) / 2, _ROUND)
    pieces = [
        manifold3d.CrossSection.batch_hull([pen.translate(tuple(start)), pen.translate(tuple(stop))])
        for points in drawn
        for start, stop in pairwise(points)
    ]
    return manifold3d.CrossSection.batch_boolean(pieces, manifold3d.OpType.Add)


def _row(line: str) -> tuple[list[Floats], float]:
    """Return the strokes of one line from its left end on, and its width, in units of the font."""
    drawn: list[Floats] = []
    right = 0.0
    for character in line:
        if character == " ":
            right += _BLANK
            continue
        glyph = [
            np.array([[float(point[0]), float(point[1])] for point in stroke.split()])
            for stroke in _GLYPHS[character].split("|")
        ]
        drawn += [points + np.array([right, 0.0]) for points in glyph]
        right += max(float(points[:, 0].max()) for points in glyph) + GAP
    return drawn, max((float(points[:, 0].max()) for points in drawn), default=0.0)
