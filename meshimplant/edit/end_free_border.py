"""`end_free_border`: where no bone lies opposite, let a part end in a smooth, rounded line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.edit.caudal_relief import require_relief, with_caudal_relief
from meshimplant.edit.free_outline import FreeOutline, plan_outline, whole_part
from meshimplant.errors import require_type
from meshimplant.implant.find_free_border import FreeBorder, find_free_border
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import split_surfaces
from meshimplant.line.extract import extract
from meshimplant.mesh.cut_away import cut_away, require_solid
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.occupancy import dilated_box, occupancy
from meshimplant.voxels.volume import Volume

#: Radius of the rounded edge, mm, and how far the arc's centre lies inside: a little less, so that the arc
#: crosses the surfaces instead of touching them.
_ROUND_MM, _CENTRE_MM = 1.0, 0.9
#: Grid spacing of the field that describes the cut, mm.
_GRID_MM = 0.5
#: The wall of the cut follows the local outward direction, but leans at most this much from the direction out
#: of the head's centre (cosine).
_LEAST_COSINE = 0.5
#: Parts deeper than this inside the line are not read, mm.
_READ_MM = 12.0


@dataclass(frozen=True, eq=False)
class FreeEnd:
    """A part whose free border was ended, and what was removed for it.

    Attributes
    ----------
    mesh : Trimesh
        The part; the input object itself where nothing was free.
    before : FreeBorder
        The free border of the input.
    removed_mm3 : float
        Volume that was removed.
    """

    mesh: trimesh.Trimesh
    before: FreeBorder
    removed_mm3: float

    def numbers(self) -> dict[str, Any]:
        """Return what a report records, as plain values."""
        return {
            "free_fraction": self.before.fraction,
            "free_mm": self.before.length_mm,
            "removed_mm3": self.removed_mm3,
        }


def end_free_border(
    mesh: trimesh.Trimesh,
    skull: Volume | Site,
    *,
    caudal_relief_mm: float = 0.0,
    inside_mm: ArrayLike | None = None,
) -> FreeEnd:
    """Let a part end in a smooth, rounded line where no bone lies opposite its border.

    Where an opening runs into soft tissue, the orbit or under the temple, the line of a part is where the
    missing bone happened to end: it has tongues, slits and thin or curled flanges. There the part is cut back
    to a line without tongues narrower than 8 mm, with radii of at least 3 mm, that ends before the wall
    becomes thinner than 1.5 mm and before the outer surface turns inward. The edge is rounded. Material is
    only removed, and the border that has bone opposite stays as it is.

    Parameters
    ----------
    mesh : Trimesh
        A closed part with its clearance and its thickness, LPS mm.
    skull : Volume or Site
        Mask of the defective skull on any grid, or the site.
    caudal_relief_mm : float
        How much to keep the part back along its lower edge at the temple, whether bone lies opposite or not,
        0 to 10 mm. Default 0.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part and the skull.

    Returns
    -------
    FreeEnd

    Raises
    ------
    MeshError
        The mesh is not closed, or has no outer or inner surface.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    require_type(skull, (Volume, Site), "the skull")
    require_relief(caudal_relief_mm)
    solid = require_solid(mesh)
    site = Site.around(skull, mesh, inside_mm=inside_mm)
    surfaces = split_surfaces(mesh, inside_mm=site.inside_mm)
    outline = OutlineMap.of(mesh, site, surfaces=surfaces)
    border = find_free_border(mesh, site, surfaces=surfaces, outline=outline)
    if not border.free.any() and caudal_relief_mm == 0:
        return FreeEnd(mesh, border, 0.0)
    plan = plan_outline(outline, border) if border.free.any() else whole_part(outline)
    if caudal_relief_mm > 0:
        plan = with_caudal_relief(outline, plan, caudal_relief_mm)
    beyond = _beyond(mesh, outline, plan)
    if beyond is None:
        return FreeEnd(mesh, border, 0.0)
    cut = cut_away(mesh, extract(beyond, level=0), solid=solid)
    return FreeEnd(cut.mesh, border, cut.removed_mm3)


def _beyond(mesh: trimesh.Trimesh, outline: OutlineMap, plan: FreeOutline) -> Volume | None:
    """Return a field, positive where a part is beyond its line or its rounded edge; None if nowhere."""
    grid = Grid.around(*np.asarray(mesh.bounds), spacing_mm=_GRID_MM, margin_voxels=4.3)
    part = occupancy(mesh, grid)
    index = np.argwhere(dilated_box(part, 3))
    points = grid.to_mm(index)
    close = outline.view.read(plan.inside_mm, outline.view.place(points)[0].T) < _READ_MM
    index, points = index[close], points[close]
    values = np.full(grid.shape, -1, np.float32)
    values[tuple(index.T)] = _beyond_mm(points, outline, plan)
    return Volume(values, grid.affine) if (values[part] > 0).any() else None


def _beyond_mm(points: NDArray[np.float64], outline: OutlineMap, plan: FreeOutline) -> NDArray[np.float64]:
    """Return how far points (n, 3) lie beyond the line, at the outer surface over them, or its rounding."""
    view, upward = outline.view, outline.outward.at(points)
    outer = ndimage.gaussian_filter(outline.radius_mm, 1.0, mode="nearest")
    nodes, radii = view.place(points)
    outward = (points - view.centre_mm) / np.maximum(radii, 1e-9)[:, None]
    cosine = np.maximum(np.einsum("ij,ij->i", outward, upward), _LEAST_COSINE)
    depth = np.clip((view.read(outer, nodes.T) - radii) / cosine, -2.0, 15.0)
    at = view.place(points + depth[:, None] * upward)[0].T
    inside, wall = view.read(plan.inside_mm, at), view.read(plan.wall_mm, at)
    depth = depth * cosine
    beyond = -inside
    for into in (depth, wall - depth):
        aside, below = _CENTRE_MM - inside, _CENTRE_MM - into
        corner = np.where((aside > 0) & (below > 0), np.hypot(aside, below) - _ROUND_MM, -_ROUND_MM)
        beyond = np.maximum(beyond, corner)
    return beyond
