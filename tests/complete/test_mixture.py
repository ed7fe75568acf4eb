"""The mixture on a head unlike the population, and the error that is expected in the opening."""

from __future__ import annotations

import numpy as np
import pytest
from left_out_heads import (
    SIZE_MM,
    X,
    long_head,
    opening,
    population,
    random_relief,
    waves,
)

from meshimplant.complete.choose_model import choose_model
from meshimplant.complete.estimate_vault import Estimate, estimate_vault
from meshimplant.complete.expected_error import (
    EXPECTED_WARN_MM,
    expected_error,
    expected_error_findings,
    left_out_report,
)
from meshimplant.complete.mixture import MIXTURE
from meshimplant.head.sphere import is_vault
from meshimplant.skull.defect import Defect

VAULT = is_vault(X)
TOP = np.array([0.0, 0.0, 1.0])


def estimated(head_mm: np.ndarray, *, compare: bool = True, **where: float) -> tuple[Estimate, Defect]:
    openings, defect = opening(head_mm, **where)
    return estimate_vault(openings, defect, population(), compare=compare), defect


def error_mm(estimate: Estimate, defect: Defect, name: str, head_mm: np.ndarray) -> float:
    """Return the RMS error of one model's outer surface in the opening."""
    inside = defect.members[VAULT[defect.members]]
    node = tuple(np.rint(estimate.chart.to_nodes(X[inside])).astype(int))
    found = estimate.outer_mm[estimate.names.index(name)][node]
    return float(np.sqrt(((found - head_mm[inside]) ** 2).mean()))


def test_the_model_is_taken_for_a_head_of_the_population_even_if_it_is_not_symmetric() -> None:
    head = SIZE_MM * (long_head(2.5) + waves()) + 0.8 * X[:, 0]
    estimate, defect = estimated(head)
    name, reason = choose_model(estimate, defect)
    assert name == "ssm"
    assert estimate.weights is None
    assert MIXTURE not in estimate.names
    assert "the shape model fits this head" in reason
    assert error_mm(estimate, defect, "ssm", head) < error_mm(estimate, defect, "mirror", head)


def test_on_a_smooth_symmetric_head_that_the_population_does_not_hold_the_mirror_prevails() -> None:
    """All heads of the population have a relief of 6 % of their size, and this one has none."""
    head = SIZE_MM * long_head(2.0)
    estimate, defect = estimated(head)
    name, reason = choose_model(estimate, defect)
    assert name == MIXTURE == estimate.names[-1]
    assert estimate.weights is not None
    assert sum(estimate.weights.values()) == pytest.approx(1)
    assert estimate.weights["mirror"] > 0.9
    mixed, modes = (error_mm(estimate, defect, one, head) for one in (MIXTURE, "ssm"))
    assert mixed < 0.2 < modes
    report = left_out_report(estimate)
    assert report is not None
    assert f"mirror {100 * estimate.weights['mirror']:.0f} %" in reason
    assert f"ssm {report['ssm']:.2f}" in reason
    assert f"{len(estimate.left_out.places)} places of intact bone" in reason
    assert estimate.thickness_mm[-1] == pytest.approx(estimate.thickness_mm[estimate.names.index("ssm")])


def test_the_mirror_has_no_weight_where_the_opening_crosses_the_midline() -> None:
    estimate, defect = estimated(SIZE_MM * long_head(2.0), axis=TOP, angle=0.5)
    name, reason = choose_model(estimate, defect)
    assert name == MIXTURE
    assert estimate.weights is not None
    assert estimate.weights["mirror"] == 0
    assert sum(estimate.weights.values()) == pytest.approx(1)
    assert "mirror" not in reason


@pytest.mark.parametrize("where", [{}, {"axis": TOP, "angle": 0.5}])
def test_the_expected_error_is_within_a_factor_of_the_true_one(where) -> None:
    true, expected = [], []
    for seed in range(2):
        head = SIZE_MM * (long_head(2) + waves()) + random_relief(seed)
        estimate, defect = estimated(head, **where)
        name, _ = choose_model(estimate, defect)
        true.append(error_mm(estimate, defect, name, head))
        expected.append(expected_error(estimate, name, defect))
    assert 1 / 2.5 < np.mean(expected) / np.mean(true) < 2.5


def test_a_larger_error_is_expected_on_a_rougher_head() -> None:
    smooth, rough = (SIZE_MM * (long_head(2) + waves()) + size * random_relief(0) for size in (0.3, 1.5))
    errors = [expected_error(*_chosen(*estimated(head, angle=0.6))) for head in (smooth, rough)]
    assert errors[0] < errors[1]


def _chosen(estimate: Estimate, defect: Defect) -> tuple[Estimate, str, Defect]:
    return estimate, choose_model(estimate, defect)[0], defect


def test_nothing_is_expected_where_nothing_was_left_out() -> None:
    estimate, defect = estimated(SIZE_MM * long_head(2), compare=False)
    assert estimate.weights is None
    assert left_out_report(estimate) is None
    assert expected_error(estimate, "ssm", defect) is None
    assert choose_model(estimate, defect)[0] == "template"


def test_a_large_expected_error_gives_a_warning() -> None:
    assert expected_error_findings(None) == expected_error_findings(EXPECTED_WARN_MM) == []
    (finding,) = expected_error_findings(EXPECTED_WARN_MM + 0.31)
    assert (finding.code, finding.severity) == ("complete.expected_error", "warning")
    assert (finding.value, finding.limit) == (EXPECTED_WARN_MM + 0.31, EXPECTED_WARN_MM)
    assert "1.8 mm off" in finding.message
