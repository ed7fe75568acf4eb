"""`PlaceLayout`: places along a border, even and symmetric, only where the part can be fixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshimplant.theatre.border_line import BorderLine
from meshimplant.theatre.fixation_places import Suitability, lay_out

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

#: Weights of uneven distances, of asymmetry, and of weak places. No source: our choice.
_EVEN, _SYMMETRIC, _WEAK = 4.0, 4.0, 0.3
#: Two places lie at least this share of the even distance apart, and a place at most this share of it from
#: where it would be in the even layout.
_LEAST_SHARE, _FARTHEST_SHARE = 0.6, 0.75
#: Rounds in which each place moves to where it fits best; every such step lowers the cost.
_ROUNDS = 12


@dataclass(frozen=True, eq=False)
class PlaceLayout:
    """The places of a layout.

    Attributes
    ----------
    targets : (k, ) array of int
        The even layout that it comes from, as indices of the line.
    places : (k,) array of int
        Where the places lie.
    """

    targets: Places
    places: Places


def lay_out_suited(line: BorderLine, suitability: Suitability, count: int) -> PlaceLayout:
    """Lay out `count` places at suited points of a border, or as many as fit there.

    The layout starts from the best even one. Then each place in turn moves to where distances between
    neighbours are most even, where the places are most nearly symmetric about the long axis, and where part
    and bone are not weak; all three are weighed against each other. Two places keep 0.6 of the even distance
    between them, and a place stays within 0.75 of it from where it began.

    Parameters
    ----------
    line : BorderLine
        The border.
    suitability : Suitability
        Where places may be, and how weak part and bone are there.
    count : int
        Number of places.

    Returns
    -------
    PlaceLayout
        With fewer than `count` places where no more fit.
    """
    targets = lay_out(line, suitability, count)
    suited = np.flatnonzero(suitability.suited)
    total = len(line.points_mm)
    least, reach = np.array([_LEAST_SHARE, _FARTHEST_SHARE]) * total / count
    chosen: list[int] = []
    kept: list[int] = []
    for target in targets:
        near = suited[_apart(suited, int(target), total) <= reach]
        apart = _apart(near[:, None], np.array(chosen, np.int64)[None], total)
        free = near[(apart >= least).all(axis=1)]
        if len(free):
            chosen.append(int(free[np.argmin(_apart(free, int(target), total))]))
            kept.append(int(target))
    if not chosen:
        return PlaceLayout(np.zeros(0, np.int64), np.zeros(0, np.int64))
    order = np.argsort(chosen)
    places, targets = np.array(chosen, np.int64)[order], np.array(kept, np.int64)[order]
    mirror = np.asarray(cKDTree(line.points_mm).query(line.mirrored)[1], np.int64)
    for _ in range(_ROUNDS):
        before = places.copy()
        for number in range(len(places)):
            others = np.delete(places, number)
            clear = (_apart(suited[:, None], others[None], total) >= least).all(axis=1)
            clear = clear & (_apart(suited, int(targets[number]), total) <= reach)
            allowed = suited[clear]
            costs = [_cost(np.append(others, each), mirror, suitability.weak, total) for each in allowed]
            now = _cost(places, mirror, suitability.weak, total)
            if costs and min(costs) < now - 1e-9:
                places[number] = allowed[int(np.argmin(costs))]
        if (places == before).all():
            break
    return PlaceLayout(targets, places)


def places_between(line: BorderLine, suitability: Suitability, taken: list[int], count: int) -> Places:
    """Return the suited places that keep their distance from taken ones of a layout of `count`.

    The first lies nearest to the middle of the widest gap.
    """
    suited, total = np.flatnonzero(suitability.suited), len(line.points_mm)
    if not taken:
        return suited
    away = _apart(suited[:, None], np.array(taken)[None], total).min(axis=1)
    ordered = np.sort(taken)
    gaps = np.diff(np.append(ordered, ordered[0] + total))
    middle = int(ordered[gaps.argmax()] + gaps.max() // 2) % total
    free = suited[away >= _LEAST_SHARE * total / count]
    return np.asarray(free[np.argsort(_apart(free, middle, total), kind="stable")], np.int64)


def _apart(one: Places | int, two: Places | int, total: int) -> Places:
    """Return the number of steps between places of a closed line."""
    steps = np.abs(np.asarray(one) - np.asarray(two))
    return np.asarray(np.minimum(steps, total - steps))


def _cost(places: Places, mirror: Places, weak: Floats, total: int) -> float:
    """Return what a layout costs: uneven distances, asymmetry, weak places."""
    spacing = total / len(places)
    ordered = np.sort(places)
    gaps = np.diff(np.append(ordered, ordered[0] + total)) / spacing
    unlike = _apart(mirror[places][:, None], places[None], total).min(axis=1) / spacing
    return float(
        _EVEN * ((gaps - 1) ** 2).sum() + _SYMMETRIC * (unlike**2).sum() + _WEAK * weak[places].sum()
    )
