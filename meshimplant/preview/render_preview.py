"""`render_preview`: the preview sheet, one PNG with eight pictures of an implant and its skull."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError
from meshimplant.mesh.topology import as_written
from meshimplant.preview.decimate import cluster_vertices
from meshimplant.preview.picture_errors import checked_values, picture_errors, require_drawable
from meshimplant.preview.preview_scene import PreviewScene
from meshimplant.preview.render_view import composite_over, render_view
from meshimplant.preview.scan_plane import draw_plane
from meshimplant.preview.sheet_canvas import INK, LIGHT_INK, SOFT_INK, Box, Card, SheetCanvas
from meshimplant.preview.sheet_panels import (
    BAR,
    CAPTION,
    CARD_WIDTH,
    FOOTER,
    GUTTER,
    HEADER,
    PAD,
    SIDE,
    Panel,
    Row,
    Section,
    close_up_panels,
    head_panels,
)
from meshimplant.preview.verdict_kinds import VERDICT_COLOURS
from meshimplant.report import Verdict
from meshimplant.runtime.value_text import in_unit, with_unit
from meshimplant.voxels.volume import Volume

#: With this many faces a face of the skull is about one pixel at a width of 1600. A skull of more than twice
#: as many faces is clustered to this number.
_MAX_SKULL_FACES = 300_000
_FOOTER = (
    "Orthographic projection, patient coordinates in mm (LPS); L is the patient's left. "
    "Not a medical device: verify before use."
)


def render_preview(
    path: str | Path,
    *,
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None = None,
    thickness_mm: ArrayLike | None = None,
    gap_mm: ArrayLike | None = None,
    measures: Mapping[str, Any] | None = None,
    verdict: Verdict | None = None,
    asked_thickness_mm: float | None = None,
    scan: Volume | None = None,
    title: str = "",
    width_px: int = 1600,
) -> None:
    """Write a PNG that shows the implant in its skull from four sides, and four close-ups of the implant.

    Upper row: anterior, lateral (from the side of the implant), superior, and facing the implant; where bone
    hides the implant, it is drawn faintly. Lower row: outer side coloured by thickness, outer side coloured
    by gap, inner side, and the border from the side. All pictures are orthographic, with anatomical letters
    and a scale bar; the pictures of a row share one scale. The pictures are cast with rays on the CPU: no
    display or GPU is needed. Equal input gives equal bytes.

    Parameters
    ----------
    path : str or Path
        PNG to write; its height follows from the content, about 5/8 of the width.
    implant : Trimesh
        LPS mm.
    skull : Trimesh, optional
        LPS mm. Without a skull the upper row shows only the implant.
    thickness_mm, gap_mm : (n,) array, optional
        One value per vertex of the implant, NaN (drawn grey) where there is none. Gaps belong to the border's
        wall, which is seen edge-on from outside, so they are also drawn on the surface within 4 mm of it.
    measures : mapping, optional
        What `check_part` measured of the implant: the sheet states these numbers and computes none, so that
        they are those of the report. None: volume and size of the mesh alone.
    verdict : str, optional
        The verdict on the part, written beside the title.
    asked_thickness_mm : float, optional
        The prescribed thickness: its colours span 1 mm to either side, so that parts can be compared. None:
        they span the values. Those of the gap always span 0 to 3 mm.
    scan : Volume, optional
        The CT in Hounsfield units, or the mask of the skull: a plane of it, with the outline of the part,
        takes the place of the view that repeats the one facing the implant.
    title : str
        Written at the upper left; truncated if it does not fit.
    width_px : int
        800 to 6400.

    Raises
    ------
    MissingDependencyError
        embreex is not installed.
    InputError
        The number of values differs from the number of vertices, or `width_px` is out of range.
    MeshError
        A mesh is empty or has vertices that are not finite.
    OutputError
        The file cannot be written.

    Notes
    -----
    Measured on one core at 1600 pixels: 4.5 s for 300 k + 100 k faces, 5 s for 2 M + 100 k faces.
    """
    with picture_errors("preview picture"):
        data = draw_preview(
            implant=implant,
            skull=skull,
            thickness_mm=thickness_mm,
            gap_mm=gap_mm,
            measures=measures,
            verdict=verdict,
            asked_thickness_mm=asked_thickness_mm,
            scan=scan,
            title=title,
            width_px=width_px,
        )
        write_picture(Path(path), data)


def draw_preview(
    *,
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None = None,
    thickness_mm: ArrayLike | None = None,
    gap_mm: ArrayLike | None = None,
    measures: Mapping[str, Any] | None = None,
    verdict: Verdict | None = None,
    asked_thickness_mm: float | None = None,
    scan: Volume | None = None,
    title: str = "",
    width_px: int = 1600,
) -> bytes:
    """Return the sheet that `render_preview` writes, as the bytes of a PNG file."""
    if not 800 <= width_px <= 6400:
        raise InputError(f"expected width_px between 800 and 6400, got {width_px}")
    require_drawable(implant, name="the implant")
    if skull is not None:
        require_drawable(skull, name="the skull")
        skull = (
            cluster_vertices(skull, max_faces=_MAX_SKULL_FACES)
            if len(skull.faces) > 2 * _MAX_SKULL_FACES
            else skull
        )
    return draw_sheet(
        PreviewScene(implant, skull),
        checked_values(thickness_mm, implant, name="thickness_mm"),
        checked_values(gap_mm, implant, name="gap_mm"),
        measures=mesh_measures(implant) if measures is None else measures,
        verdict=verdict,
        asked_thickness_mm=asked_thickness_mm,
        scan=scan,
        title=title,
        width_px=width_px,
    )


def draw_sheet(
    preview: PreviewScene,
    thickness_mm: NDArray[np.float64] | None,
    gap_mm: NDArray[np.float64] | None,
    *,
    measures: Mapping[str, Any],
    verdict: Verdict | None = None,
    asked_thickness_mm: float | None = None,
    scan: Volume | None = None,
    title: str = "",
    width_px: int = 1600,
) -> bytes:
    """Return the sheet as the bytes of a PNG file, from checked meshes and per-vertex values (n,).

    `measures` are those of the implant as it was before it was decimated for the picture.
    """
    rows = [
        Row.of_panels(head_panels(preview, scan)),
        Row.of_panels(close_up_panels(preview, thickness_mm, gap_mm, measures, asked_thickness_mm)),
    ]
    unit = width_px / 1600
    height = HEADER + sum(row.height + GUTTER for row in rows) + FOOTER
    sheet = SheetCanvas(width_px, round(height * unit), unit=unit)
    _draw_header(sheet, title, verdict, header_facts(measures))
    top = float(HEADER)
    for row in rows:
        draw_row(sheet, row, top=top)
        top += row.height + GUTTER
    sheet.text((sheet.px(SIDE), sheet.px(top + 8)), _FOOTER, size=14, colour=SOFT_INK, anchor="lm")
    buffer = io.BytesIO()
    sheet.image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _draw_header(sheet: SheetCanvas, title: str, verdict: Verdict | None, facts: list[str]) -> None:
    """Write the title and the verdict on the left and the facts on the right."""
    middle, left, size = sheet.px(42), sheet.px(22), 29
    right = sheet.image.width - left
    sheet.text((right, middle), "   ·   ".join(facts), size=19, colour=SOFT_INK, anchor="rm")
    room = sheet.image.width * (0.5 if verdict is None else 0.28)
    words = sheet.shorten(title or "Implant preview", size=size, width_px=room)
    sheet.text((left, middle), words, size=size, anchor="lm", bold=True)
    if verdict is not None:
        beside = left + sheet.width_px(words, size=size) + sheet.px(24)
        colour = VERDICT_COLOURS[verdict]
        sheet.text((beside, middle), verdict, size=22, colour=colour, anchor="lm", bold=True)


def mesh_measures(implant: trimesh.Trimesh) -> dict[str, Any]:
    """Return size and, of a closed mesh, volume, under the names and by the rule of `check_solid`."""
    solid = as_written(implant)
    measures: dict[str, Any] = {"extents_mm": solid.extents.tolist()}
    if solid.is_watertight:
        measures["volume_mm3"] = abs(float(solid.volume))
    return measures


def header_facts(measures: Mapping[str, Any]) -> list[str]:
    """Return the numbers of the header: volume, extents, and 5th to 95th percentile of thickness and gap."""
    facts = []
    if measures.get("volume_mm3") is not None:
        facts.append(with_unit(measures["volume_mm3"], "mm3"))
    if measures.get("extents_mm") is not None:
        facts.append(with_unit(measures["extents_mm"], "mm"))
    for name in ("thickness", "gap"):
        low, high = (measures.get(f"{name}_{percentile}_mm") for percentile in ("p5", "p95"))
        if low is not None and high is not None:
            facts.append(f"{name} {in_unit(low, 'mm')}-{with_unit(high, 'mm')} (p5-p95)")
    return facts


def draw_row(sheet: SheetCanvas, row: Row, *, top: float) -> None:
    """Draw a row of panels at their common scale; `top` is in pixels of a sheet 1600 pixels wide."""
    mm_per_px = row.mm_per_px / sheet.unit
    for index, panel in enumerate(row.panels):
        card = _card(sheet, row, index, top)
        centre_mm, _ = panel.frame
        sheet.card(card)
        section = panel.section
        if section is None:
            picture = render_view(
                panel.scene,
                panel.view,
                centre_mm=centre_mm,
                mm_per_px=mm_per_px,
                size_px=card.size_px,
                ghost=panel.ghost,
            )
            sheet.picture(card, composite_over(picture, sheet.background(card)))
        else:
            shown = draw_plane(
                panel.scene.surfaces[0].mesh,
                section.scan,
                section.plane,
                _in_plane(centre_mm, section),
                mm_per_px=mm_per_px,
                size_px=card.size_px,
            )
            sheet.picture(card, shown)
        _annotate(sheet, card, panel, mm_per_px)


def _in_plane(centre_mm: NDArray[np.float64], section: Section) -> NDArray[np.float64]:
    """Return the centre of a picture (3,) moved into the plane of a section."""
    moved = np.array(centre_mm, float)
    moved[section.plane.axis] = section.point_mm[section.plane.axis]
    return moved


def _card(sheet: SheetCanvas, row: Row, index: int, top: float) -> Card:
    """Return the card at an index, 0 to 3, of a row, with space for its caption and colour bar."""
    left = SIDE + index * (CARD_WIDTH + GUTTER)
    right, bottom = left + CARD_WIDTH, top + row.height
    below = PAD if row.panels[index].scale is None else BAR
    inner = (left + PAD, top + CAPTION, right - PAD, bottom - below)
    return Card(_pixels(sheet, (left, top, right, bottom)), _pixels(sheet, inner))


def _annotate(sheet: SheetCanvas, card: Card, panel: Panel, mm_per_px: float) -> None:
    """Write caption, remark, letters, scale bar and legends of a panel."""
    left, top, right, bottom = card.box
    pad = sheet.px(16)
    sheet.text((left + pad, top + sheet.px(14)), panel.caption, size=18, bold=True)
    sheet.text((right - pad, top + sheet.px(16)), panel.remark, size=15, colour=SOFT_INK, anchor="ra")
    ink, soft, inset = (INK, SOFT_INK, 0) if panel.section is None else (LIGHT_INK, LIGHT_INK, sheet.px(7))
    x0, y0, x1, y1 = card.picture
    inner = Card(card.box, (x0 + inset, y0 + inset, x1 - inset, y1 - inset))
    sheet.letters(inner, panel.view.letters, colour=ink)
    sheet.scale_bar(inner, mm_per_px=mm_per_px, colour=ink)
    if panel.scale is not None and panel.values is not None:
        bar = (left + 2 * pad, bottom - sheet.px(80), right - 2 * pad, bottom - sheet.px(10))
        sheet.colour_bar(bar, panel.scale, panel.values)
    sheet.swatches(inner, panel.legend, colour=soft)


def _pixels(sheet: SheetCanvas, corners: tuple[float, float, float, float]) -> Box:
    """Convert corners on a sheet 1600 pixels wide to pixels of this sheet."""
    left, top, right, bottom = (sheet.px(corner) for corner in corners)
    return left, top, right, bottom


def write_picture(path: Path, data: bytes) -> None:
    """Write the bytes of a picture atomically: either the whole file appears or nothing changes."""
    from meshimplant.io.atomic import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
