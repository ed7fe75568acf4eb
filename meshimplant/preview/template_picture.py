"""`write_template_picture`: one PNG of a resection template on its skull, from outside and from the bone."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.manufacture.resection_template import ResectionTemplate
from meshimplant.mesh.convert import join_meshes, new_mesh
from meshimplant.mesh.nearest import surface_tree
from meshimplant.preview.colour_scales import BONE, CUT, TEMPLATE
from meshimplant.preview.decimate import decimate
from meshimplant.preview.picture_errors import picture_errors, require_drawable
from meshimplant.preview.preview_scene import IMPLANT_GLOSS, MAX_IMPLANT_FACES
from meshimplant.preview.render_preview import draw_row, write_picture
from meshimplant.preview.render_view import Scene, Surface
from meshimplant.preview.sheet_canvas import SOFT_INK, SheetCanvas
from meshimplant.preview.sheet_panels import FOOTER, GUTTER, HEADER, SIDE, Panel, Row
from meshimplant.preview.view_directions import View, picture_top
from meshimplant.runtime.value_text import with_unit
from meshimplant.skull.resect import Resection

#: Radius of the balls that draw the cut, mm, and how many points apart they are.
_BALL_MM, _APART = 0.6, 2
#: Bone this far around the template is drawn, mm.
_AROUND_MM = 45.0
_FOOTER = (
    "The saw runs along the inner edge of the template, which is the outer side of the kerf. "
    "Not a medical device: verify before use."
)


def write_template_picture(
    path: str | Path,
    *,
    template: ResectionTemplate,
    cut: Resection,
    skull: trimesh.Trimesh,
    title: str = "",
    width_px: int = 1600,
) -> None:
    """Write a PNG of a template: on the skull from outside and from the side, and alone, with its bone side.

    Parameters
    ----------
    path : str or Path
        PNG to write.
    template : ResectionTemplate
        The template.
    cut : Resection
        The resection that it is for.
    skull : Trimesh
        The skull, LPS mm.
    title : str
        Written at the upper left.
    width_px : int
        Width of the picture.

    Raises
    ------
    MissingDependencyError
        embreex is not installed.
    MeshError
        A mesh is empty or has vertices that are not finite.
    OutputError
        The file cannot be written.
    """
    require_drawable(template.mesh, name="the template")
    require_drawable(skull, name="the skull")
    with picture_errors("picture of the template"):
        row = Row.of_panels(_panels(template, cut, skull))
        write_picture(Path(path), _draw(row, template, title, width_px))


def _panels(template: ResectionTemplate, cut: Resection, skull: trimesh.Trimesh) -> list[Panel]:
    """Return the four pictures."""
    part = Surface(decimate(template.mesh, max_faces=MAX_IMPLANT_FACES), TEMPLATE, IMPLANT_GLOSS)
    line = Surface(_balls(cut.line.points_mm[::_APART]), CUT)
    both = Scene([part, line, Surface(_around(skull, template.mesh), BONE)])
    alone = Scene([part])
    lift = template.place.lift
    top = picture_top(lift)
    aside = -np.sin(np.radians(65)) * np.cross(top, lift) - np.cos(np.radians(65)) * lift
    return [
        Panel("On the skull", both, View.along("outer", -lift, top)),
        Panel("On the skull, from the side", both, View.along("aside", aside, lift)),
        Panel("Outer side", alone, View.along("outer", -lift, top)),
        Panel("Side on the bone", alone, View.along("inner", lift, top)),
    ]


def _around(skull: trimesh.Trimesh, template: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the faces of a skull around a template."""
    middles = np.asarray(skull.triangles_center)
    near = surface_tree(np.asarray(template.vertices)).query(middles, distance_upper_bound=_AROUND_MM)[0]
    return new_mesh(skull.vertices, np.asarray(skull.faces)[np.isfinite(near)])


def _balls(points_mm: NDArray[np.float64]) -> trimesh.Trimesh:
    """Return a ball at each point (n, 3), as one mesh."""
    ball = trimesh.creation.icosphere(subdivisions=1, radius=_BALL_MM)
    return join_meshes([new_mesh(ball.vertices + point, ball.faces) for point in points_mm])


def _draw(row: Row, template: ResectionTemplate, title: str, width_px: int) -> bytes:
    """Return the sheet as the bytes of a PNG file."""
    unit = width_px / 1600
    sheet = SheetCanvas(width_px, round((HEADER + row.height + GUTTER + FOOTER) * unit), unit=unit)
    middle, left = sheet.px(42), sheet.px(SIDE)
    words = sheet.shorten(title or "Resection template", size=29, width_px=sheet.image.width * 0.4)
    sheet.text((left, middle), words, size=29, anchor="lm", bold=True)
    measures = template.measures
    facts = "   ·   ".join(
        (
            f"thickness {with_unit(measures['template_thickness_median_mm'], 'mm')}",
            f"gap {with_unit(measures['template_gap_p95_mm'], 'mm')} (p95)",
            f"{len(template.sleeves)} sleeves",
            f"seat {with_unit(measures['template_seat_least_mm'], 'mm')}",
        )
    )
    sheet.text((sheet.image.width - left, middle), facts, size=19, colour=SOFT_INK, anchor="rm")
    draw_row(sheet, row, top=HEADER)
    below = sheet.px(HEADER + row.height + GUTTER + 8)
    sheet.text((left, below), _FOOTER, size=14, colour=SOFT_INK, anchor="lm")
    buffer = io.BytesIO()
    sheet.image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
