"""`PartingSurface`: heights over a plane that pass through the border line of a part, and the solid below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import Delaunay, cKDTree

from meshimplant.mesh.convert import new_mesh, to_manifold
from meshimplant.mesh.rays import RayCaster

if TYPE_CHECKING:
    import manifold3d

#: Distance between two points of the border line, mm, and how far it is simplified.
_STEP_MM, _SIMPLIFY_MM = 0.4, 0.005
#: The height of the line is read this far inside it, mm.
_INSIDE_MM = 0.05
#: Rounds in which the line is smoothed without leaving the part's wall.
_SMOOTH_ROUNDS = 400
#: Distances from the border at which the surface has points, mm; beyond, and inside the part, a grid. Of the
#: border itself it passes `_INSIDE_MM` inside, so that it crosses the part's wall rather than grazes it.
_RINGS_MM = (0.4, 1.0, 1.7, 2.5, 3.6, 4.6, 6.1, 7.7, 9.4)
_GRID_MM, _INNER_GRID_MM, _REACH_MM = 3.0, 0.8, 45.0

Floats = NDArray[np.float64]


def columns(mesh: trimesh.Trimesh, places: Floats) -> tuple[Floats, Floats]:
    """Return lowest and highest height (n,), (n,) of a mesh on vertical lines at (n, 2); nan beside it."""
    rays = RayCaster(mesh)
    low, high = np.asarray(mesh.bounds)[:, 2] + (-1.0, 1.0)
    down = np.broadcast_to([0.0, 0.0, -1.0], (len(places), 3))
    from_above = rays.first(np.column_stack([places, np.full(len(places), high)]), down)[0]
    from_below = rays.first(np.column_stack([places, np.full(len(places), low)]), -down)[0]
    return low + from_below, high - from_above


@dataclass(frozen=True, eq=False)
class PartingSurface:
    """The border line of a part as seen along the pull, and the places of a surface that passes through it.

    Everything is in the frame of the mould: z is the direction in which its upper half comes off.

    Attributes
    ----------
    outline : CrossSection
        The part as seen along z.
    border : (n, 2) array
        Points of the outline, counter-clockwise.
    heights_mm : (n,) array
        The height of the border line there.
    middle : callable
        The height of the middle of the part's wall at places (n, 2) inside the outline.
    """

    outline: manifold3d.CrossSection
    border: Floats
    heights_mm: Floats
    middle: Callable[[Floats], Floats]

    @classmethod
    def of(cls, mesh: trimesh.Trimesh) -> PartingSurface:
        """Return the parting surface of a part in the frame of the mould."""
        import manifold3d

        shadow = to_manifold(mesh).project()
        polygons = manifold3d.CrossSection(shadow.to_polygons(), manifold3d.FillRule.Positive).to_polygons()
        longest = max(polygons, key=lambda each: abs(area_mm2(np.asarray(each))))
        outline = manifold3d.CrossSection([longest], manifold3d.FillRule.NonZero).simplify(_SIMPLIFY_MM)
        border = divided(np.asarray(outline.to_polygons()[0]), _STEP_MM)

        def middle(places: Floats) -> Floats:
            low, high = columns(mesh, places)
            height = (low + high) / 2
            known = ~np.isnan(height)
            return height[known][cKDTree(places[known]).query(places)[1]]

        return cls(outline, border, _taut_heights(mesh, border), middle)

    def extended(self, places: Floats) -> Floats:
        """Return the heights (n,) of the border line, carried on outward to places (n, 2) beside it.

        The weights fall with the square of the distance along the line, as those of a harmonic extension.
        """
        height = np.empty(len(places))
        weight_mm = np.linalg.norm(np.roll(self.border, -1, axis=0) - np.roll(self.border, 1, axis=0), axis=1)
        for start in range(0, len(places), 2000):
            some = slice(start, start + 2000)
            square = ((places[some, None] - self.border) ** 2).sum(axis=2)
            weight = weight_mm / np.maximum(square, 1e-6)
            height[some] = weight @ self.heights_mm / weight.sum(axis=1)
        return height

    @cached_property
    def _places(self) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Return places (n, 2), their distances outward (n,) and triangles (m, 3) between them."""
        rings, away = [self.border + _INSIDE_MM * inward(self.border)], [np.zeros(len(self.border))]
        for distance in _RINGS_MM:
            for polygon in self.outline.offset(distance).to_polygons():
                ring = divided(np.asarray(polygon), min(_STEP_MM + distance / 4, 1.5), even=True)
                rings.append(ring)
                away.append(np.full(len(ring), distance))
        middle, reach = self.border.mean(axis=0), np.abs(self.border - self.border.mean(axis=0)).max()
        radius = np.sqrt(2) * reach + _REACH_MM
        turn = np.arange(180) * 2 * np.pi / 180
        circle = middle + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        tree, own = cKDTree(np.concatenate(rings)), cKDTree(self.border)
        outer = _grid(middle, radius - _GRID_MM / 2, _GRID_MM)
        outer = outer[~inside(self.border, outer) & (tree.query(outer)[0] > 1.0)]
        inner = _grid(middle, np.sqrt(2) * reach, _INNER_GRID_MM)
        inner = inner[inside(self.border, inner) & (own.query(inner)[0] > 0.4)]
        places = np.concatenate([*rings, outer, circle, inner])
        away += [own.query(np.concatenate([outer, circle]))[0], -own.query(inner)[0]]
        signed = np.concatenate(away)
        triangles = Delaunay(places).simplices.astype(np.int64)
        a, b, c = places[triangles].transpose(1, 0, 2)
        turned = cross_2d(b - a, c - a) < 0
        triangles[turned] = triangles[turned][:, ::-1]
        return places, signed, triangles

    def below(self, floor_mm: float, shape: Callable[[Floats], Floats] | None = None) -> manifold3d.Manifold:
        """Return the solid between a floor and the surface.

        `shape` gives a height (n,) that is added to the extended border line at distances (n,) outside it.
        """
        places, away, triangles = self._places
        outside = away > 0
        height = np.empty(len(places))
        count = len(self.border)
        height[:count] = self.heights_mm
        height[outside] = self.extended(places[outside])
        if shape is not None:
            height[outside] += shape(away[outside])
        within = ~outside
        within[:count] = False
        height[within] = self.middle(places[within])
        return under(places, height, triangles, floor_mm)


