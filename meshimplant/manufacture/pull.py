"""`find_pull`: the direction in which two halves of a mould come off a part, its undercuts and its draft."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError, require_type
from meshimplant.head.chart import axes_around
from meshimplant.implant.surfaces import OUTER, WALL, split_surfaces
from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.mesh.deviation import distances_mm
from meshimplant.mesh.rays import RayCaster
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.report import Place, place_of
from meshimplant.voxels.distance import distance_inside

#: Undercuts this shallow do not count, mm: the accuracy of common printers.
FREE_MM = 0.1
#: Draft is measured over this length of the pull, mm: a rounded edge is square to it along a line only. No
#: source: our choice.
DRAFT_OVER_MM = 1.0
#: Directions farther than this from the mean normal are not tried; spacings of the search and the reach of
#: each, degrees.
_WIDEST_DEG = 40.0
_GRIDS_DEG = ((5.0, _WIDEST_DEG), (2.0, 4.0), (1.0, 1.0))
#: So little area may have less draft, mm2: single faces of a rounded edge.
_SMALL_MM2 = 1.0
#: Number of faces that rank the directions.
_PROBES = 4000
#: Weight of faces along the pull against those across it: the exponent's factor.
_SHARPNESS = 12.0
#: Distance of the lines along the pull on which undercuts are measured, mm; lower ones are rounding, mm.
_LINE_MM, _LOW_MM = 0.1, 0.02

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pull:
    """A direction of pull, and what stands in its way.

    Attributes
    ----------
    direction : (3,) array
        Unit vector, LPS, out of the head: the inner half of a mould comes off against it, the outer one along
        it.
    undercut_mm, undercut_deg : float
        How deep the part grips behind itself, across the pull, and by which angle the wall there leans the
        wrong way; 0 where nothing grips deeper than `FREE_MM`.
    undercut_mm2 : float
        Area of what grips, as seen along the pull.
    undercut_at_mm : Place or None
        The deepest place, LPS mm.
    draft_deg : float
        Least draft: the angle whose sine is the gap between mould and part after `DRAFT_OVER_MM` of pull,
        over that length.
    draft_at_mm : Place
        Where it is, LPS mm.
    """

    direction: Floats
    undercut_mm: float
    undercut_deg: float
    undercut_mm2: float
    undercut_at_mm: Place | None
    draft_deg: float
    draft_at_mm: Place


def find_pull(
    mesh: trimesh.Trimesh, *, direction: ArrayLike | None = None, inside_mm: ArrayLike | None = None
) -> Pull:
    """Return the direction in which two halves of a mould come off a part best.

    Directions within 40 degrees of the mean normal of the outer surface are tried. The one with the least
    area that neither half can leave is chosen; ties are decided by the sum over all faces of area times
    exp(-12 |cos|), where the angle is that between direction and normal, so that walls along the pull count
    against it.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm.
    direction : (3,) array-like, optional
        A direction out of the head to measure. None: search for the best one.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part's curvature.

    Returns
    -------
    Pull

    Raises
    ------
    InputError
        The direction is not three finite numbers, or all are 0.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    labels = split_surfaces(mesh, inside_mm=inside_mm).face_labels
    faces = _Faces.of(mesh)
    if direction is None:
        outer = labels == OUTER
        mean = unit_vectors((faces.normals * faces.areas[:, None])[outer].sum(axis=0))
        axis = _best(faces.thinned(labels), mean)
    else:
        axis = np.asarray(direction, float)
        if axis.shape != (3,) or not np.isfinite(axis).all() or not axis.any():
            raise InputError(
                f"expected a direction of pull of three finite numbers, not all 0, got {axis.tolist()}: "
                "leave it out to search for one"
            )
        axis = unit_vectors(axis)
    return _measured(mesh, faces, axis)


