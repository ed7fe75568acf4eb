"""`BorderFrame`: the two surfaces beside one place of a part's border, on which flat bodies are bent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.head.fill import average_known
from meshimplant.mesh.rays import RayCaster
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.theatre.bone_beside import measure_columns
from meshimplant.voxels.volume import Volume

Floats = NDArray[np.float64]

#: Reach of a frame to the side of the part and of the bone, and along the border, mm; distance of its nodes.
_PART_MM, _BONE_MM, _ALONG_MM, _NODE_MM = 12.0, 14.0, 9.0, 0.5
#: Surfaces are searched this far above and below the frame, mm.
_REACH_MM = 4.0
#: Heights this near to an edge do not count: voxels and rounding lower it, mm.
_EDGE_MM = 1.2
#: Width over which what a parabola leaves of a surface is averaged, mm. Of a skull's surface less than this
#: share of a voxel is a terrace of its voxels, and left out; measured on ellipsoids.
_BLUR_MM, _TERRACE_VOXELS = 1.5, 0.25
#: The border's line is fitted within this distance, mm, and its gap measured this deep, mm.
_LINE_MM, _GAP_DEPTH_MM = 6.0, 1.0
#: Half the distance over which normals are differentiated, mm.
_SLOPE_MM = 0.25


@dataclass(frozen=True, eq=False)
class SideSurface:
    """The outer surface of part or bone as heights over the plane of a frame.

    Attributes
    ----------
    coefficients : (6,) array
        Parabola 1, u, v, uu, uv, vv of the heights.
    rest_mm : (rows, columns) array
        What it leaves, averaged, at the nodes of the frame; 0 far from any measured node.
    """

    coefficients: Floats
    rest_mm: Floats

    def heights(self, u: Floats, v: Floats) -> Floats:
        """Return the heights (n,) at places u (n,), v (n,) of the frame, mm."""
        nodes = np.stack([(u + _PART_MM) / _NODE_MM, (v + _ALONG_MM) / _NODE_MM])
        rest = ndimage.map_coordinates(self.rest_mm, nodes, order=1, mode="nearest")
        return np.asarray(_parabola(u, v) @ self.coefficients + rest)


@dataclass(frozen=True, eq=False)
class BorderFrame:
    """A frame at one place of the border, with the surfaces of part and bone beside it.

    A *flat* place has the coordinates u (from the border wall towards the bone), v (along the border) and w
    (height over the outer surface: the part's for u < 0, the bone's beyond the gap), all mm. `bend` gives its
    place in the patient: flat bodies follow the border's line and the skull's surface, and keep their
    thickness.

    Attributes
    ----------
    origin_mm : (3,) array
        The place, LPS mm.
    axes : (3, 3) array
        Rows: across (to the bone), along the border, outward; LPS.
    part, bone : SideSurface
        The two outer surfaces.
    line : (3,) array
        Parabola 1, v, vv of the border wall's place along the first axis.
    line_rms_mm, gap_mm : float
        How far the border departs from it, and how far from the border bone begins, along the first axis.
    wall_mm : float
        Thickness of the part 4 mm inside its border, along the last axis.
    lean : float
        How far the border recedes inward per millimetre of depth; negative where it widens.
    on_part : (rows, columns) array of bool
        Which nodes have the part's outer surface under them.
    """

    origin_mm: Floats
    axes: Floats
    part: SideSurface
    bone: SideSurface
    line: Floats
    line_rms_mm: float
    gap_mm: float
    wall_mm: float
    lean: float
    on_part: NDArray[np.bool_]

    def bend(self, flat_mm: Floats) -> Floats:
        """Return the LPS places (n, 3) of flat places (n, 3)."""
        u, v, w = np.asarray(flat_mm, float).T
        x = u + self._border(v)
        normal = self._normals(x, v)
        height = self._heights(x, v)
        foot = self.origin_mm + np.stack([x, v, height], axis=1) @ self.axes
        return np.asarray(foot + w[:, None] * normal)

    def flatten(self, points_mm: Floats) -> Floats:
        """Return the flat places (n, 3) of LPS points (n, 3) near the surface, nearly as `bend` has it."""
        x, v, z = ((np.asarray(points_mm, float) - self.origin_mm) @ self.axes.T).T
        height = (z - self._heights(x, v)) * (self._normals(x, v) @ self.axes[2])
        return np.stack([x - self._border(v), v, height], axis=1)

    def lies_on_part(self, u: Floats, v: Floats) -> NDArray[np.bool_]:
        """Return which flat places (n,) have the part's outer surface under them."""
        nodes = (u + self._border(v) + _PART_MM) / _NODE_MM, (v + _ALONG_MM) / _NODE_MM
        return ndimage.map_coordinates(self.on_part, nodes, order=0, mode="nearest")

    def outward_at(self, u: float) -> Floats:
        """Return the unit normal (3,) of the outer surface at the flat place (u, 0), LPS."""
        return np.asarray(self._normals(np.array([u]) + self._border(np.zeros(1)), np.zeros(1))[0])

    @property
    def step_mm(self) -> float:
        """How far part and bone differ in height across the gap."""
        start, stop = np.array([self.line[0]]), np.array([self.line[0] + self.gap_mm])
        level = np.zeros(1)
        return float(np.abs(self.part.heights(start, level) - self.bone.heights(stop, level))[0])

    def _border(self, v: Floats) -> Floats:
        return np.asarray(self.line[0] + self.line[1] * v + self.line[2] * v * v)

    def _heights(self, x: Floats, v: Floats) -> Floats:
        """Return the heights (n,) of the surface: the part's, the bone's, and a smooth step in the gap."""
        share = self._share(x, v)
        return np.asarray((1 - share) * self.part.heights(x, v) + share * self.bone.heights(x, v))

    def _share(self, x: Floats, v: Floats) -> Floats:
        """Return the share (n,) of the bone's surface: 0 over the part, 1 over bone."""
        share = np.clip((x - self._border(v)) / max(self.gap_mm, 0.3), 0.0, 1.0)
        return np.asarray(share * share * (3 - 2 * share))

    def _normals(self, x: Floats, v: Floats) -> Floats:
        """Return the unit normals (n, 3), LPS: of either surface, not of the step between them."""
        share = self._share(x, v)
        slopes = []
        for du, dv in ((_SLOPE_MM, 0.0), (0.0, _SLOPE_MM)):
            each = [
                (side.heights(x + du, v + dv) - side.heights(x - du, v - dv)) / (2 * _SLOPE_MM)
                for side in (self.part, self.bone)
            ]
            slopes.append((1 - share) * each[0] + share * each[1])
        local = np.stack([-slopes[0], -slopes[1], np.ones(len(x))], axis=1)
        return unit_vectors(local @ self.axes)


