"""`draw_slices`: the scan in anatomical planes, with the outline of the part: what a surgeon trusts first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import InputError, require_type
from meshimplant.preview.picture_errors import picture_errors, require_drawable
from meshimplant.preview.render_preview import write_picture
from meshimplant.preview.scan_plane import PLANES, Plane, draw_plane, level_text
from meshimplant.preview.sheet_canvas import LIGHT_INK, Box, Card, SheetCanvas
from meshimplant.voxels.volume import Volume

Floats = NDArray[np.float64]

#: Sizes on a sheet 1600 pixels wide: width of a card, space between cards, height of a title, margin.
_CARD, _GAP, _TITLE, _SIDE = 510, 12, 40, 23
#: Part of the scan that a picture of a place shows, mm, and air around the part in the other ones, mm.
_CLOSE_MM, _AROUND_MM = 60.0, 25.0
_FOOTER = (
    "Axial planes are seen from below, sagittal ones from the left; patient coordinates in mm (LPS). "
    "Not a medical device: verify before use."
)


@dataclass(frozen=True)
class SlicePlace:
    """A place through which a plane is drawn.

    Attributes
    ----------
    label : str
        Its name, such as that of a screw.
    point_mm : (3,) tuple
        LPS mm.
    axis : (3,) tuple
        A direction that the plane should hold, such as that of the screw, LPS.
    """

    label: str
    point_mm: tuple[float, float, float]
    axis: tuple[float, float, float]


def write_slices(
    path: str | Path,
    *,
    implant: trimesh.Trimesh,
    scan: Volume,
    places: Sequence[SlicePlace] = (),
    title: str = "",
    width_px: int = 1600,
) -> None:
    """Write a PNG of the scan in three planes through the part, and in one through each place.

    The planes are those of the patient, whatever the orientation of the scan, and show the part's outline in
    them. Through a place runs that of the three planes that holds its axis best. The patient's left is on the
    right of axial and coronal planes. Equal input gives equal bytes.

    Parameters
    ----------
    path : str or Path
        PNG to write.
    implant : Trimesh
        LPS mm.
    scan : Volume
        The CT in Hounsfield units, or a mask of the skull.
    places : sequence of SlicePlace
        Places to draw, such as screws.
    title : str
        Written at the upper left.
    width_px : int
        800 to 6400.

    Raises
    ------
    InputError
        `width_px` is out of range, or the part lies outside the scan.
    MeshError
        The mesh is empty or has vertices that are not finite.
    OutputError
        The file cannot be written.
    """
    with picture_errors("slices"):
        data = draw_slices(implant=implant, scan=scan, places=places, title=title, width_px=width_px)
        write_picture(Path(path), data)


def draw_slices(
    *,
    implant: trimesh.Trimesh,
    scan: Volume,
    places: Sequence[SlicePlace] = (),
    title: str = "",
    width_px: int = 1600,
) -> bytes:
    """Return the PNG of `write_slices`."""
    require_type(scan, Volume, "the scan")
    require_drawable(implant, name="the implant")
    if not 800 <= width_px <= 6400:
        raise InputError(f"expected a width of 800 to 6400 pixels, got {width_px}: change width_px")
    middle = np.asarray(implant.bounds, float).mean(axis=0)
    middle = np.asarray(implant.vertices)[np.linalg.norm(implant.vertices - middle, axis=1).argmin()]
    if not (np.abs(scan.to_index(middle) - (np.array(scan.shape) - 1) / 2) < np.array(scan.shape) / 2).all():
        raise InputError("expected a part within the scan, got one outside: check that both are in one frame")
    reach = float(np.ptp(implant.vertices, axis=0).max()) / 2 + _AROUND_MM
    pictures = [(plane, plane.name, middle, reach, False) for plane in PLANES]
    for place in places:
        plane = min(PLANES, key=lambda each: abs(place.axis[each.axis]))
        pictures.append(
            (plane, f"{place.label}, {plane.name.lower()}", np.asarray(place.point_mm), _CLOSE_MM / 2, True)
        )
    return _sheet(pictures, implant, scan, title, width_px)


def _sheet(
    pictures: list[tuple[Plane, str, Floats, float, bool]],
    implant: trimesh.Trimesh,
    scan: Volume,
    title: str,
    width_px: int,
) -> bytes:
    """Draw the pictures three in a row."""
    unit = width_px / 1600
    rows = -(-len(pictures) // 3)
    header, footer = 70, 40
    height = header + rows * (_TITLE + _CARD + _GAP) + footer
    canvas = SheetCanvas(width_px, round(height * unit), unit=unit)
    words = title or "The part in the scan"
    canvas.text((canvas.px(_SIDE), canvas.px(20)), words, size=28, bold=True)
    for number, (plane, name, point, reach_mm, marked) in enumerate(pictures):
        row, column = divmod(number, 3)
        left, top = _SIDE + column * (_CARD + _GAP), header + row * (_TITLE + _CARD + _GAP)
        card = _card(canvas, left, top)
        canvas.card(card)
        inner = Card(card.box, _inset(card.picture, canvas.px(8)))
        canvas.text((card.picture[0], canvas.px(top + 10)), name, size=18, bold=True)
        canvas.text((card.picture[2], canvas.px(top + 12)), level_text(plane, point), size=15, anchor="ra")
        mm_per_px = 2 * reach_mm / card.size_px[0]
        drawn = draw_plane(
            implant, scan, plane, point, mm_per_px=mm_per_px, size_px=card.size_px, marked=marked
        )
        canvas.picture(card, drawn)
        canvas.letters(inner, plane.letters, colour=LIGHT_INK)
        canvas.scale_bar(inner, mm_per_px=mm_per_px, colour=LIGHT_INK)
    canvas.text((canvas.px(_SIDE), canvas.px(height - 28)), _FOOTER, size=15)
    data = io.BytesIO()
    canvas.image.save(data, "PNG")
    return data.getvalue()


def _card(canvas: SheetCanvas, left: int, top: int) -> Card:
    box = tuple(canvas.px(each) for each in (left, top, left + _CARD, top + _TITLE + _CARD))
    inset = 12
    side = canvas.px(_CARD - 2 * inset)
    x, y = canvas.px(left + inset), canvas.px(top + _TITLE)
    return Card((box[0], box[1], box[2], box[3]), (x, y, x + side, y + side))


def _inset(box: Box, by_px: int) -> Box:
    left, top, right, bottom = box
    return left + by_px, top + by_px, right - by_px, bottom - by_px
