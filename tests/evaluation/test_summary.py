"""Statistics of many cases: failures count, and the defects of one skull are drawn together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from meshimplant.errors import InputError
from meshimplant.evaluation.metrics import Metrics
from meshimplant.evaluation.summary import describe, summarize
from meshimplant.evaluation.surface_errors import SurfaceErrors


def metric(dice=0.9, hausdorff95_mm=1.0, volume_mm3=100.0):
    return Metrics(dice, 0.9, 0.9, 2.0, hausdorff95_mm, 2.0, 1.0, 0.95, 0.1, 0.0, volume_mm3, 100.0)


def surfaces(bias_mm):
    return SurfaceErrors(bias_mm, *[0.5] * 14)


def test_summary_counts_failures_as_failures():
    cases = [metric(0.9, 1.0), None, metric(0.8, 3.0), metric(0.7, 2.0)]
    summary = summarize(cases)
    assert (summary.cases, summary.skulls, summary.failures) == (4, 4, 1)
    overlap, distance = summary.statistics["dice"], summary.statistics["hausdorff95_mm"]
    assert overlap.mean == pytest.approx(0.6)
    assert (overlap.median, overlap.worst, overlap.worst_case) == (pytest.approx(0.75), 0.0, 1)
    assert distance.mean == pytest.approx(2.0)
    assert distance.median == pytest.approx(2.5)
    assert (distance.worst, distance.worst_case) == (np.inf, 1)
    plain = json.loads(json.dumps(summary.to_dict(names="abcd"), allow_nan=False))
    assert plain["statistics"]["hausdorff95_mm"]["worst"] is None
    assert plain["statistics"]["hausdorff95_mm"]["worst_case"] == "b"
    assert "volume_mm3" not in plain["statistics"]


def test_bootstrap_interval_is_seeded_and_has_the_width_that_theory_gives():
    rng = np.random.default_rng(1)
    values = rng.normal(0.9, 0.04, 100)
    cases = [metric(v) for v in values]
    interval = summarize(cases, seed=3).statistics["dice"].mean_interval
    assert interval == summarize(cases, seed=3).statistics["dice"].mean_interval
    assert interval != summarize(cases, seed=4).statistics["dice"].mean_interval
    half = 1.96 * values.std() / 10
    assert interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.2 * half)


def test_cases_of_one_skull_are_drawn_together():
    """Five equal defects in each of 30 heads carry no more information than one does."""
    heads = np.random.default_rng(2).normal(0.9, 0.05, 30)
    names = [f"{head:02d}" for head in range(30)]
    one = summarize([metric(v) for v in heads], skulls=names)
    five = summarize([metric(v) for v in np.repeat(heads, 5)], skulls=np.repeat(names, 5).tolist())
    apart = summarize([metric(v) for v in np.repeat(heads, 5)])
    assert (five.cases, five.skulls, apart.skulls) == (150, 30, 150)
    for name in ("mean", "mean_interval", "median", "median_interval"):
        alone, together = (getattr(s.statistics["dice"], name) for s in (one, five))
        assert together == pytest.approx(alone, abs=1e-12)
    widths = [float(np.ptp(s.statistics["dice"].mean_interval)) for s in (five, apart)]
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(5), rel=0.15)


def test_skulls_with_unequal_numbers_of_defects_are_weighted_by_their_cases():
    """Two skulls, one with three defects: the draws can only give one, the other, or both."""
    found = describe({"x": np.array([0.0, 0.0, 0.0, 1.0])}, clusters=["a", "a", "a", "b"])["x"]
    assert (found.mean, found.median) == (0.25, 0.0)
    assert found.mean_interval == (0.0, 1.0)
    assert found.median_interval == (0.0, 1.0)


@pytest.mark.parametrize("size", [5, 6])
def test_intervals_are_those_of_resampling_done_literally(size):
    values = np.random.default_rng(size).exponential(size=size)
    values[1] = np.inf
    draws = np.random.default_rng(9).integers(0, size, (200, size))
    found = describe({"x": values}, seed=9, resamples=200)["x"]
    means = [row[np.isfinite(row)].mean() if np.isfinite(row).any() else np.inf for row in values[draws]]
    middle = [(size - 1) // 2, size // 2]
    medians = np.sort(values[draws], axis=1)[:, middle].mean(axis=1)
    for interval, samples in ((found.mean_interval, means), (found.median_interval, medians)):
        expected = np.percentile(samples, (2.5, 97.5), method="closest_observation")
        assert interval == pytest.approx(tuple(expected), abs=1e-12)
    assert (found.worst, found.worst_case) == (np.inf, 1)


def test_surface_errors_are_summarised_and_the_worst_bias_is_the_one_farthest_from_0():
    errors = [surfaces(0.4), surfaces(-1.0), surfaces(0.2)]
    summary = summarize([metric()] * 3, surfaces=errors)
    bias = summary.statistics["outer_bias_mm"]
    assert bias.mean == pytest.approx(-0.4 / 3)
    assert (bias.worst, bias.worst_case) == (-1.0, 1)
    assert summary.statistics["rim_protrusion_mm"].worst == 0.5
    failed = summarize([metric(), None], surfaces=[surfaces(0.4), None]).statistics
    assert (failed["outer_bias_mm"].mean, failed["outer_bias_mm"].worst) == (0.4, np.inf)
    assert summarize([None], surfaces=[None]).statistics["outer_bias_mm"].mean == np.inf


def test_a_surface_that_a_truth_does_not_have_is_no_failure():
    summary = summarize([metric()] * 2, surfaces=[surfaces(np.nan), surfaces(0.3)])
    bias = summary.statistics["outer_bias_mm"]
    assert (bias.mean, bias.median, bias.worst, bias.worst_case) == (0.3, 0.3, 0.3, 1)
    nowhere = summarize([metric()], surfaces=[surfaces(np.nan)])
    assert nowhere.statistics["outer_bias_mm"].worst_case is None
    assert nowhere.to_dict(names=["a"])["statistics"]["outer_bias_mm"]["worst"] is None


def test_nothing_and_lists_of_other_lengths_are_refused():
    with pytest.raises(InputError, match="at least one case"):
        summarize([])
    with pytest.raises(InputError, match="expected 2 skulls, got 1"):
        summarize([metric(), metric()], skulls=["a"])
    with pytest.raises(InputError, match="expected 1 surface errors, got 2"):
        summarize([metric()], surfaces=[None, None])