@dataclass(frozen=True, eq=False)
class PartSurface:
    """A part to be met by rays, and which of its faces (m,) are its outer surface."""

    rays: RayCaster
    outer: NDArray[np.bool_]

    def heights(self, above: Floats, down: Floats, start_mm: float) -> Floats:
        """Return the heights (n,) of the outer surface below points so high; nan where it is not met."""
        distance, face = self.rays.first(above, down)
        met = (face >= 0) & self.outer[face] & (distance < 2 * start_mm)
        return np.where(met, start_mm - distance, np.nan)


def measure_frame(
    part: PartSurface, bone: Volume, origin_mm: Floats, outward: Floats, across: Floats
) -> BorderFrame | None:
    """Measure the surfaces beside a place of the border; None where one of them is missing.

    Parameters
    ----------
    part : PartSurface
        The part.
    bone : Volume
        Signed distance to the bone, mm, positive inside.
    origin_mm, outward, across : (3,) arrays
        The place, LPS mm, and the directions there.
    """
    axes = _axes(outward, across)
    for _ in range(2):
        frame = _measured(part, bone, origin_mm, axes)
        if frame is None:
            return None
        tilt = (frame.part.coefficients[1:3] + frame.bone.coefficients[1:3]) / 2
        turned = np.array([-tilt[0], -tilt[1], 1.0]) @ axes
        axes = _axes(turned, axes[0])
    return _measured(part, bone, origin_mm, axes)


def _axes(outward: Floats, across: Floats) -> Floats:
    up = unit_vectors(outward)
    ahead = unit_vectors(across - (across @ up) * up)
    return np.stack([ahead, np.cross(up, ahead), up])


def _measured(part: PartSurface, bone: Volume, origin: Floats, axes: Floats) -> BorderFrame | None:
    u, v = _nodes()
    above = origin + np.stack([u.ravel(), v.ravel(), np.full(u.size, _REACH_MM)], axis=1) @ axes
    down = np.broadcast_to(-axes[2], above.shape)
    on_part = part.heights(above, down, _REACH_MM).reshape(u.shape)
    columns = measure_columns(bone, above, down, reach_mm=2 * _REACH_MM)
    on_bone = _REACH_MM - columns.start_mm.reshape(u.shape)
    hit = ~np.isnan(on_part)
    fitted = _border_line(u, v, hit & (np.abs(on_part) < _REACH_MM / 2))
    if fitted is None:
        return None
    line, line_rms = fitted
    from_line = u - (line[0] + line[1] * v + line[2] * v * v)
    own = _side(u, v, on_part, hit & (from_line < -_EDGE_MM))
    gap = _gap(bone, origin, axes, line, own)
    if own is None or gap is None:
        return None
    terrace_mm = _TERRACE_VOXELS * float(bone.spacing_mm.mean())
    other = _side(u, v, on_bone, ~np.isnan(on_bone) & (from_line > gap + _EDGE_MM), terrace_mm)
    wall = _wall(part.rays, origin, axes, line, own)
    if other is None or wall is None:
        return None
    lean = _lean(part.rays, origin, axes, line, own, wall)
    return BorderFrame(origin, axes, own, other, line, line_rms, gap, wall, lean, hit)


