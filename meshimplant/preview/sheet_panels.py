"""The panels of the preview sheet: head and scan above, close-ups of the implant below, one scale a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.preview.colour_scales import BONE, CUT, IMPLANT, NO_VALUE, TEMPLATE, ColourScale
from meshimplant.preview.preview_scene import PreviewScene
from meshimplant.preview.render_view import Scene, Surface
from meshimplant.preview.scan_plane import OUTLINE, Plane, level_text, longest_section
from meshimplant.preview.view_directions import (
    Vector,
    View,
    anatomical_views,
    implant_views,
    outward_direction,
)
from meshimplant.runtime.value_text import with_unit
from meshimplant.voxels.volume import Volume

Colour = tuple[float, float, float]

#: What each colour stands for, and the colour of an outline in the scan, sRGB 0 to 1. Marks of other colours
#: are explained below a picture.
_NAMES = {IMPLANT: "implant", BONE: "bone", TEMPLATE: "template", CUT: "cut"}
_OUTLINE: Colour = (OUTLINE[0] / 255, OUTLINE[1] / 255, OUTLINE[2] / 255)
#: Gaps are shown on the outer surface up to this distance from the border, mm.
_BORDER_BAND_MM = 4.0

# Layout in pixels, for a sheet 1600 pixels wide.
HEADER, FOOTER, SIDE, GUTTER, PAD = 78, 22, 22, 14, 14
CARD_WIDTH = (1600 - 2 * SIDE - 3 * GUTTER) / 4
CAPTION, BAR, LETTER = 44, 94, 30  # space for the caption, the colour bar, a letter at an edge
MIN_PICTURE, MAX_PICTURE = 150, 420


@dataclass(frozen=True, eq=False)
class Section:
    """A plane of the scan through a point (3,), LPS mm."""

    scan: Volume
    plane: Plane
    point_mm: Vector


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of the sheet.

    Attributes
    ----------
    caption, remark : str
        Written at the upper left and the upper right.
    scene, ghost : Scene
        What is rendered, and what is drawn faintly where the scene hides it.
    view : View
    scale : ColourScale or None
        Drawn as a colour bar with a histogram of `values` (n,).
    section : Section or None
        A plane of the scan, drawn in place of the scene.
    """

    caption: str
    scene: Scene
    view: View
    ghost: Scene | None = None
    scale: ColourScale | None = None
    values: NDArray[np.float64] | None = None
    remark: str = ""
    section: Section | None = None

    @property
    def legend(self) -> list[tuple[str, Colour]]:
        """Words and colour, sRGB 0 to 1, of each thing that has one colour in the picture."""
        if self.section is not None:
            return [("outline of the part", _OUTLINE)]
        surfaces = self.scene.surfaces
        plain = [each.colour for each in surfaces if each.values is None]
        entries = [(_NAMES[colour], colour) for colour in plain if colour in _NAMES]
        if any(np.isnan(each.values).any() for each in surfaces if each.values is not None):
            entries.append(("no value", NO_VALUE))
        return entries

    @cached_property
    def frame(self) -> tuple[Vector, Vector]:
        """Centre (3,) and picture size (2,), in mm, that hold all surfaces of the scene."""
        return self.view.frame(np.concatenate([np.asarray(s.mesh.vertices) for s in self.scene.surfaces]))


@dataclass(frozen=True, eq=False)
class Row:
    """Panels side by side at one scale; lengths in pixels of a sheet 1600 pixels wide."""

    panels: tuple[Panel, ...]
    mm_per_px: float
    height: float

    @classmethod
    def of_panels(cls, panels: Sequence[Panel]) -> Row:
        """Return a row at the largest scale at which every panel fits, as low as that allows."""
        sizes_mm = np.array([panel.frame[1] for panel in panels])
        available = np.array([CARD_WIDTH - 2 * PAD, MAX_PICTURE]) - 2 * LETTER
        mm_per_px = max(float((sizes_mm / available).max()), 1e-6)
        below = [PAD if panel.scale is None else BAR for panel in panels]
        heights = np.maximum(sizes_mm[:, 1] / mm_per_px, MIN_PICTURE) + 2 * LETTER + below
        return cls(tuple(panels), mm_per_px, CAPTION + float(heights.max()))