def divided(polygon: Floats, step_mm: float, *, even: bool = False) -> Floats:
    """Return a closed polygon (n, 2) with edges of at most `step_mm`: its corners kept, unless `even`."""
    closed = np.concatenate([polygon, polygon[:1]])
    length = np.linalg.norm(np.diff(closed, axis=0), axis=1)
    arc = np.concatenate([[0.0], np.cumsum(length)])
    if even:
        places = np.linspace(0, arc[-1], max(3, int(np.ceil(arc[-1] / step_mm))), endpoint=False)
    else:
        count = np.maximum(np.ceil(length / step_mm).astype(int), 1)
        places = np.concatenate(
            [a + (b - a) * np.arange(n) / n for a, b, n in zip(arc[:-1], arc[1:], count, strict=True)]
        )
    return np.stack([np.interp(places, arc, axis) for axis in closed.T], axis=1)


def inside(polygon: Floats, places: Floats) -> NDArray[np.bool_]:
    """Return which places (n, 2) lie inside a closed polygon (m, 2)."""
    within = np.zeros(len(places), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 <= places[:, 1]) != (y1 <= places[:, 1])
        within ^= crosses & (places[:, 0] < x0 + (places[:, 1] - y0) / (y1 - y0) * (x1 - x0))
    return within


def inward(border: Floats) -> Floats:
    """Return the unit directions (n, 2) to the left of a closed line (n, 2): inward, if counter-clockwise."""
    along = np.roll(border, -1, axis=0) - np.roll(border, 1, axis=0)
    return np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1)[:, None]


def cross_2d(first: Floats, second: Floats) -> Floats:
    """Return the cross products (n,) of vectors (n, 2) in a plane."""
    return np.asarray(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])


def _grid(middle: Floats, radius_mm: float, step_mm: float) -> Floats:
    """Return the places (n, 2) of a square grid within a radius."""
    steps = np.arange(-radius_mm, radius_mm, step_mm)
    places = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray(middle + places[np.linalg.norm(places, axis=1) < radius_mm])


def _taut_heights(mesh: trimesh.Trimesh, border: Floats) -> Floats:
    """Return the heights (n,) of the smoothest line along the outline that stays on the part's wall."""
    low, high = columns(mesh, border + _INSIDE_MM * inward(border))
    known = np.flatnonzero(~np.isnan(low + high))
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(border, axis=0), axis=1))])
    period = arc[-1] + float(np.linalg.norm(border[0] - border[-1]))
    low, high = (np.interp(arc, arc[known], each[known], period=period) for each in (low, high))
    ahead = np.linalg.norm(np.roll(border, -1, axis=0) - border, axis=1)
    behind = np.roll(ahead, 1)
    height = (low + high) / 2
    for _ in range(_SMOOTH_ROUNDS):
        smooth = (behind * np.roll(height, -1) + ahead * np.roll(height, 1)) / (ahead + behind)
        height = np.clip((height + smooth) / 2, low, high)
    return np.asarray(height)


def under(
    places: Floats, height: Floats, triangles: NDArray[np.int64], floor_mm: float
) -> manifold3d.Manifold:
    """Return the solid under a triangulated height field."""
    count = len(places)
    half = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    key = half[:, 0] * count + half[:, 1]
    rim = half[~np.isin(key, half[:, 1] * count + half[:, 0])]
    a, b = rim.T
    walls = np.concatenate([np.stack([a, a + count, b], 1), np.stack([b, a + count, b + count], 1)])
    faces = np.concatenate([triangles, triangles[:, ::-1] + count, walls])
    top = np.column_stack([places, height])
    bottom = np.column_stack([places, np.full(count, floor_mm)])
    return to_manifold(new_mesh(np.concatenate([top, bottom]), faces))


def area_mm2(polygon: Floats) -> float:
    """Return the area of a polygon (n, 2), negative where it runs clockwise."""
    x, y = polygon.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