def _nodes() -> tuple[Floats, Floats]:
    u = np.arange(-_PART_MM, _BONE_MM + _NODE_MM / 2, _NODE_MM)
    v = np.arange(-_ALONG_MM, _ALONG_MM + _NODE_MM / 2, _NODE_MM)
    first, second = np.meshgrid(u, v, indexing="ij")
    return first, second


def _border_line(u: Floats, v: Floats, hit: NDArray[np.bool_]) -> tuple[Floats, float] | None:
    """Return the parabola (3,) of the border in rows along v, and its deviation; None without a border."""
    near = np.abs(v[0]) <= _LINE_MM
    start = int(np.argmin(np.abs(u[:, 0] + 3.0)))
    rows = hit[start:, near]
    if not rows[0].all() or rows[-1].any():
        return None
    place = u[start, 0] + _NODE_MM * (np.argmin(rows, axis=0) - 0.5)
    along = v[0, near]
    system = np.stack([np.ones(len(along)), along, along**2], axis=1)
    line = np.linalg.lstsq(system, place, rcond=None)[0]
    return line, float(np.sqrt(np.mean((system @ line - place) ** 2)))


def _side(
    u: Floats, v: Floats, heights: Floats, known: NDArray[np.bool_], terrace_mm: float = 0.0
) -> SideSurface | None:
    """Fit a surface to known heights; None where too few are known."""
    if known.sum() < 60:
        return None
    system = _parabola(u[known], v[known])
    weight = 1 / (1 + (u[known] ** 2 + v[known] ** 2) / 64.0)
    for _ in range(4):
        root = np.sqrt(weight)
        found = np.linalg.lstsq(system * root[:, None], heights[known] * root, rcond=None)[0]
        off = np.abs(system @ found - heights[known])
        weight = np.where(off > 1.0, 0.05, 1.0) / (1 + (u[known] ** 2 + v[known] ** 2) / 64.0)
    left = np.zeros(u.shape)
    left[known] = np.clip(heights[known] - system @ found, -1.0, 1.0)
    mean, share = average_known(left, known, _BLUR_MM / _NODE_MM, edge="nearest")
    rest = np.sign(mean) * np.maximum(np.abs(mean) - terrace_mm, 0) * np.clip(2 * share, 0, 1)
    return SideSurface(np.asarray(found, np.float64), rest)


def _parabola(u: Floats, v: Floats) -> Floats:
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=-1)


def _gap(bone: Volume, origin: Floats, axes: Floats, line: Floats, own: SideSurface | None) -> float | None:
    """Return how far from the border bone begins, a little below its edge; None without bone."""
    if own is None:
        return None
    v = np.linspace(-3, 3, 13)
    u = line[0] + line[1] * v + line[2] * v * v
    start = origin + np.stack([u, v, own.heights(u, v) - _GAP_DEPTH_MM], axis=1) @ axes
    along = np.broadcast_to(axes[0], start.shape)
    gap = measure_columns(bone, start, along, reach_mm=_REACH_MM).start_mm
    return None if np.isnan(gap).sum() > 3 else float(np.nanmedian(gap))


def _wall(part: RayCaster, origin: Floats, axes: Floats, line: Floats, own: SideSurface) -> float | None:
    """Return the thickness of the part 4 mm inside its border; None where a line misses its other side."""
    u, v = np.full(5, line[0] - 4.0), np.linspace(-2, 2, 5)
    top = origin + np.stack([u, v, own.heights(u, v) - 0.05], axis=1) @ axes
    length = part.first(top, np.broadcast_to(-axes[2], top.shape))[0]
    return None if np.isnan(length).any() else float(np.median(length)) + 0.05


def _lean(
    part: RayCaster, origin: Floats, axes: Floats, line: Floats, own: SideSurface, wall_mm: float
) -> float:
    """Return how far the border recedes per millimetre of depth; 0 where it cannot be measured."""
    depth = np.repeat([0.25 * wall_mm, 0.75 * wall_mm], 5)
    u, v = np.full(10, line[0] - 4.0), np.tile(np.linspace(-2, 2, 5), 2)
    inside = origin + np.stack([u, v, own.heights(u, v) - depth], axis=1) @ axes
    reach = part.first(inside, np.broadcast_to(axes[0], inside.shape))[0]
    lean = (np.median(reach[:5]) - np.median(reach[5:])) / (0.5 * wall_mm)
    return float(np.clip(lean, -1.0, 1.0)) if np.isfinite(lean) else 0.0
