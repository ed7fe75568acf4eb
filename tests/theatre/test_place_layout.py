"""Places along a border: even, symmetric about the long axis, and only where bone and part are thick."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.theatre.border_line import BorderLine
from meshimplant.theatre.fixation_places import Suitability
from meshimplant.theatre.place_layout import lay_out_suited, places_between

#: An oval border in steps of 1 mm, nearly.
_FINE = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
_OVAL = np.stack([55.0 * np.cos(_FINE), 35.0 * np.sin(_FINE), 0 * _FINE], axis=1)


def border() -> BorderLine:
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(_OVAL, axis=0), axis=1))])
    points = _OVAL[np.searchsorted(arc, np.arange(0, arc[-1], 1.0))]
    across = points / np.linalg.norm(points, axis=1, keepdims=True)
    outward = np.broadcast_to([0.0, 0.0, 1.0], points.shape)
    return BorderLine(points, outward, across, np.zeros(len(points), bool))


def suitability(line: BorderLine, unsuited: np.ndarray, weak: np.ndarray | None = None) -> Suitability:
    reasons = tuple("thin" if bad else "" for bad in unsuited)
    return Suitability(reasons, np.zeros(len(line.points_mm)) if weak is None else weak)


def gaps_of(line: BorderLine, places: np.ndarray) -> np.ndarray:
    ordered = np.sort(places)
    return np.diff(np.append(ordered, ordered[0] + len(line.points_mm)))


def unlike_mm(line: BorderLine, places: np.ndarray) -> float:
    """Return the farthest that any mirrored place lies from all places."""
    apart = np.linalg.norm(line.mirrored[places][:, None] - line.points_mm[places][None], axis=2)
    return float(apart.min(axis=1).max())


@pytest.mark.parametrize("count", [4, 6, 7])
def test_a_whole_border_gets_an_even_and_symmetric_layout(count):
    line = border()
    layout = lay_out_suited(line, suitability(line, np.zeros(len(line.points_mm), bool)), count)
    assert len(layout.places) == count
    assert np.ptp(gaps_of(line, layout.places)) <= 3
    assert unlike_mm(line, layout.places) <= 2.0


def test_neighbours_give_way_where_a_stretch_is_unsuited():
    line = border()
    bad = (line.points_mm[:, 0] > 25.0) & (line.points_mm[:, 1] > 0)
    layout = lay_out_suited(line, suitability(line, bad), 5)
    assert len(layout.places) == 5
    assert not bad[layout.places].any()
    assert gaps_of(line, layout.places).min() >= 0.6 * len(bad) / 5
    assert gaps_of(line, layout.places).max() <= 1.45 * len(bad) / 5


def test_thick_bone_is_preferred_to_weak_bone_nearby():
    line = border()
    none = np.zeros(len(line.points_mm), bool)
    even = lay_out_suited(line, suitability(line, none), 4).places
    weak = np.zeros(len(none))
    for place in even:
        weak[(place + np.arange(-3, 4)) % len(weak)] = 1.0
    moved = lay_out_suited(line, suitability(line, none, weak), 4).places
    assert weak[even].all()
    assert not weak[moved].any()
    assert unlike_mm(line, moved) <= 9.0


def test_what_does_not_fit_is_left_out_and_gaps_are_filled_from_their_middle():
    line = border()
    bad = line.points_mm[:, 0] < 0
    layout = lay_out_suited(line, suitability(line, bad), 6)
    assert 3 <= len(layout.places) < 6
    assert len(lay_out_suited(line, suitability(line, ~np.zeros(len(bad), bool)), 6).places) == 0
    free = places_between(line, suitability(line, np.zeros(len(bad), bool)), [0, 60], 4)
    total = len(bad)
    assert abs(free[0] - (60 + (total - 60) // 2)) <= 1
    assert np.abs(free[:, None] - [0, 60, total]).min() >= 0.6 * total / 4