def head_panels(preview: PreviewScene, scan: Volume | None = None) -> list[Panel]:
    """Return four pictures of the head; where the skull hides the implant, the implant is drawn faintly.

    With a scan, a plane of it takes the place of the view that comes nearest to the one facing the implant.
    """
    ghost = None if preview.skull is None else preview.implant_only
    views = anatomical_views(preview.implant, preview.skull)
    panels = [Panel(view.name, preview.with_skull, view, ghost=ghost) for view in views]
    if scan is not None:
        *others, facing = views
        repeated = int(np.argmax([view.forward @ facing.forward for view in others]))
        del panels[repeated]
        panels.append(_scan_panel(preview, scan))
    return panels


def _scan_panel(preview: PreviewScene, scan: Volume) -> Panel:
    """Return the plane of the scan through the part in which its outline is the longest."""
    vertices = np.asarray(preview.implant.vertices, float)
    middle = preview.implant.bounds.mean(axis=0)
    point = vertices[np.linalg.norm(vertices - middle, axis=1).argmin()]
    plane = longest_section(preview.implant, point, outward_direction(preview.implant, preview.skull))
    down = np.zeros(3)
    down[plane.down] = plane.down_sign
    view = View(f"{plane.name} scan", np.eye(3)[plane.right], -down)
    section = Section(scan, plane, point)
    return Panel(view.name, preview.with_skull, view, remark=level_text(plane, point), section=section)


def close_up_panels(
    preview: PreviewScene,
    thickness_mm: NDArray[np.float64] | None,
    gap_mm: NDArray[np.float64] | None,
    measures: Mapping[str, Any],
    asked_thickness_mm: float | None = None,
) -> list[Panel]:
    """Return four views of the implant, coloured by thickness and gap (n,) where these are measured.

    Their medians are those of the measures: the values drawn are those of a decimated mesh.
    """
    implant, scene = preview.implant, preview.implant_only
    views = implant_views(implant, preview.skull)
    outer = Panel("Outer side (thickness not measured)", scene, views["outer"])
    border = Panel("Border, oblique (gap not measured)", scene, views["oblique"])
    side = Panel("Border from the side", scene, views["side"])
    if thickness_mm is not None:
        scale = ColourScale.of_prescription("thickness", thickness_mm, asked_thickness_mm=asked_thickness_mm)
        coloured = _coloured(preview, scale, thickness_mm)
        remark = _median_text(measures, "thickness_median_mm")
        outer = Panel("Thickness, outer side", coloured, views["outer"], None, scale, thickness_mm, remark)
    if gap_mm is not None:
        scale = ColourScale.of_prescription("gap", gap_mm)
        band_mm = spread_values(gap_mm, implant.vertices, reach_mm=_BORDER_BAND_MM)
        coloured, remark = _coloured(preview, scale, band_mm), _median_text(measures, "gap_median_mm")
        border = Panel("Gap to bone, outer side", coloured, views["outer"], None, scale, gap_mm, remark)
        coloured, remark = _coloured(preview, scale, gap_mm), _placement_text(measures)
        side = Panel("Gap from the side", coloured, views["side"], None, scale, gap_mm, remark)
    inner = Panel("Inner side", scene, views["inner"], remark=_seat_text(measures))
    return [outer, border, inner, side]


def _coloured(preview: PreviewScene, scale: ColourScale, values_mm: NDArray[np.float64]) -> Scene:
    """Return the scene of the implant alone, coloured by values (n,)."""
    return preview.implant_only.with_surfaces(
        [Surface(preview.implant, IMPLANT, values=values_mm, scale=scale)]
    )


def _median_text(measures: Mapping[str, Any], name: str) -> str:
    return "" if measures.get(name) is None else f"median {with_unit(measures[name], 'mm')}"


def _seat_text(measures: Mapping[str, Any]) -> str:
    seated = measures.get("seat_fraction")
    return "" if seated is None else f"{100 * seated:.0f} % of the border has a seat"


def _placement_text(measures: Mapping[str, Any]) -> str:
    gap = measures.get("placement_gap_p95_mm")
    return "" if gap is None else f"{with_unit(gap, 'mm')} if placed off"


def spread_values(
    values_mm: NDArray[np.float64], points_mm: ArrayLike, *, reach_mm: float
) -> NDArray[np.float64]:
    """Replace NaN by the value (n,) of the nearest point (n, 3) within `reach_mm`; for display only."""
    from scipy.spatial import cKDTree

    points = np.asarray(points_mm, float)
    known = np.isfinite(values_mm)
    _, nearest = cKDTree(points[known]).query(points[~known], distance_upper_bound=reach_mm)
    spread = values_mm.copy()
    spread[~known] = np.append(values_mm[known], np.nan)[nearest]
    return np.where(known, values_mm, spread)
