"""Where a resection template lies on the bone: its ring, its flange, and the way in which it comes off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.sphere import is_vault
from meshimplant.manufacture.template_seat import SeatSearch
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.skull.outer_bone import directions_of
from meshimplant.skull.resect import Resection
from meshimplant.spec.resection_spec import ResectionSpec

#: Width of the flange, and the radius of its corners, mm. No source: our choice.
FLANGE_WIDE_MM, CORNER_MM = 26.0, 8.0
#: Number of places along the cut at which the flange is tried, and directions in which the template is then
#: shifted.
_PLACES, _SHIFTS = 8, 4
#: Distance between the points that stand for the face on the bone, mm.
_STEP_MM = 3.0
#: Bone that turns away from the direction off it by more than this cosine is no seat for a flange.
_FACING = 0.25

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Flange:
    """A tongue of the template over the bone beside the ring.

    Attributes
    ----------
    foot_mm : (3,) array
        The place of the cut from which it starts, LPS mm.
    along, across : (3,) arrays
        Unit directions of the cut there and away from it, LPS.
    reach_mm : float
        How far it reaches from there.
    """

    foot_mm: Floats
    along: Floats
    across: Floats
    reach_mm: float

    def within_mm(self, points_mm: Floats) -> Floats:
        """Return how far (n,) points (n, 3) lie within its outline, negative outside."""
        arm = points_mm - self.foot_mm
        beside = np.abs(arm @ self.along) - (FLANGE_WIDE_MM / 2 - CORNER_MM)
        beyond = np.abs(arm @ self.across - self.reach_mm / 2) - (self.reach_mm / 2 - CORNER_MM)
        outside = np.hypot(np.maximum(beside, 0), np.maximum(beyond, 0))
        return np.asarray(CORNER_MM - outside - np.minimum(np.maximum(beside, beyond), 0))


@dataclass(frozen=True, eq=False)
class TemplatePlace:
    """Where a template lies.

    Attributes
    ----------
    points_mm : (n, 3) array
        Points of the bone under it, LPS mm.
    flange : Flange or None
        The flange; None where none was asked for, or the bone has no room for one.
    lift : (3,) array
        Unit direction in which it comes off, LPS.
    lifts_mm : dict of str to float
        By how much it stands off after each motion, see `SeatSearch`.
    """

    points_mm: Floats
    flange: Flange | None
    lift: Floats
    lifts_mm: dict[str, float]


def template_place(cut: Resection, spec: ResectionSpec) -> TemplatePlace:
    """Lay a template around a cut, its flange where that makes its seat most nearly the only one.

    The flange is tried at places along the cut. Each is judged by the least that the template stands off
    after it was moved and set down again.
    """
    search = SeatSearch.on(cut.outer)
    ring = _ring(cut, spec)
    best: tuple[float, Floats, Flange] | None = None
    line = cut.line
    for place in (np.arange(_PLACES) * len(line.points_mm)) // _PLACES if spec.flange_mm > 0 else ():
        along = unit_vectors(np.cross(line.outward[place], line.across[place]))
        reach = spec.template_width_mm + cut.kerf_mm / 2 + spec.flange_mm
        flange = Flange(line.points_mm[place], along, line.across[place], reach)
        tongue = _tongue(cut, flange, spec)
        if tongue is None:
            continue
        points = np.concatenate([ring, tongue])
        lifts = search.lifts_mm(points, _lift(cut, points), shifts=_SHIFTS)
        if best is None or min(lifts.values()) > best[0]:
            best = min(lifts.values()), points, flange
    points = ring if best is None else best[1]
    lift = _lift(cut, points)
    return TemplatePlace(points, None if best is None else best[2], lift, search.lifts_mm(points, lift))


def _lift(cut: Resection, points: Floats) -> Floats:
    return unit_vectors(cut.outer.outward_at(points).mean(axis=0))


def _ring(cut: Resection, spec: ResectionSpec) -> Floats:
    """Return points (n, 3) of the bone under the ring."""
    steps = max(2, round(spec.template_width_mm / _STEP_MM) + 1)
    beside = cut.kerf_mm / 2 + np.linspace(0.5, spec.template_width_mm - 0.5, steps)
    line = cut.line
    every = slice(None, None, 6)
    points = line.points_mm[every, None] + beside[:, None] * line.across[every, None]
    laid = cut.outer.projected(points.reshape(-1, 3))
    return laid[np.isfinite(laid).all(axis=1)]


def _tongue(cut: Resection, flange: Flange, spec: ResectionSpec) -> Floats | None:
    """Return points (n, 3) of the bone under a flange; None where it would leave the vault or the bone."""
    start = spec.template_width_mm + cut.kerf_mm / 2
    along, away = np.meshgrid(
        np.arange(-FLANGE_WIDE_MM / 2 + 1.5, FLANGE_WIDE_MM / 2, _STEP_MM),
        np.arange(start, flange.reach_mm - 0.5, _STEP_MM),
    )
    flat = np.stack([along.ravel(), away.ravel()], axis=1)
    points = flange.foot_mm + flat @ np.stack([flange.along, flange.across])
    points = points[flange.within_mm(points) > 0]
    laid = cut.outer.projected(points)
    if not np.isfinite(laid).all() or not is_vault(directions_of(laid, cut.outer.pose)).all():
        return None
    facing = cut.outer.outward_at(laid) @ _lift(cut, _ring(cut, spec))
    return laid if facing.min() > _FACING else None
