"""What the preview sheet shows: its two rows of panels, and the scale at which each row is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.preview.colours import IMPLANT, ColourScale
from meshimplant.preview.shade import Scene, Surface
from meshimplant.preview.views import Vector, View, anatomical_views, implant_views

_BORDER_BAND_MM = 4.0
IMPLANT_GLOSS = 0.22

# Lengths on a sheet 1600 pixels wide.
HEADER, FOOTER, SIDE, GUTTER, PAD = 78, 22, 22, 14, 14
CARD_WIDTH = (1600 - 2 * SIDE - 3 * GUTTER) / 4
CAPTION, BAR, LETTER = 44, 94, 30  # room for the caption, for the colour bar, for a letter at an edge
MIN_PICTURE, MAX_PICTURE = 150, 420


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of the sheet: what, from where, how large, and what is written about it."""

    caption: str
    scene: Scene
    view: View
    ghost: Scene | None = None
    scale: ColourScale | None = None
    values_mm: NDArray[np.float64] | None = None
    note: str = ""

    @cached_property
    def frame(self) -> tuple[Vector, Vector]:
        """Middle (3,) and picture size (2,) in mm of everything in the scene."""
        return self.view.frame(np.concatenate([np.asarray(s.mesh.vertices) for s in self.scene.surfaces]))


@dataclass(frozen=True, eq=False)
class Row:
    """Panels side by side at one scale; lengths in pixels of a sheet 1600 wide."""

    panels: tuple[Panel, ...]
    mm_per_px: float
    height: float

    @classmethod
    def of_panels(cls, panels: Sequence[Panel]) -> Row:
        """Choose the largest scale at which every panel fits, and the least height that this needs."""
        sizes_mm = np.array([panel.frame[1] for panel in panels])
        room = np.array([CARD_WIDTH - 2 * PAD, MAX_PICTURE]) - 2 * LETTER
        mm_per_px = max(float((sizes_mm / room).max()), 1e-6)
        below = [PAD if panel.scale is None else BAR for panel in panels]
        heights = np.maximum(sizes_mm[:, 1] / mm_per_px, MIN_PICTURE) + 2 * LETTER + below
        return cls(tuple(panels), mm_per_px, CAPTION + float(heights.max()))


def head_panels(
    implant: trimesh.Trimesh, skull: trimesh.Trimesh | None, alone: Scene, together: Scene
) -> list[Panel]:
    """Return the views of the head; `together` is the scene with the skull."""
    ghost = None if skull is None else alone
    return [Panel(view.name, together, view, ghost=ghost) for view in anatomical_views(implant, skull)]


def close_up_panels(
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None,
    alone: Scene,
    thickness: NDArray[np.float64] | None,
    gap: NDArray[np.float64] | None,
) -> list[Panel]:
    views = implant_views(implant, skull)
    outer = Panel("Outer side (thickness not measured)", alone, views["outer"])
    border = Panel("Border, tilted (gap not measured)", alone, views["oblique"])
    side = Panel("Border from the side", alone, views["side"])
    if thickness is not None:
        scale = ColourScale.of_values("thickness", thickness)
        outer = _map_panel(
            "Thickness, outer side", alone, views["outer"], implant, scale, thickness, thickness
        )
    if gap is not None:
        scale = ColourScale.of_values("gap", gap)
        band = spread_values(gap, implant.vertices, reach_mm=_BORDER_BAND_MM)
        border = _map_panel("Gap to bone, outer side", alone, views["outer"], implant, scale, gap, band)
        shown = _map_panel("", alone, views["side"], implant, scale, gap, gap)
        side = Panel("Gap to bone, from the side", shown.scene, shown.view)
    return [outer, border, Panel("Inner side", alone, views["inner"]), side]


def _map_panel(
    caption: str,
    alone: Scene,
    view: View,
    implant: trimesh.Trimesh,
    scale: ColourScale,
    measured: NDArray[np.float64],
    shown: NDArray[np.float64],
) -> Panel:
    scene = alone.repainted([Surface(implant, IMPLANT, values_mm=shown, scale=scale)])
    note = f"median {np.nanmedian(measured):.2f} mm"
    return Panel(caption, scene, view, scale=scale, values_mm=measured, note=note)


def spread_values(
    values_mm: NDArray[np.float64], points_mm: ArrayLike, *, reach_mm: float
) -> NDArray[np.float64]:
    """Give each point (n, 3) without a value that of the nearest within `reach_mm`; for show only."""
    from scipy.spatial import cKDTree

    points = np.asarray(points_mm, float)
    known = np.isfinite(values_mm)
    _, nearest = cKDTree(points[known]).query(points[~known], distance_upper_bound=reach_mm)
    spread = values_mm.copy()
    spread[~known] = np.append(values_mm[known], np.nan)[nearest]
    return np.where(known, values_mm, spread)
