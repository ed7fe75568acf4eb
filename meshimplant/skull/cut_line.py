"""`CutLine`: a closed line on the outer surface of a skull along which bone is cut, and its directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from meshimplant.errors import InputError
from meshimplant.head.sphere import is_vault
from meshimplant.mesh.nearest import surface_tree
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.skull.outer_bone import OuterBone, directions_of

#: Distance between the points of the line, and width over which it is smoothed, mm. No source: our choice.
STEP_MM, _SMOOTH_MM = 0.5, 1.5
#: The directions of the cut are averaged over this length of the line, mm: what the footplate of a craniotome
#: follows. No source: our choice.
_TURN_MM = 6.0
#: A curve may lie this far from the bone, mm: it may have been drawn on the skin.
FARTHEST_MM = 12.0
#: The last point of a closed curve is no farther from the first than this many of the longest other steps.
_OPEN_STEPS = 2.5
#: A cutting direction this far from the normal of the bone leaves a feather edge, degrees. Our choice.
STEEPEST_DEG = 55.0
#: The sheet along which bone is cut reaches this far below and above the outer surface, mm, in steps.
_SHEET_MM, _SHEET_STEP_MM = (-28.0, 16.0), 1.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CutLine:
    """A closed line along which bone is cut.

    Attributes
    ----------
    points_mm : (n, 3) array
        About 0.5 mm apart on the outer surface, LPS mm.
    outward : (n, 3) array
        Unit directions of the cut, out of the head, LPS.
    across : (n, 3) array
        Unit directions square to line and cut, away from what is enclosed, LPS.
    """

    points_mm: Floats
    outward: Floats
    across: Floats

    @property
    def length_mm(self) -> float:
        """Length of the line."""
        return float(np.linalg.norm(np.roll(self.points_mm, -1, axis=0) - self.points_mm, axis=1).sum())

    @property
    def middle_mm(self) -> Floats:
        """Mean of its points (3,)."""
        return np.asarray(self.points_mm.mean(axis=0))

    @cached_property
    def _sheet(self) -> tuple[cKDTree, int]:
        heights = np.arange(*_SHEET_MM, _SHEET_STEP_MM)
        points = self.points_mm[:, None] + heights[:, None] * self.outward[:, None]
        return surface_tree(points.reshape(-1, 3)), len(heights)

    def beside_mm(self, points_mm: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
        """Return how far (n,) points (n, 3) lie outside the cut, negative within, and the places nearest.

        The distance is that to the sheet which the cutting directions span; valid near the bone. The places
        (n,) are those of the line.
        """
        points = np.asarray(points_mm, float).reshape(-1, 3)
        tree, heights = self._sheet
        place = tree.query(points)[1] // heights
        arm = points - self.points_mm[place]
        outward = self.outward[place]
        arm = arm - np.einsum("ij,ij->i", arm, outward)[:, None] * outward
        side = np.einsum("ij,ij->i", arm, self.across[place])
        return np.sign(side) * np.linalg.norm(arm, axis=1), np.asarray(place, np.int64)


def cut_line(points_mm: ArrayLike, outer: OuterBone, *, direction: ArrayLike | None = None) -> CutLine:
    """Lay a closed curve on the outer surface of a skull as a smooth line along which it is cut.

    A closed spline through the points is moved onto the bone and smoothed over 1.5 mm.

    Parameters
    ----------
    points_mm : (n, 3) array-like
        Five or more points in order around, LPS mm, each within 12 mm of the bone.
    outer : OuterBone
        The outer surface of the bone around them.
    direction : (3,) array-like, optional
        The direction of the cut, LPS, either way. None: normal to the bone, everywhere.

    Returns
    -------
    CutLine

    Raises
    ------
    InputError
        There are too few points; the curve is not closed, crosses itself, is far from the bone, or is not on
        the vault; or the direction is not across the bone.
    """
    points = _closed_points(points_mm)
    laid = outer.projected(points)
    away = np.linalg.norm(laid - points, axis=1)
    far = np.flatnonzero(~(away <= FARTHEST_MM))
    if len(far):
        how = f"{away[far[0]]:.0f} mm away" if np.isfinite(away[far[0]]) else "with no bone near it"
        raise InputError(
            f"expected a curve within {FARTHEST_MM:g} mm of the outer surface of the bone, got the point "
            f"{_place(points[far[0]])} {how}: check frame and unit, or draw it on the bone"
        )
    line = outer.projected(_even(_spline(laid)))
    line = outer.projected(_even(gaussian_filter1d(line, _SMOOTH_MM / STEP_MM, axis=0, mode="wrap")))
    if not np.isfinite(line).all():
        raise InputError("expected a curve that runs on bone, got one that leaves it between its points")
    _require_vault(line, outer)
    _require_simple(line, outer)
    outward = gaussian_filter1d(outer.outward_at(line), _TURN_MM / STEP_MM, axis=0, mode="wrap")
    outward = unit_vectors(outward)
    if direction is not None:
        outward = _one_direction(direction, outward, line)
    along = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    across = unit_vectors(np.cross(along, outward))
    area = np.cross(line - line.mean(axis=0), np.roll(line, -1, axis=0) - line.mean(axis=0)).sum(axis=0)
    if area @ outward.mean(axis=0) < 0:
        across = -across
    return CutLine(line, outward, across)


def _closed_points(points_mm: ArrayLike) -> Floats:
    """Return the points of a closed curve, each once; raise `InputError` where they are none."""
    points = np.asarray(points_mm, float)
    if points.ndim != 2 or points.shape[1:] != (3,) or not np.isfinite(points).all():
        raise InputError(f"expected the points of a curve (n, 3), finite, got shape {points.shape}")
    apart = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    points = points[apart > 0.05]
    if len(points) < 5:
        raise InputError(f"expected a curve of at least 5 points, got {len(points)}: mark more along it")
    apart = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    if apart[-1] > _OPEN_STEPS * apart[:-1].max():
        raise InputError(
            f"expected a closed curve, got one whose ends are {apart[-1]:.0f} mm apart: close it, or mark "
            "points along the rest"
        )
    return points


def _spline(points: Floats) -> Floats:
    """Return a closed spline (n, 3) through points, finely sampled."""
    closed = np.concatenate([points, points[:1]])
    knots = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(closed, axis=0), axis=1)))])
    curve = CubicSpline(knots, closed, bc_type="periodic")
    return np.asarray(curve(np.linspace(0, knots[-1], 40 * len(points), endpoint=False)))


def _even(line: Floats) -> Floats:
    """Return points (m, 3) about `STEP_MM` apart along a closed line (n, 3)."""
    closed = np.concatenate([line, line[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    places = np.linspace(0, length[-1], max(8, round(length[-1] / STEP_MM)), endpoint=False)
    return np.stack([np.interp(places, length, column) for column in closed.T], axis=1)


def _require_vault(line: Floats, outer: OuterBone) -> None:
    """Raise `InputError` where the line leaves the vault."""
    outside = ~is_vault(directions_of(line, outer.pose))
    if outside.any():
        lowest = line[outside][int(np.argmin(line[outside] @ outer.pose.axes[2]))]
        raise InputError(
            f"expected a curve on the vault, got {STEP_MM * int(outside.sum()):.0f} mm of it below, at "
            f"{_place(lowest)}: keep it above brow, ears and nape"
        )


def _require_simple(line: Floats, outer: OuterBone) -> None:
    """Raise `InputError` where the line crosses itself, as seen from the centre of the head."""
    unit = directions_of(line[::2], outer.pose)
    axis = unit_vectors(unit.mean(axis=0))
    right = unit_vectors(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))
    angle = np.arccos(np.clip(unit @ axis, -1, 1))
    flat = np.stack([unit @ right, unit @ np.cross(axis, right)], axis=1)
    flat = unit_vectors(flat) * angle[:, None]
    start, step = flat, np.roll(flat, -1, axis=0) - flat
    arm = start[None] - start[:, None]
    across = step[:, None, 0] * step[None, :, 1] - step[:, None, 1] * step[None, :, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (arm[..., 0] * step[None, :, 1] - arm[..., 1] * step[None, :, 0]) / across
        second = (arm[..., 0] * step[:, None, 1] - arm[..., 1] * step[:, None, 0]) / across
    count = len(flat)
    number = np.arange(count)
    apart = np.abs(number[:, None] - number[None])
    crossing = (first > 0) & (first < 1) & (second > 0) & (second < 1)
    crossing &= np.minimum(apart, count - apart) > 1
    if crossing.any():
        at = line[::2][int(np.argwhere(crossing)[0, 0])]
        raise InputError(f"expected a curve that does not cross itself, got a crossing at {_place(at)}")


def _one_direction(direction: ArrayLike, outward: Floats, line: Floats) -> Floats:
    """Return a direction as that of the whole cut; raise `InputError` where it runs along the bone."""
    axis = np.asarray(direction, float)
    if axis.shape != (3,) or not np.isfinite(axis).all() or not np.linalg.norm(axis):
        raise InputError(f"expected a direction of three numbers, not all 0, got {direction!r}")
    axis = unit_vectors(axis)
    axis = axis if axis @ outward.mean(axis=0) > 0 else -axis
    angle = np.degrees(np.arccos(np.clip(outward @ axis, -1, 1)))
    if angle.max() > STEEPEST_DEG:
        raise InputError(
            f"expected a direction within {STEEPEST_DEG:g} degrees of the normal of the bone, got "
            f"{angle.max():.0f} degrees at {_place(line[int(np.argmax(angle))])}: turn it, or leave it out"
        )
    return np.broadcast_to(axis, outward.shape).copy()


def _place(point: Floats) -> str:
    return "({:.1f}, {:.1f}, {:.1f})".format(*point)
