"""The border that a prescription leaves back from bone along its lower edge at the temple."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.implant.caudal_edge import caudal_weight
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.implant.surfaces import WALL, Surfaces
from meshimplant.report import Finding, place_of

#: Border of more than this weight is kept back by a relief.
_LEAST_WEIGHT = 0.15


@dataclass(frozen=True, eq=False)
class Relief:
    """The border that was kept back: its vertices (n,), and its places (p, 3) and lengths (p,), mm."""

    vertices: NDArray[np.bool_]
    points_mm: NDArray[np.float64]
    lengths_mm: NDArray[np.float64]

    @classmethod
    def of(cls, mesh: trimesh.Trimesh, surfaces: Surfaces, outline: OutlineMap, relief_mm: float) -> Relief:
        """Find the border that a relief of `relief_mm` keeps back; nothing for 0."""
        vertices = np.zeros(len(mesh.vertices), bool)
        if relief_mm == 0:
            return cls(vertices, np.zeros((0, 3)), np.zeros(0))
        weight = caudal_weight(outline)
        wall = surfaces.vertex_labels == WALL
        at = outline.view.place(np.asarray(mesh.vertices)[wall])[0].T
        vertices[wall] = outline.view.read(weight, at) > _LEAST_WEIGHT
        crossed = (outline.outline_mm > 0) & (weight > _LEAST_WEIGHT)
        points = outline.view.points_at(outline.radius_mm)[crossed]
        return cls(vertices, points, outline.outline_mm[crossed])


def measure_relief(relief: Relief, relief_mm: float) -> tuple[dict[str, Any], list[Finding]]:
    """Return the length of the border that was kept back, and the finding that tells its place."""
    length = float(relief.lengths_mm.sum())
    measures: dict[str, Any] = {"border_relief_mm": length}
    if not length:
        return measures, []
    middle = relief.points_mm.mean(axis=0)
    place = relief.points_mm[int(np.argmin(np.linalg.norm(relief.points_mm - middle, axis=1)))]
    message = (
        f"{length:.0f} mm of the border are kept back by {relief_mm:g} mm at the temple, as prescribed: "
        "gap, step and kink are measured on the rest"
    )
    return measures, [Finding("border.relief", "info", message, relief_mm, None, "mm", place_of(place))]
