"""`write_drawing`: the outer side of a part with numbered screws and holes, their sizes and distances."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from meshimplant.errors import InputError
from meshimplant.implant.features import Feature
from meshimplant.mesh.rays import RayCaster
from meshimplant.preview.decimate import cluster_vertices
from meshimplant.preview.drawing_layout import RingLabel, outline_of, ring_labels
from meshimplant.preview.drawing_sheet import (
    BOX,
    LETTERS,
    DrawingSheet,
    draw_table,
    placed_labels,
    table_height,
)
from meshimplant.preview.drawing_text import fact_lines, other_lines, screw_rows
from meshimplant.preview.picture_errors import picture_errors, require_drawable
from meshimplant.preview.preview_scene import PreviewScene
from meshimplant.preview.render_preview import write_picture
from meshimplant.preview.render_view import composite_over, render_view
from meshimplant.preview.sheet_canvas import CARD, SOFT_INK, Card, SheetCanvas
from meshimplant.preview.view_directions import View, implant_views

Floats = NDArray[np.float64]

#: Faces of a skull that are drawn, and step of the outline, mm.
_MAX_SKULL_FACES, _STEP_MM = 150_000, 0.3
#: Sizes on a sheet 1600 pixels wide: margin, header, largest picture, line of text, and room around the ring
#: of labels for dimension lines and letters.
_SIDE, _HEADER, _TALLEST, _LINE, _ROUND = 22, 64, 1000, 32, 125
#: Share of the picture in its colours; the rest is paper, so that lines stand out.
_SHARE = 0.5
#: The picture below the lines has pixels of this many of the sheet's.
_COARSER = 2
_FOOTER = (
    "Orthographic, seen from outside along the part's mean normal. Lengths in mm; figures around the "
    "outline: distance along the border between places of fixation.",
    "Not a medical device: verify before use.",
)


def write_drawing(
    path: str | Path,
    *,
    implant: trimesh.Trimesh,
    features: Sequence[Feature] = (),
    skull: trimesh.Trimesh | None = None,
    measures: Mapping[str, Any] | None = None,
    title: str = "",
    width_px: int = 1600,
) -> None:
    """Write a PNG of a part's outer side as a drawing: outline, screws, holes, sizes, and a table of screws.

    The view is orthographic along the part's mean normal, with anatomical letters and a scale bar. Screws are
    numbered around the outline, with arrows, and between them stands the distance along the border from one
    place of fixation to the next. Holes are numbered where there is room for it, and always counted. Plates,
    tabs and texts are outlined. All numbers are those of the features, to a tenth of a millimetre; only the
    overall size is measured here. Equal input gives equal bytes.

    Parameters
    ----------
    path : str or Path
        PNG to write.
    implant : Trimesh
        LPS mm.
    features : sequence of Feature
        What was made in it on purpose, see `read_features`.
    skull : Trimesh, optional
        LPS mm, drawn around it.
    measures : mapping, optional
        Measures of the part, of which mass, open share and the size of a lip are stated.
    title : str
        Written at the upper left.
    width_px : int
        800 to 6400.

    Raises
    ------
    InputError
        `width_px` is out of range.
    MeshError
        A mesh is empty or has vertices that are not finite.
    OutputError
        The file cannot be written.
    """
    with picture_errors("drawing"):
        data = draw_part(implant, features, skull, measures=measures, title=title, width_px=width_px)
        write_picture(Path(path), data)


def draw_part(
    implant: trimesh.Trimesh,
    features: Sequence[Feature],
    skull: trimesh.Trimesh | None,
    *,
    measures: Mapping[str, Any] | None = None,
    title: str = "",
    width_px: int = 1600,
) -> bytes:
    """Return the PNG of `write_drawing`."""
    if not 800 <= width_px <= 6400:
        raise InputError(f"expected a width of 800 to 6400 pixels, got {width_px}: change width_px")
    require_drawable(implant, name="the implant")
    if skull is not None:
        require_drawable(skull, name="the skull")
        skull = cluster_vertices(skull, max_faces=_MAX_SKULL_FACES)
    view = implant_views(implant, skull)["outer"]
    outlines = _outlines(implant, view)
    outline = np.concatenate(outlines)
    labels, px_per_mm = _fitted(outline, features, view)
    reach = np.concatenate([outline, *(label.at[None] for label in labels)])
    low, high = reach.min(axis=0), reach.max(axis=0)
    tall = float((high - low)[1]) * px_per_mm + 2 * _ROUND
    rows, lines = screw_rows(features), other_lines(features)
    below = _LINE * len(lines) + table_height(len(rows)) + 100
    unit = width_px / 1600
    canvas = SheetCanvas(width_px, round((_HEADER + tall + below) * unit), unit=unit)
    box = [canvas.px(each) for each in (_SIDE, _HEADER, 1600 - _SIDE, _HEADER + tall)]
    card = Card((box[0], box[1], box[2], box[3]), (box[0], box[1], box[2], box[3]))
    sheet = DrawingSheet(canvas, card, (low + high) / 2, px_per_mm * unit)
    _draw_head(canvas, title, outline, implant, view, measures)
    canvas.card(card)
    _draw_picture(sheet, PreviewScene(implant, skull), view)
    sheet.lines(outlines, features, view, labels)
    for place, words in placed_labels(sheet, labels, features, view):
        sheet.label(place, words)
    sheet.dimensions(outline)
    sheet.letters_and_scale(view.letters)
    top = _HEADER + tall + 14
    for line in lines:
        canvas.text((canvas.px(_SIDE), canvas.px(top)), line, size=LETTERS)
        top += _LINE
    draw_table(canvas, rows, _SIDE, top)
    top += table_height(len(rows)) + 8
    for words in _FOOTER:
        canvas.text((canvas.px(_SIDE), canvas.px(top)), words, size=17, colour=SOFT_INK)
        top += 26
    data = io.BytesIO()
    canvas.image.save(data, "PNG")
    return data.getvalue()


def _outlines(implant: trimesh.Trimesh, view: View) -> list[Floats]:
    """Return the outline of each body in a view, mm."""
    flat = view.project(implant.vertices)
    low, high = flat.min(axis=0), flat.max(axis=0)
    across = np.arange(low[0], high[0] + _STEP_MM, _STEP_MM)
    up = np.arange(high[1], low[1] - _STEP_MM, -_STEP_MM)
    points = np.stack(np.meshgrid(across, up), axis=-1)
    depth = float((np.asarray(implant.vertices) @ view.forward).min()) - 5.0
    start = points.reshape(-1, 2) @ np.stack([view.right, view.up]) + depth * view.forward
    hit = RayCaster(implant).first(start, np.broadcast_to(view.forward, start.shape))[1] >= 0
    return outline_of(points, hit.reshape(points.shape[:2]), _STEP_MM)


def _fitted(outline: Floats, features: Sequence[Feature], view: View) -> tuple[list[RingLabel], float]:
    """Return the labels, and the largest scale at which they fit on a sheet 1600 pixels wide."""
    room = np.array([1600 - 2 * _SIDE, _TALLEST]) - 2 * _ROUND
    px_per_mm = float((room / np.ptp(outline, axis=0)).min())
    labels: list[RingLabel] = []
    for _ in range(6):
        labels = ring_labels(outline, features, view, float(np.hypot(*BOX)) / px_per_mm)
        reach = np.concatenate([outline, *(label.at[None] for label in labels)])
        fitting = float((room / np.ptp(reach, axis=0)).min())
        if fitting >= px_per_mm * 0.999:
            break
        px_per_mm = fitting
    return labels, px_per_mm


def _draw_head(
    canvas: SheetCanvas,
    title: str,
    outline: Floats,
    implant: trimesh.Trimesh,
    view: View,
    measures: Mapping[str, Any] | None,
) -> None:
    """Write title, overall size, mass, open share and the size of a lip."""
    width, height = np.ptp(outline, axis=0)
    depth = float(np.ptp(np.asarray(implant.vertices) @ view.forward))
    size = f"{width:.1f} x {height:.1f} mm, {depth:.1f} mm deep"
    words = ", ".join([size, *fact_lines(measures)])
    middle = canvas.px(_HEADER / 2)
    canvas.text((canvas.px(_SIDE), middle), title or "Outer side", size=28, anchor="lm", bold=True)
    canvas.text((canvas.image.width - canvas.px(_SIDE), middle), words, size=LETTERS, anchor="rm")


def _draw_picture(sheet: DrawingSheet, preview: PreviewScene, view: View) -> None:
    """Draw part and skull, pale."""
    canvas, card = sheet.canvas, sheet.card
    middle = np.asarray(preview.implant.vertices).mean(axis=0)
    centre = middle + (sheet.centre - view.project(middle)) @ np.stack([view.right, view.up])
    width, height = (-(-each // _COARSER) for each in card.size_px)
    pixels = render_view(
        *(preview.with_skull, view),
        centre_mm=centre,
        mm_per_px=_COARSER / sheet.px_per_mm,
        size_px=(width, height),
    )
    paper = np.array(CARD)
    pale = _SHARE * composite_over(pixels, paper / 255).astype(float) + (1 - _SHARE) * paper
    shown = Image.fromarray(np.rint(pale).astype(np.uint8)).resize(card.size_px, Image.Resampling.BICUBIC)
    canvas.picture(card, np.asarray(shown))
