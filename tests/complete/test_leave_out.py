"""leave_out and places_like: errors on bone left out equal those of the regression without that bone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from left_out_heads import (
    SIDE,
    SIZE_MM,
    THICKNESS_MM,
    X,
    long_head,
    opening,
    population,
    random_relief,
)

from meshimplant.complete.estimate_vault import OUTER_PRIOR
from meshimplant.complete.leave_out import LeftOut, leave_out, typical_error
from meshimplant.complete.places import COUNT, PLACES, places_like
from meshimplant.complete.trusted_columns import select_columns
from meshimplant.head import kriging
from meshimplant.head.mean_vault import trimmed_rms
from meshimplant.head.sphere import grow, is_vault

VAULT = is_vault(X)


def compared(outer_mm: np.ndarray, **where: float) -> tuple[LeftOut, np.ndarray]:
    openings, defect = opening(outer_mm, **where)
    sure, _ = select_columns(openings, defect, population()["template"].mean.outer_fraction)
    outer = openings.columns.outer_mm.astype(float)
    found = leave_out(defect, sure, outer, outer - THICKNESS_MM, population(), OUTER_PRIOR)
    assert found is not None
    return found, sure


def test_places_have_the_shape_of_the_opening_and_lie_on_intact_bone() -> None:
    _, defect = opening(SIZE_MM * long_head(0))
    places = places_like(defect, VAULT)
    assert len(places) == PLACES
    assert places[0].middle == pytest.approx(SIDE * (-1, 1, 1))
    size = np.count_nonzero(defect.members < COUNT)
    for place in places:
        assert 0.8 * size < len(place.members) < 1.1 * size
        assert VAULT[place.members].all()
        assert (X[place.members] @ SIDE).max() < np.cos(0.4 + 0.08)
        assert (X[place.members] @ place.middle).min() > np.cos(0.45)


def test_the_mirrored_place_is_left_out_only_where_it_is_intact() -> None:
    _, defect = opening(SIZE_MM * long_head(0))
    other_side = np.cos(0.3) < X @ (SIDE * (-1, 1, 1))
    places = places_like(defect, VAULT & ~other_side)
    assert 0 < len(places) <= PLACES
    assert not other_side[np.concatenate([place.members for place in places])].any()


def test_no_place_is_found_where_no_such_hole_fits() -> None:
    _, defect = opening(SIZE_MM * long_head(0), angle=1.2)
    assert places_like(defect, VAULT) == []
    openings, defect = opening(SIZE_MM * long_head(0), angle=1.2)
    sure, _ = select_columns(openings, defect, np.ones(len(X)))
    outer = openings.columns.outer_mm.astype(float)
    assert leave_out(defect, sure, outer, outer - THICKNESS_MM, population(), OUTER_PRIOR) is None


def test_errors_are_those_of_the_regression_without_the_bone_of_the_place() -> None:
    head = SIZE_MM * long_head(2) + random_relief(1)
    found, sure = compared(head)
    rows, place = sure[sure < 2562], found.places[1]
    hidden = np.zeros(len(X), bool)
    hidden[place.members] = True
    kept = rows[~grow(hidden, 5)[rows]]
    judged = np.intersect1d(rows, place.members)
    modes = population()["ssm"].fit(kept, head, head - THICKNESS_MM)
    directly = kriging.fit(OUTER_PRIOR, X[kept], head[kept] - modes.outer_mm[kept])
    error = modes.outer_mm[judged] + directly.predict(X[judged]) - head[judged]
    assert found.error_mm[found.names.index("ssm"), 1] == pytest.approx(trimmed_rms(error), rel=0.02)
    expected = typical_error(X[judged], directly.deviation(X[judged]))
    assert found.typical_mm[1] == pytest.approx(expected, rel=0.02)


def test_near_places_count_more() -> None:
    found, _ = compared(SIZE_MM * long_head(2))
    angle = np.arccos([place.middle @ SIDE for place in found.places])
    assert np.array_equal(np.argsort(angle), np.argsort(-found.nearness))
    assert found.nearness.sum() == pytest.approx(1)
    doubled = replace(found, error_mm=2 * found.error_mm)
    assert doubled.relative("ssm") == pytest.approx(2 * found.relative("ssm"))
    assert doubled.mean_mm("ssm") == pytest.approx(2 * found.mean_mm("ssm"))


def test_less_is_expected_at_the_top_of_the_vault_than_at_its_edge() -> None:
    deviation = np.ones(1)
    heights = [typical_error(np.array([[np.sqrt(1 - z**2), 0, z]]), deviation) for z in (-0.4, 0.1, 0.8)]
    assert heights[0] > heights[1] > heights[2]
    assert typical_error(X[:1], 2 * deviation) > typical_error(X[:1], deviation)
