"""Modes: computed from a population, and fitted to a head that is partly unknown and partly wrong."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.complete.modes import fit_modes, principal_modes


def population(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (count, 2, 30) that depart from 1 along two orthogonal patterns, and the patterns."""
    rng = np.random.default_rng(seed)
    line = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    patterns = np.array([np.sin(line) + 0.1, np.cos(3 * line) + 0.1]).reshape(2, 2, 30)
    deviations = rng.normal(size=(count, 2)) * (0.3, 0.1)
    return 1 + np.tensordot(deviations, patterns, axes=1), patterns


def test_modes_are_the_patterns_with_the_length_of_one_deviation() -> None:
    rows, patterns = population(400)
    mean, modes = principal_modes(rows, 2)
    assert mean.shape == (2, 30)
    assert mean == pytest.approx(rows.mean(axis=0))
    for mode, pattern, deviation in zip(modes, patterns, (0.3, 0.1), strict=True):
        size = np.linalg.norm(mode) / np.linalg.norm(pattern)
        assert size == pytest.approx(deviation, rel=0.1)
        assert abs(np.vdot(mode, pattern)) / (np.linalg.norm(mode) * np.linalg.norm(pattern)) > 0.99
        assert mode.sum() > 0


def test_rows_in_another_order_give_the_same_modes() -> None:
    rows, _ = population(30)
    assert principal_modes(rows[::-1], 2)[1] == pytest.approx(principal_modes(rows, 2)[1], abs=1e-12)


def test_there_are_fewer_modes_than_rows() -> None:
    rows, _ = population(4)
    assert len(principal_modes(rows, 20)[1]) == 3


def test_rows_are_reproduced_by_their_modes() -> None:
    rows, _ = population(6)
    mean, modes = principal_modes(rows, 5)
    flat = modes.reshape(5, -1)
    found = (rows - mean).reshape(6, -1) @ np.linalg.pinv(flat)
    assert found @ flat == pytest.approx((rows - mean).reshape(6, -1), abs=1e-9)


def terms(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(500, 4))


def test_a_fit_finds_the_coefficients_despite_outliers() -> None:
    true = np.array([1.0, -2.0, 0.5, 0.0])
    values = terms() @ true
    values[::5] += 40.0
    found = fit_modes(terms(), values, noise=0.1, limit=3, robust=0.3)
    assert found == pytest.approx(true, abs=0.02)


def test_coefficients_stay_within_the_limit() -> None:
    found = fit_modes(terms(), terms() @ np.array([9.0, 0, 0, -9.0]), noise=0.01, limit=3, robust=100)
    assert np.abs(found).max() == pytest.approx(3.0)
    assert (found[0], found[3]) == (pytest.approx(3.0), pytest.approx(-3.0))


def test_without_good_values_the_fit_is_the_mean() -> None:
    found = fit_modes(terms()[:3], terms()[:3] @ np.ones(4), noise=1e3, limit=3, robust=1e3)
    assert np.abs(found).max() < 1e-3
