"""`render_strength`: one PNG of a screening: deflection and stress on the part, fixation and loads."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import InputError
from meshimplant.mesh.convert import join_meshes, new_mesh
from meshimplant.preview.colour_scales import IMPLANT, ColourScale
from meshimplant.preview.decimate import decimate
from meshimplant.preview.picture_errors import picture_errors, require_drawable
from meshimplant.preview.preview_scene import IMPLANT_GLOSS, MAX_IMPLANT_FACES
from meshimplant.preview.render_preview import draw_row, write_picture
from meshimplant.preview.render_view import Scene, Surface
from meshimplant.preview.sheet_canvas import SOFT_INK, SheetCanvas
from meshimplant.preview.sheet_panels import FOOTER, GUTTER, HEADER, SIDE, Panel, Row
from meshimplant.preview.view_directions import View, implant_views
from meshimplant.runtime.value_text import with_unit
from meshimplant.strength.screening import StrengthScreening
from meshimplant.strength.surface_samples import refined

#: Longest edge of a face that a map is drawn on, mm: colours run straight between the corners.
_LONGEST_MM = 2.0
#: Radius of the balls that mark places, mm, and their colours: fixation, the pad, the highest stress.
_BALL_MM = 1.6
_FIXED, _PRESSED, _STRESSED = (0.16, 0.20, 0.27), (0.85, 0.20, 0.15), (0.98, 0.98, 0.98)
_FOOTER = (
    "A screening by linear elasticity under the report's assumptions, not a proof of strength. "
    "Red ball: pad; white: highest stress; dark: fixation. Grey: stress not counted beside the fixation."
)


def render_strength(
    path: str | Path,
    *,
    part: trimesh.Trimesh,
    screening: StrengthScreening,
    skull: trimesh.Trimesh | None = None,
    title: str = "",
    width_px: int = 1600,
) -> None:
    """Write a PNG of a part under the largest force at its weakest place.

    Four pictures: deflection and von Mises stress on the outer side, stress on the inner side and on the
    border. Balls mark the pad, the highest stress that counts, and the fixation points.

    Parameters
    ----------
    path : str or Path
        PNG to write.
    part : Trimesh
        The part that was screened, LPS mm.
    screening : StrengthScreening
        What `screen_strength` found of it.
    skull : Trimesh, optional
        LPS mm; only tells which side is outer. None: the part's curvature tells it.
    title : str
        Written at the upper left.
    width_px : int
        800 to 6400.

    Raises
    ------
    MissingDependencyError
        embreex is not installed.
    InputError
        `width_px` is out of range.
    MeshError
        The part is empty, has vertices that are not finite, or has long edges and is no solid.
    OutputError
        The file cannot be written.
    """
    if not 800 <= width_px <= 6400:
        raise InputError(f"expected width_px between 800 and 6400, got {width_px}")
    require_drawable(part, name="the part")
    with picture_errors("picture of the screening"):
        row = Row.of_panels(_panels(_drawn(part), screening, skull))
        write_picture(Path(path), _draw(row, screening, title, width_px))


def _drawn(part: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the part with faces small enough for a map, and few enough to be drawn."""
    return decimate(refined(part, longest_mm=_LONGEST_MM), max_faces=MAX_IMPLANT_FACES)


def _panels(
    part: trimesh.Trimesh, screening: StrengthScreening, skull: trimesh.Trimesh | None
) -> list[Panel]:
    """Return the four pictures."""
    from scipy.spatial import cKDTree

    nearest = cKDTree(screening.points_mm).query(np.asarray(part.vertices))[1]
    deflection = screening.deflection_mm[nearest]
    stress = np.where(screening.counted, screening.stress_mpa, np.nan)[nearest]
    scales = {"deflection": ColourScale.of_values("deflection", deflection)}
    scales["stress"] = ColourScale.of_values("stress", stress)
    marks = _marks(screening)
    plain = Scene([Surface(part, IMPLANT, IMPLANT_GLOSS), *marks])
    views, case = implant_views(part, skull), screening.shown_case
    remarks = {"deflection": f"to {with_unit(case.deflection_mm, 'mm')}"}
    remarks["stress"] = f"to {with_unit(case.stress_mpa, 'MPa')}"

    def panel(caption: str, quantity: str, values: NDArray[np.float64], view: View) -> Panel:
        coloured = Surface(part, IMPLANT, IMPLANT_GLOSS, values=values, scale=scales[quantity])
        scene = plain.with_surfaces([coloured, *marks])
        return Panel(caption, scene, view, None, scales[quantity], values, remarks[quantity])

    return [
        panel("Deflection, outer side", "deflection", deflection, views["outer"]),
        panel("Stress, outer side", "stress", stress, views["outer"]),
        panel("Stress, inner side", "stress", stress, views["inner"]),
        panel("Stress, from the side", "stress", stress, views["side"]),
    ]


def _marks(screening: StrengthScreening) -> list[Surface]:
    """Return the balls at the fixation points, the pad and the highest stress."""
    case = screening.shown_case
    places = [
        (screening.fixation_mm, _FIXED),
        (np.array([] if case.place_mm is None else [case.place_mm]), _PRESSED),
        (np.array([case.stress_place_mm]), _STRESSED),
    ]
    return [Surface(_balls(points), colour) for points, colour in places if len(points)]


def _balls(points_mm: NDArray[np.float64]) -> trimesh.Trimesh:
    """Return a ball at each point (n, 3), as one mesh."""
    ball = trimesh.creation.icosphere(subdivisions=2, radius=_BALL_MM)
    return join_meshes([new_mesh(ball.vertices + point, ball.faces) for point in points_mm])


def _draw(row: Row, screening: StrengthScreening, title: str, width_px: int) -> bytes:
    """Return the sheet as the bytes of a PNG file."""
    unit = width_px / 1600
    sheet = SheetCanvas(width_px, round((HEADER + row.height + GUTTER + FOOTER) * unit), unit=unit)
    middle, left = sheet.px(42), sheet.px(SIDE)
    room = sheet.image.width * 0.4
    words = sheet.shorten(title or "Strength screening", size=29, width_px=room)
    sheet.text((left, middle), words, size=29, anchor="lm", bold=True)
    facts = "   ·   ".join(_facts(screening))
    sheet.text((sheet.image.width - left, middle), facts, size=19, colour=SOFT_INK, anchor="rm")
    draw_row(sheet, row, top=HEADER)
    below = sheet.px(HEADER + row.height + GUTTER + 8)
    sheet.text((left, below), _FOOTER, size=14, colour=SOFT_INK, anchor="lm")
    buffer = io.BytesIO()
    sheet.image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _facts(screening: StrengthScreening) -> list[str]:
    """Return material, fixation, load, and what it uses of the strength."""
    case = screening.shown_case
    points = len(screening.fixation_mm)
    held = f"held at {points} points" if points else "held all round its border"
    used = f"stress {100 / case.strength_ratio:.0f} % of {with_unit(screening.material.strength_mpa, 'MPa')}"
    return [screening.material.name, held, f"{case.load:g} N at the weakest place", used]
