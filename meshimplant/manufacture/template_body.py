"""The body of a resection template: a shell over the bone, cut to its outline, with sleeves for a drill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.edit.repair import repair
from meshimplant.edit.simplify import coarsened
from meshimplant.errors import MeshError
from meshimplant.line.extract import extract
from meshimplant.manufacture.template_place import TemplatePlace
from meshimplant.mesh.cut_away import combine, keep_largest_bodies
from meshimplant.skull.resect import Resection
from meshimplant.spec.resection_spec import ResectionSpec
from meshimplant.theatre.flat_bodies import bored
from meshimplant.theatre.proven_solid import proven_solid
from meshimplant.theatre.screws import SIZES, Screw
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

#: Voxels of the field from which the body is extracted, and edges of the body, mm.
_VOXEL_MM, _EDGE_MM = 0.5, 0.7
#: Points are sorted out by cells of this width, mm.
_CELL_MM = 4.0
#: How far the field is known beyond its surface, mm.
_BAND_MM = 1.0
#: Wall around a drill, how much wider than the drill its sleeve is, and the radius of the template around it,
#: mm. No source: our choice.
_WALL_MM, PLAY_MM, _PAD_MM = 2.0, 0.1, 5.0
#: Parts of the outline are joined by arcs of about this size, mm.
_FILLET_MM = 6.0
#: The way off the bone is kept free over this length, mm, in steps.
_WAY_MM, _WAY_STEP_MM = 25.0, 1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sleeve:
    """A sleeve that guides the drill for one screw.

    Attributes
    ----------
    label : str
        The name of the screw.
    foot_mm : (3,) array
        Where its axis leaves the template towards the bone, LPS mm.
    axis : (3,) array
        Unit direction of the screw, into the bone, LPS.
    drill_mm, diameter_mm, height_mm : float
        Diameter of the drill, which is the core of the screw, and of the bore; length of the bore.
    """

    label: str
    foot_mm: Floats
    axis: Floats
    drill_mm: float
    diameter_mm: float
    height_mm: float

    @property
    def outer_mm(self) -> float:
        """Radius of its outside."""
        return self.diameter_mm / 2 + _WALL_MM

    def beside_mm(self, points_mm: Floats) -> tuple[Floats, Floats]:
        """Return how far points (n, 3) lie from its axis, and how high above its foot."""
        arm = points_mm - self.foot_mm
        high = -(arm @ self.axis)
        return np.linalg.norm(arm + high[:, None] * self.axis, axis=1), high


def sleeve_of(screw: Screw, cut: Resection, spec: ResectionSpec) -> Sleeve | None:
    """Return the sleeve for a screw in bone; None where its axis does not meet the outer surface."""
    point, axis = np.asarray(screw.point_mm), np.asarray(screw.axis)
    along = np.arange(-8.0, 8.0, 0.02)
    depth = cut.outer.depth_mm(point + along[:, None] * axis)
    above = np.flatnonzero(depth >= -spec.template_gap_mm)
    if not len(above) or not above[0]:
        return None
    drill = SIZES[screw.diameter_mm].core_mm
    foot = point + along[above[0]] * axis
    return Sleeve(screw.label, foot, axis, drill, drill + PLAY_MM, spec.sleeve_height_mm)


def template_body(
    cut: Resection, place: TemplatePlace, sleeves: Sequence[Sleeve], spec: ResectionSpec
) -> trimesh.Trimesh:
    """Return the template as a solid, LPS mm.

    Its lower side keeps the gap from the bone, also on its way off along the lift of its place; its inner
    edge is the outer side of the cut.

    Raises
    ------
    MeshError
        Nothing of it is left, or it cannot be made a solid.
    """
    reach = np.concatenate([place.points_mm, cut.line.points_mm])
    rise = max(spec.template_thickness_mm, spec.sleeve_height_mm) + spec.template_gap_mm + 3 * _BAND_MM
    low, high = reach.min(axis=0) - rise - _PAD_MM, reach.max(axis=0) + rise + _PAD_MM
    affine = np.diag([_VOXEL_MM] * 3 + [1.0])
    affine[:3, 3] = np.floor(low)
    shape = tuple(int(n) for n in np.ceil((high - np.floor(low)) / _VOXEL_MM))
    grid = Grid((shape[0], shape[1], shape[2]), affine)
    above = -cut.outer.field.resample_to(grid, fill=-100.0).array
    chosen = (above > spec.template_gap_mm - _BAND_MM) & (above < rise)
    index = np.argwhere(chosen)
    points = np.asarray(index * _VOXEL_MM + affine[:3, 3], np.float64)
    away = above[chosen].astype(float)
    values = np.full(shape, -_BAND_MM, np.float32)
    values[chosen] = np.clip(_field(points, away, cut, place, sleeves, spec), -_BAND_MM, _BAND_MM)
    if not (values > 0).any():
        raise MeshError("expected room for a template around the cut, got none: check the curve and the bone")
    raw, _ = keep_largest_bodies(extract(Volume(values, affine), level=0), bodies=1)
    body = repair(coarsened(raw, _EDGE_MM)).mesh
    bores = [
        bored(
            each.foot_mm - 20 * each.axis,
            each.axis,
            [(0.0, each.diameter_mm / 2), (24.0, each.diameter_mm / 2)],
        )
        for each in sleeves
    ]
    changed = combine(body, remove=bores) if bores else body
    return proven_solid(changed, body, more_holes=len(bores))


def _field(
    points: Floats,
    away: Floats,
    cut: Resection,
    place: TemplatePlace,
    sleeves: Sequence[Sleeve],
    spec: ResectionSpec,
) -> Floats:
    """Return how far points (n, 3), `away` (n,) from the bone, lie inside the template, mm."""
    values = np.full(len(points), -_BAND_MM)
    gap, top = spec.template_gap_mm, spec.template_gap_mm + spec.template_thickness_mm
    near = away < top + _BAND_MM
    for each in sleeves:
        near |= each.beside_mm(points)[0] < each.outer_mm + _BAND_MM
    reach = spec.template_width_mm + spec.flange_mm + _PAD_MM + 5
    rows = np.flatnonzero(near)
    rows = rows[_maybe_beside(points[rows], cut, reach)]
    beside, _ = cut.line.beside_mm(points[rows])
    kept = (beside > cut.kerf_mm / 2 - _BAND_MM) & (beside < reach)
    rows, beside = rows[kept], beside[kept]
    own, height = points[rows], away[rows]
    inner = beside - cut.kerf_mm / 2
    outline = spec.template_width_mm - inner
    if place.flange is not None:
        outline = _joined(outline, place.flange.within_mm(own))
    guides = np.full(len(own), -np.inf)
    for each in sleeves:
        radius, high = each.beside_mm(own)
        outline = _joined(outline, np.where(np.abs(high) < 8, _PAD_MM - radius, -1e3))
        guides = np.maximum(guides, np.minimum(each.outer_mm - radius, each.height_mm - high))
    body = np.minimum(np.minimum(top - height, outline), inner)
    body = np.maximum(body, np.minimum(guides, inner))
    inside = np.flatnonzero(body > -_BAND_MM)
    clear = height - gap
    clear[inside] = np.minimum(clear[inside], _clearance(own[inside], cut, place.lift) - gap)
    values[rows] = np.minimum(body, clear)
    return values


def _maybe_beside(points: Floats, cut: Resection, reach_mm: float) -> NDArray[np.bool_]:
    """Return which points (n, 3) can lie between the cut and `reach_mm` outside it, cell by cell."""
    cell = np.floor(points / _CELL_MM).astype(np.int64)
    cells, own = np.unique(cell, axis=0, return_inverse=True)
    beside, _ = cut.line.beside_mm((cells + 0.5) * _CELL_MM)
    chosen = (beside > -_CELL_MM) & (beside < reach_mm + _CELL_MM)
    return np.asarray(chosen[own.ravel()])


def _clearance(points: Floats, cut: Resection, lift: Floats) -> Floats:
    """Return the least distance from the bone of points (n, 3) on their way off it."""
    least = np.full(len(points), np.inf)
    for moved in np.arange(_WAY_STEP_MM, _WAY_MM, _WAY_STEP_MM):
        depth = cut.outer.depth_mm(points + moved * lift)
        least = np.minimum(least, np.where(depth < -100, np.inf, -depth))
    return least


def _joined(first: Floats, second: Floats) -> Floats:
    """Return the union of two outlines, rounded where they meet."""
    share = np.maximum(_FILLET_MM - np.abs(first - second), 0) / _FILLET_MM
    return np.asarray(np.maximum(first, second) + share**2 * _FILLET_MM / 4)
