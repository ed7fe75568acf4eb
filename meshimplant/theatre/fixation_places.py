"""Where along a part's border it can be fixed, and the places that are chosen there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from meshimplant.report import Place
from meshimplant.theatre.bone_beside import measure_columns
from meshimplant.theatre.border_line import BorderLine
from meshimplant.voxels.volume import Volume

Floats = NDArray[np.float64]

#: Border for each point, mm, and least number of points: between the 40 mm of small and the 60 mm of large
#: implants in Haque 2023, who found 4 to 5 best.
SPACING_MM, FEWEST = 50.0, 4
#: Bone beside the border lies at most this far above or below the part's outer surface, mm, and is measured
#: to both sides of a place, mm. No source: our choice.
_LEVEL_MM, _ASIDE_MM = 2.0, 3.0
#: Room to the free border, mm, and largest turn of the border between the ends of a piece of this length,
#: degrees and mm. No source: our choice.
_FREE_MM, _TURN_DEG, _PIECE_MM = 8.0, 50.0, 8.0
#: A place moves by at most this share of the distance between places.
_FARTHEST_SHARE = 0.45
#: Weights of a layout: of what is missing against moves, and of asymmetry, in distances between places.
_MISSING, _ASYMMETRY = 4.0, 1.0
_START_MM, _REACH_MM = 4.0, 30.0
#: Bone with so much more than is needed, mm, is not weak; a wall thinner than the median by this share is.
#: Places to avoid stay this far away, mm. No source: our choice.
_SPARE_MM, _THIN_SHARE, AVOID_MM = 2.0, 0.3, 12.0


@dataclass(frozen=True)
class FixationPlace:
    """A place at which a part is fixed.

    Attributes
    ----------
    label : str
        That of the plate, tab or pocket.
    point_mm : (3,) tuple
        The place on the border, LPS mm.
    moved_mm : float
        How far along the border it lies from the even layout.
    reason : str
        Why it was moved; empty where it was not.
    next_label : str or None
        The next place along the border, counter-clockwise from outside; None where there is only one.
    next_mm : float or None
        Distance along the border to there.
    """

    label: str
    point_mm: Place
    moved_mm: float
    reason: str
    next_label: str | None = None
    next_mm: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the place as plain JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class LeftOut:
    """A place of the even layout at which nothing holds: its place on the border, LPS mm, and why."""

    point_mm: Place
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the place as plain JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Suitability:
    """Where along its border a part can be fixed, as far as is seen there.

    Attributes
    ----------
    reasons : tuple of str
        Why not, for each place; empty where it can.
    weak : (n,) array
        How weak bone or part are there: 0 where both are thick enough, to 1.
    """

    reasons: tuple[str, ...]
    weak: Floats

    @property
    def suited(self) -> NDArray[np.bool_]:
        """Which places (n,) are suited."""
        return np.array([not reason for reason in self.reasons])

    def without(self, place: int, reach: int, reason: str) -> Suitability:
        """Return it with the places within `reach` steps of one unsuited, for a reason."""
        total, reasons = len(self.reasons), list(self.reasons)
        for step in range(-reach, reach + 1):
            reasons[(place + step) % total] = reasons[(place + step) % total] or reason
        return Suitability(tuple(reasons), self.weak)


def point_count(line: BorderLine) -> int:
    """Return how many points a border of this length needs."""
    return max(FEWEST, round(line.length_mm / SPACING_MM))


def judge_places(
    line: BorderLine,
    bone: Volume,
    *,
    beside_mm: float,
    least_bone_mm: float,
    wall_mm: Floats,
    avoid_mm: Floats | None = None,
) -> Suitability:
    """Judge each place of a border: is the bone opposite wide and thick enough for plate and screw.

    Parameters
    ----------
    line : BorderLine
        The border.
    bone : Volume
        Signed distance to the bone, mm, positive inside.
    beside_mm : float
        How wide the bone beside the border must be.
    least_bone_mm : float
        How thick it must be along the outward direction, in the middle of that width.
    wall_mm : (n,) array
        Thickness of the part beside each place; nan where it is unknown.
    avoid_mm : (k, 3) array, optional
        Places from which to stay away, such as the weakest ones of a screening, LPS mm.
    """
    along = np.cross(line.outward, line.across)
    across = np.arange(2.0, beside_mm + 0.5, 1.0)
    aside = np.array([-_ASIDE_MM, 0.0, _ASIDE_MM])
    points = (
        line.points_mm[:, None, None]
        + across[:, None, None] * line.across[:, None, None]
        + aside[:, None] * along[:, None, None]
        + _START_MM * line.outward[:, None, None]
    )
    down = np.broadcast_to(-line.outward[:, None, None], points.shape)
    columns = measure_columns(bone, points.reshape(-1, 3), down.reshape(-1, 3), reach_mm=_REACH_MM)
    shape = points.shape[:3]
    height = _START_MM - columns.start_mm.reshape(shape)
    sag: Floats = np.abs(height - _sagitta(line, across)[:, :, None])
    beside = np.asarray((sag <= _LEVEL_MM).all(axis=(1, 2)))
    nearest = np.asarray((sag[:, :2] <= _LEVEL_MM).any(axis=(1, 2)))
    middle = int(np.argmin(np.abs(across - beside_mm * 0.65)))
    thickness = columns.length_mm.reshape(shape)[:, middle].min(axis=1)
    cell = np.asarray(columns.cell.reshape(shape)[:, middle].any(axis=1))
    turn = _turns_deg(line)
    away = _away_from(line.free, line.step_mm)
    avoided = np.full(len(line.points_mm), np.inf)
    if avoid_mm is not None and len(avoid_mm):
        avoided = np.asarray(cKDTree(avoid_mm).query(line.points_mm)[0])
    reasons = []
    for place in range(len(line.points_mm)):
        if line.free[place] or not nearest[place]:
            reasons.append("no bone lies opposite")
        elif avoided[place] < AVOID_MM:
            reasons.append(f"a place to avoid is {avoided[place]:.0f} mm away")
        elif away[place] < _FREE_MM:
            reasons.append(f"the free border is {away[place]:.0f} mm away")
        elif not beside[place]:
            reasons.append(f"the bone beside the border is narrower than {beside_mm:.1f} mm, or not level")
        elif thickness[place] < least_bone_mm:
            over = " over an air cell" if cell[place] else ""
            reasons.append(
                f"the bone is {thickness[place]:.1f} mm thick{over}, {least_bone_mm:.1f} are needed"
            )
        elif turn[place] > _TURN_DEG:
            reasons.append(f"the border turns by {turn[place]:.0f} degrees within {_PIECE_MM:g} mm")
        else:
            reasons.append("")
    return Suitability(tuple(reasons), _weak(thickness - least_bone_mm, wall_mm))


def _weak(spare_mm: Floats, wall_mm: Floats) -> Floats:
    """Return how weak (n,) bone with so much to spare, or a part with such a wall, is: 0 to 1."""
    bone = np.nan_to_num(1 - spare_mm / _SPARE_MM, nan=1.0)
    usual = float(np.nanmedian(wall_mm)) if np.isfinite(wall_mm).any() else 1.0
    wall = np.nan_to_num((1 - wall_mm / usual) / _THIN_SHARE, nan=0.0)
    return np.clip(np.maximum(bone, wall), 0.0, 1.0)


def lay_out(line: BorderLine, suitability: Suitability, count: int) -> NDArray[np.int64]:
    """Return the places (count,) of the best even layout along a border, as indices.

    Of all even layouts, the one is taken from which suited places are least far away, and which is most
    nearly symmetric about the long axis.
    """
    total, suited = len(line.points_mm), suitability.suited
    spacing = total / count
    if not suited.any():
        return np.round(np.arange(count) * spacing).astype(np.int64) % total
    away = _away_from(suited, 1.0)
    tree = cKDTree(line.mirrored)
    best, least = np.zeros(count, np.int64), np.inf
    for first in range(max(int(np.ceil(spacing)), 1)):
        places = np.round(first + np.arange(count) * spacing).astype(np.int64) % total
        moves = np.where(away[places] <= _FARTHEST_SHARE * spacing, away[places] / spacing, _MISSING)
        opposite = tree.query(line.points_mm[places])[1]
        apart = np.abs(opposite[:, None] - places[None])
        apart = np.minimum(apart, total - apart).min(axis=1) / spacing
        cost = float(moves.sum() + _ASYMMETRY * apart.sum())
        if cost < least - 1e-9:
            best, least = places, cost
    return best


def moved_mm(line: BorderLine, start: int, stop: int) -> float:
    """Return the distance along the border between two places."""
    apart = abs(stop - start)
    return min(apart, len(line.points_mm) - apart) * line.step_mm


def _sagitta(line: BorderLine, across_mm: Floats) -> Floats:
    """Return how far (n, k) the head's surface falls below the plane of each place, at distances (k,) mm."""
    turned = ndimage.gaussian_filter1d(line.outward, 5.0, axis=0, mode="wrap")
    middle = line.points_mm.mean(axis=0)
    arms = np.linalg.norm(line.points_mm - middle, axis=1)
    lean = np.einsum("ij,ij->i", turned, line.across) - turned.mean(axis=0) @ line.across.T
    curvature = np.clip(lean / np.maximum(arms, 5.0), 0.0, 1 / 30)
    return -0.5 * curvature[:, None] * across_mm**2


def _turns_deg(line: BorderLine) -> Floats:
    """Return by how much the border turns over `_PIECE_MM` around each place, degrees."""
    half = max(round(_PIECE_MM / 2 / line.step_mm), 1)
    before, after = np.roll(line.across, half, axis=0), np.roll(line.across, -half, axis=0)
    return np.degrees(np.arccos(np.clip(np.einsum("ij,ij->i", before, after), -1, 1)))


def _away_from(chosen: NDArray[np.bool_], step_mm: float) -> Floats:
    """Return how far (n,) each place of a closed line is from chosen ones, mm; far where there are none."""
    if not chosen.any():
        return np.full(len(chosen), np.inf)
    thrice = ndimage.distance_transform_cdt(~np.tile(chosen, 3))
    return np.asarray(thrice[len(chosen) : 2 * len(chosen)] * step_mm, np.float64)
