"""Where the labels of a drawing lie: on a ring around the part's outline, so that none covers another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from meshimplant.implant.features import Feature
from meshimplant.preview.view_directions import View

Floats = NDArray[np.float64]

#: Directions in which the ring is drawn, and rounds of pushing labels apart.
_DIRECTIONS, _ROUNDS = 720, 400
#: The ring lies this far outside the outline, mm, and widens by this factor until its labels fit.
_OUTSIDE_MM, _WIDER = 9.0, 1.15


@dataclass(frozen=True, eq=False)
class RingLabel:
    """A label around the outline, in the picture's millimetres, to the right and up.

    Attributes
    ----------
    words : str
        Its text.
    at : (2,) array
        Its middle.
    target : (2,) array or None
        What it points at; None for a distance between two places.
    """

    words: str
    at: Floats
    target: Floats | None


def ring_labels(outline: Floats, features: Sequence[Feature], view: View, apart_mm: float) -> list[RingLabel]:
    """Return the labels of screws, and between places of fixation their distance.

    Parameters
    ----------
    outline : (n, 2) array
        Points of the part's outline, picture mm.
    features : sequence of Feature
        Those of the part.
    view : View
    apart_mm : float
        Least distance between the middles of two labels: the diagonal of their boxes.

    Returns
    -------
    list of RingLabel
        Labels in order around the outline.
    """
    screws = [each for each in features if each.kind == "screw"]
    if not screws:
        return []
    middle = outline.mean(axis=0)
    at = view.project([each.point_mm for each in screws])
    wanted, words, targets = _wanted(screws, at, middle)
    outside_mm = _OUTSIDE_MM
    ring, length = _ring(outline, middle, outside_mm)
    while length[-1] < 1.05 * apart_mm * len(words):
        outside_mm *= _WIDER
        ring, length = _ring(outline, middle, outside_mm)
    along = np.interp(np.asarray(wanted) % (2 * np.pi), np.linspace(0, 2 * np.pi, len(ring)), length)
    order = np.argsort(along, kind="stable")
    places = spread_apart(along[order], apart_mm, float(length[-1]))
    found = np.stack([np.interp(places % length[-1], length, axis) for axis in ring.T], axis=1)
    return _uncrossed([RingLabel(words[i], found[row], targets[i]) for row, i in enumerate(order)])


def _uncrossed(labels: list[RingLabel]) -> list[RingLabel]:
    """Exchange neighbours whose arrows are shorter, and so do not cross, the other way round."""
    for second in range(1, len(labels)):
        one, two = labels[second - 1], labels[second]
        if one.target is None or two.target is None:
            continue
        as_is = np.linalg.norm(one.at - one.target) + np.linalg.norm(two.at - two.target)
        if np.linalg.norm(two.at - one.target) + np.linalg.norm(one.at - two.target) < as_is - 1e-9:
            labels[second - 1] = RingLabel(two.words, one.at, two.target)
            labels[second] = RingLabel(one.words, two.at, one.target)
    return labels


def _wanted(
    screws: Sequence[Feature], at: Floats, middle: Floats
) -> tuple[list[float], list[str], list[Floats | None]]:
    """Return the angle at which each label should lie, its words and its target.

    Screws of one place lie beside each other; a distance lies half way between its two places.
    """
    groups: dict[str, list[int]] = {}
    for number, screw in enumerate(screws):
        groups.setdefault(screw.hold.fixation if screw.hold else screw.label, []).append(number)
    angles = {name: _angle(at[rows].mean(axis=0) - middle) for name, rows in groups.items()}
    wanted: list[float] = []
    words: list[str] = []
    targets: list[Floats | None] = []
    for name, rows in groups.items():
        for rank, row in enumerate(rows):
            wanted.append(angles[name] + 1e-3 * (rank - (len(rows) - 1) / 2))
            words.append(screws[row].label)
            targets.append(at[row])
        hold = screws[rows[0]].hold
        if hold is not None and hold.next_mm is not None and hold.next_fixation in angles:
            turn = (angles[hold.next_fixation] - angles[name]) % (2 * np.pi)
            wanted.append(angles[name] + turn / 2)
            words.append(f"{hold.next_mm:.1f}")
            targets.append(None)
    return wanted, words, targets


def _angle(arm: Floats) -> float:
    return float(np.arctan2(arm[1], arm[0]) % (2 * np.pi))


def _ring(outline: Floats, middle: Floats, outside_mm: float) -> tuple[Floats, Floats]:
    """Return points (n, 2) around an outline, the last one the first, and the length (n,) up to each."""
    hull = ConvexHull(outline)
    turn = np.linspace(0, 2 * np.pi, _DIRECTIONS + 1)
    ways = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    rise = ways @ hull.equations[:, :2].T
    room = -(hull.equations[:, :2] @ middle + hull.equations[:, 2])
    reach = np.where(rise > 1e-9, room / np.maximum(rise, 1e-9), np.inf).min(axis=1) + outside_mm
    ring = middle + reach[:, None] * ways
    steps = np.linalg.norm(np.diff(ring, axis=0), axis=1)
    return ring, np.concatenate([[0.0], np.cumsum(steps)])


def spread_apart(wanted: Floats, apart: float, around: float) -> Floats:
    """Return sorted places (n,) on a circle of length `around`, moved until none is nearer than `apart`."""
    places = np.asarray(wanted, float).copy()
    if len(places) < 2:
        return places
    for _ in range(_ROUNDS):
        gaps = np.diff(np.append(places, places[0] + around))
        if (gaps >= apart).all():
            break
        lack = np.maximum(1.01 * apart - gaps, 0.0)
        places += (np.roll(lack, 1) - lack) / 2
    return places


def outline_of(points: Floats, hit: NDArray[np.bool_], step_mm: float) -> list[Floats]:
    """Return the closed lines (n, 2) around the regions of a picture (h, w), their holes left out.

    `points` (h, w, 2) are the places of its pixels, mm, to the right and up.
    """
    from scipy.ndimage import binary_fill_holes, gaussian_filter
    from skimage.measure import find_contours

    solid = gaussian_filter(np.pad(binary_fill_holes(hit), 3).astype(float), 1.0)
    corner, down, right = points[0, 0], np.array([0.0, -step_mm]), np.array([step_mm, 0.0])
    lines = find_contours(solid, 0.5)
    return [corner + (line[:, :1] - 3) * down + (line[:, 1:] - 3) * right for line in lines]
