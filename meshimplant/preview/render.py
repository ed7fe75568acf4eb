"""`render_preview`: one picture sheet of an implant and its skull, cast with rays, without a display."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError
from meshimplant.preview.colours import NO_VALUE
from meshimplant.preview.lighter_mesh import clustered
from meshimplant.preview.panels import (
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
    close_up_panels,
    head_panels,
)
from meshimplant.preview.picture_errors import checked_values, picture_errors, require_drawable
from meshimplant.preview.shade import draw, over
from meshimplant.preview.sheet import SOFT_INK, Box, Card, Sheet
from meshimplant.preview.soft_light import Lit
from meshimplant.preview.views import implant_views

#: A face of such a skull is about a pixel at 1600; twice as many faces are first merged to this.
_MAX_SKULL_FACES = 300_000
_NOTE = "Orthographic, patient millimetres (LPS). L is the patient's left. Not a medical device: verify it."


def render_preview(
    path: str | Path,
    *,
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None = None,
    thickness_mm: ArrayLike | None = None,
    gap_mm: ArrayLike | None = None,
    title: str = "",
    width_px: int = 1600,
) -> None:
    """Draw the implant in its skull from four sides, and four close-ups with thickness and gap, into one PNG.

    Upper row: anterior, lateral (from the implant's side), superior, and facing the implant; where bone
    hides the implant, it shines through faintly. Lower row: outer side coloured by thickness, by gap, inner
    side, and the border from the side. Every picture is orthographic, has its anatomical letters (LPS: +x
    is the patient's left) and a true scale bar; the pictures of a row share one scale. Nothing in it is
    random: same input, same bytes.

    Parameters
    ----------
    path
        Where to write; the height follows what is shown, about 5/8 of the width.
    implant, skull
        LPS mm. Without a skull the upper row shows the implant alone.
    thickness_mm, gap_mm : (n,)
        One value per vertex of the implant; not-a-number where there is none (drawn grey). Gaps live on the
        border's wall, which is edge-on from outside, so each is also drawn on the surface within 4 mm of
        it.
    title
        Upper left; shortened where it does not fit.
    width_px
        800 to 6400.

    Raises
    ------
    MissingDependencyError
        embreex is not installed.
    InputError, MeshError, OutputError
        Values that do not belong to the mesh, a mesh that cannot be drawn, a file that cannot be written.

    Source: measured, 300 k + 100 k faces, 1600 pixels: 4.5 s of one core; 2 M + 100 k faces: 5 s.
    """
    with picture_errors("preview picture"):
        data = draw_preview(
            implant=implant,
            skull=skull,
            thickness_mm=thickness_mm,
            gap_mm=gap_mm,
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
    title: str = "",
    width_px: int = 1600,
) -> bytes:
    """Return the picture of `render_preview` as the bytes of a PNG."""
    if not 800 <= width_px <= 6400:
        raise InputError(f"expected width_px between 800 and 6400, got {width_px}")
    require_drawable(implant, name="the implant")
    if skull is not None:
        require_drawable(skull, name="the skull")
        skull = (
            clustered(skull, max_faces=_MAX_SKULL_FACES) if len(skull.faces) > 2 * _MAX_SKULL_FACES else skull
        )
    thickness = checked_values(thickness_mm, implant, name="thickness_mm")
    gap = checked_values(gap_mm, implant, name="gap_mm")
    return draw_sheet(Lit(implant, skull), thickness, gap, title=title, width_px=width_px)


def draw_sheet(
    lit: Lit,
    thickness: NDArray[np.float64] | None,
    gap: NDArray[np.float64] | None,
    *,
    title: str = "",
    width_px: int = 1600,
) -> bytes:
    """Return the picture of `render_preview` as the bytes of a PNG, from meshes and values (n,) that were checked."""
    implant, skull = lit.implant, lit.skull
    rows = [
        Row.of_panels(head_panels(implant, skull, lit.alone, lit.together)),
        Row.of_panels(close_up_panels(implant, skull, lit.alone, thickness, gap)),
    ]
    unit = width_px / 1600
    height = HEADER + sum(row.height + GUTTER for row in rows) + FOOTER
    sheet = Sheet(width_px, round(height * unit), unit=unit)
    _draw_header(sheet, title, implant, skull, thickness, gap)
    top = float(HEADER)
    for row in rows:
        _draw_row(sheet, row, top=top)
        top += row.height + GUTTER
    sheet.text((sheet.px(SIDE), sheet.px(top + 8)), _NOTE, size=14, colour=SOFT_INK, anchor="lm")
    buffer = io.BytesIO()
    sheet.image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _draw_header(
    sheet: Sheet,
    title: str,
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None,
    thickness: NDArray[np.float64] | None,
    gap: NDArray[np.float64] | None,
) -> None:
    facts = "   ·   ".join(_facts(implant, skull, thickness, gap))
    middle = sheet.px(42)
    right = sheet.image.width - sheet.px(22)
    sheet.text((right, middle), facts, size=19, colour=SOFT_INK, anchor="rm")
    words = sheet.fitting(title or "Implant preview", size=29, width_px=sheet.image.width * 0.5)
    sheet.text((sheet.px(22), middle), words, size=29, anchor="lm", bold=True)


def _facts(
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None,
    thickness: NDArray[np.float64] | None,
    gap: NDArray[np.float64] | None,
) -> list[str]:
    """Return the few numbers of the header: volume, extent, thickness and gap."""
    view = implant_views(implant, skull)["outer"]
    placed = implant.vertices @ np.stack([view.right, view.up, view.forward]).T
    facts = [" x ".join(f"{length:.0f}" for length in np.ptp(placed, axis=0)) + " mm"]
    if implant.is_watertight:
        facts.insert(0, f"{abs(implant.volume) / 1000:.1f} ml")
    for name, values in (("thickness", thickness), ("gap", gap)):
        if values is not None:
            low, high = np.nanpercentile(values, (5, 95))
            facts.append(f"{name} {low:.1f} to {high:.1f} mm (p5-p95)")
    return facts


def _draw_row(sheet: Sheet, row: Row, *, top: float) -> None:
    """Draw a row of panels at one common scale; `top` in pixels at 1600."""
    mm_per_px = row.mm_per_px / sheet.unit
    for index, panel in enumerate(row.panels):
        card = _card(sheet, row, index, top)
        middle_mm, _ = panel.frame
        sheet.card(card)
        picture = draw(
            panel.scene,
            panel.view,
            middle_mm=middle_mm,
            mm_per_px=mm_per_px,
            size_px=card.size_px,
            ghost=panel.ghost,
        )
        sheet.picture(card, over(picture, sheet.background(card)))
        _annotate(sheet, card, panel, mm_per_px)


def _card(sheet: Sheet, row: Row, index: int, top: float) -> Card:
    """Return the frame of the index-th of four cards, and in it room for caption and colour bar."""
    left = SIDE + index * (CARD_WIDTH + GUTTER)
    right, bottom = left + CARD_WIDTH, top + row.height
    below = PAD if row.panels[index].scale is None else BAR
    inner = (left + PAD, top + CAPTION, right - PAD, bottom - below)
    return Card(_pixels(sheet, (left, top, right, bottom)), _pixels(sheet, inner))


def _annotate(sheet: Sheet, card: Card, panel: Panel, mm_per_px: float) -> None:
    left, top, right, bottom = card.box
    pad = sheet.px(16)
    sheet.text((left + pad, top + sheet.px(14)), panel.caption, size=18, bold=True)
    sheet.text((right - pad, top + sheet.px(16)), panel.note, size=15, colour=SOFT_INK, anchor="ra")
    sheet.letters(card, panel.view.letters)
    sheet.scale_bar(card, mm_per_px=mm_per_px)
    if panel.scale is not None and panel.values_mm is not None:
        bar = (left + 2 * pad, bottom - sheet.px(80), right - 2 * pad, bottom - sheet.px(10))
        sheet.colour_bar(bar, panel.scale, panel.values_mm)
    if any(np.isnan(s.values_mm).any() for s in panel.scene.surfaces if s.values_mm is not None):
        sheet.swatch(card, "no value", NO_VALUE)


def _pixels(sheet: Sheet, corners: tuple[float, float, float, float]) -> Box:
    left, top, right, bottom = (sheet.px(corner) for corner in corners)
    return left, top, right, bottom


def write_picture(path: Path, data: bytes) -> None:
    """Write the bytes of a picture, whole or not at all."""
    from meshimplant.io.atomic import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
