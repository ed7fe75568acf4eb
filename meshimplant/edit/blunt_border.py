"""`blunt_border`: take the lip off a border that runs out to an edge."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.edit.thickness_target import fill_nearest
from meshimplant.errors import require_type
from meshimplant.head.direction_map import DirectionMap, Extent
from meshimplant.implant.surfaces import Surfaces, split_surfaces
from meshimplant.line.extract import extract
from meshimplant.mesh.cut_away import Cut, cut_away, require_solid
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.occupancy import dilated_box, occupancy
from meshimplant.voxels.volume import Volume

#: Wall from which a border is left as it is, mm: a little more than the check asks for.
LEAST_MM = 1.3
#: Spacing of the directions along which the wall is read, and of the field that describes the cut, mm.
_SPACING_MM, _GRID_MM = 0.4, 0.5
#: So far from the edge of the part a lip is looked for, mm: beyond, the wall is thin because it was asked to.
_ZONE_MM = 4.0
#: A border is a lip where, so far from its edge, mm, the wall has less than this multiple of that distance:
#: it meets the inner surface at less than 50 degrees. Beside such a place, the lip goes on for so far, mm.
_TIP_MM, _SHARP, _ALONG_MM = 0.8, 1.2, 2.0
#: The wall's direction leans at most this much from the direction out of the head's centre (cosine).
_LEAST_COSINE = 0.5


def blunt_border(
    mesh: trimesh.Trimesh, *, inside_mm: ArrayLike | None = None, least_mm: float = LEAST_MM
) -> Cut:
    """Cut a border back to where the wall has a height, wherever it runs out to a lip.

    A border follows the bone beside it. Where that is thinner than the part, or overhangs the opening, the
    border leans outward so far that it meets the inner surface at a sharp angle: a lip that breaks. The part
    ends there where its wall, seen from inside the head, becomes thinner than `least_mm`. The cut stands
    upright; material is only removed. A border without a lip stays as it is, and so does one that leans
    inward: its outer edge is what fits.

    Parameters
    ----------
    mesh : Trimesh
        A closed part with its thickness, LPS mm.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the curvature of the part.
    least_mm : float
        Least height of the border.

    Returns
    -------
    Cut
        The mesh is the input object itself where there is no lip.

    Raises
    ------
    MeshError
        The mesh is not closed, or has no outer or inner surface.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    solid = require_solid(mesh)
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    view = DirectionMap.around_points(mesh.vertices, surfaces.centre_mm, spacing_mm=_SPACING_MM)
    short = _shortfall(view, view.extent(mesh), surfaces, least_mm)
    beyond = None if short is None else _beyond(mesh, view, short)
    if beyond is None:
        return Cut(mesh, (), 0.0)
    return cut_away(mesh, extract(beyond, level=0), solid=solid)


def _shortfall(
    view: DirectionMap, part: Extent, surfaces: Surfaces, least_mm: float
) -> NDArray[np.float64] | None:
    """Return how much thinner than `least_mm` the wall of a lip is along each direction; None without lips.

    Beyond the part it is as at its edge, and elsewhere negative.
    """
    through, depth = _wall(view, part, surfaces)
    thin = part.hit & _leans_outward(part, depth)
    thin &= (through < least_mm) & (depth < _ZONE_MM)
    sharp = thin & (depth >= _TIP_MM) & (through < _SHARP * depth)
    if not sharp.any():
        return None
    lip = thin & (distance_outside(sharp, view.spacing_mm) <= _ALONG_MM)
    short = np.where(lip, least_mm - through, -least_mm)
    places = np.argwhere(np.ones(view.shape, bool)).astype(float)
    return fill_nearest(places, short.ravel(), part.hit.ravel()).reshape(view.shape)


def _leans_outward(part: Extent, depth: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where the border comes down from the outer surface more than it comes up from the inner one."""
    within = (depth >= min(_ZONE_MM, float(depth.max()))).ravel()
    places = np.argwhere(np.ones(depth.shape, bool)).astype(float)
    outer, inner = (
        fill_nearest(places, radii.ravel(), within).reshape(depth.shape)
        for radii in (part.outer_mm, part.inner_mm)
    )
    return np.asarray(outer - part.outer_mm > part.inner_mm - inner)


def _wall(
    view: DirectionMap, part: Extent, surfaces: Surfaces
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the wall along each direction, across the surface, and the distance from the edge, mm."""
    unit = view.directions[part.hit]
    points = view.centre_mm + unit * part.outer_mm[part.hit][:, None]
    cosine = np.abs(np.einsum("ij,ij->i", unit, surfaces.outward.at(points)))
    through = np.zeros(view.shape)
    through[part.hit] = (part.outer_mm - part.inner_mm)[part.hit] * np.maximum(cosine, _LEAST_COSINE)
    return through, np.asarray(distance_inside(part.hit, view.spacing_mm, edge_is_outside=True), float)


def _beyond(mesh: trimesh.Trimesh, view: DirectionMap, short: NDArray[np.float64]) -> Volume | None:
    """Return a field, positive where a part is a lip; None where it is nowhere."""
    grid = Grid.around(*np.asarray(mesh.bounds), spacing_mm=_GRID_MM, margin_voxels=4.3)
    near = dilated_box(occupancy(mesh, grid), 3)
    values = np.full(grid.shape, -1, np.float32)
    values[near] = view.read(short, view.place(grid.to_mm(np.argwhere(near)))[0].T)
    return Volume(values, grid.affine) if (values > 0).any() else None