@dataclass(frozen=True, eq=False)
class _Faces:
    """Middles, normals and areas of faces, and the whole part to be met by rays."""

    rays: RayCaster
    middles: Floats
    normals: Floats
    areas: Floats

    @classmethod
    def of(cls, mesh: trimesh.Trimesh) -> _Faces:
        return cls(RayCaster(mesh), np.asarray(mesh.triangles_center), *face_normals_and_areas(mesh))

    def thinned(self, labels: NDArray[np.uint8]) -> _Faces:
        """Return some of the faces: half of them from the border wall, with the area of all."""
        kept, weights = [], []
        for wall in (True, False):
            own = np.flatnonzero((labels == WALL) == wall)
            some = own[:: max(1, 2 * len(own) // _PROBES)]
            kept.append(some)
            share = self.areas[own].sum() / max(float(self.areas[some].sum()), 1e-9)
            weights.append(self.areas[some] * share)
        index = np.concatenate(kept)
        return _Faces(self.rays, self.middles[index], self.normals[index], np.concatenate(weights))

    def gripped(self, axis: Floats, depth_mm: float) -> NDArray[np.bool_]:
        """Return which faces neither half leaves along the axis if it stands off them by a depth."""
        side = np.where(self.normals @ axis >= 0, 1.0, -1.0)
        start = self.middles + depth_mm * self.normals
        return np.asarray(self.rays.first(start, side[:, None] * axis)[1] >= 0)


def _best(faces: _Faces, mean: Floats) -> Floats:
    best = mean
    for spacing, widest in _GRIDS_DEG:
        tried = [each for each in _around(best, spacing, widest) if each @ mean > np.cos(np.radians(45))]
        gripped = np.array([faces.areas[faces.gripped(each, FREE_MM)].sum() for each in tried])
        along = np.array([faces.areas @ np.exp(-_SHARPNESS * np.abs(faces.normals @ each)) for each in tried])
        best = tried[int(np.lexsort((along, np.round(gripped, 3)))[0])]
    return best


def _around(axis: Floats, spacing_deg: float, widest_deg: float) -> list[Floats]:
    """Return unit vectors within an angle of an axis, in rings; the axis is the first."""
    right = unit_vectors(np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))]))
    up = np.cross(axis, right)
    found = [axis]
    for tilt in np.radians(np.arange(spacing_deg, widest_deg + spacing_deg / 2, spacing_deg)):
        count = max(6, round(2 * np.pi * np.sin(tilt) / np.radians(spacing_deg)))
        turn = np.arange(count) * 2 * np.pi / count
        sideways = np.cos(turn)[:, None] * right + np.sin(turn)[:, None] * up
        found += list(np.cos(tilt) * axis + np.sin(tilt) * sideways)
    return found


def _measured(mesh: trimesh.Trimesh, faces: _Faces, axis: Floats) -> Pull:
    side = np.where(faces.normals @ axis >= 0, 1.0, -1.0)
    moved = faces.middles + DRAFT_OVER_MM * side[:, None] * axis
    draft = np.degrees(np.arcsin(np.clip(distances_mm(moved, mesh) / DRAFT_OVER_MM, 0, 1)))
    order = np.argsort(draft, kind="stable")
    least = order[int(np.searchsorted(np.cumsum(faces.areas[order]), _SMALL_MM2))]
    return Pull(
        axis,
        *_undercut(faces, axis),
        draft_deg=float(draft[least]),
        draft_at_mm=place_of(faces.middles[least]),
    )


def _undercut(faces: _Faces, axis: Floats) -> tuple[float, float, float, Place | None]:
    """Return depth, angle, area and place of the undercuts, from lines that pass the part more than once."""
    axes = axes_around(axis)
    local = faces.middles @ axes.T
    low, high = local.min(axis=0) - 2 * _LINE_MM, local.max(axis=0) + 2 * _LINE_MM
    x, y = (np.arange(low[i], high[i] + _LINE_MM, _LINE_MM) for i in (0, 1))
    places = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    above = np.column_stack([places, np.full(len(places), high[2] + 5.0)]) @ axes
    below = np.column_stack([places, np.full(len(places), low[2] - 5.0)]) @ axes
    down = np.broadcast_to(-axis, above.shape)
    from_above, from_below = faces.rays.first(above, down)[0], faces.rays.first(below, -down)[0]
    met = np.flatnonzero(~np.isnan(from_above + from_below))
    start = above[met] - (from_above[met] + _LOW_MM / 10)[:, None] * axis
    wall, leaving = faces.rays.first(start, down[met])
    bottom = high[2] + 5.0 - (low[2] - 5.0) - from_above[met] - from_below[met]
    gap = np.zeros(len(places), bool)
    gap[met] = bottom - wall > _LOW_MM
    depth = 2 * distance_inside(gap.reshape(len(x), len(y)), _LINE_MM, edge_is_outside=True) - _LINE_MM
    worst = int(np.argmax(depth))
    if depth.flat[worst] <= FREE_MM + 1e-6:
        return 0.0, 0.0, 0.0, None
    row = int(np.searchsorted(met, worst))
    end = start[row] - wall[row] * axis
    entering = faces.rays.first((end - _LOW_MM / 10 * axis)[None], -axis[None])[1][0]
    lean = np.degrees(np.arcsin(np.clip(np.abs(faces.normals[[leaving[row], entering]] @ axis), 0, 1)))
    area = float(np.count_nonzero(gap)) * _LINE_MM**2
    return float(depth.flat[worst]), float(lean.min()), area, place_of(end)
