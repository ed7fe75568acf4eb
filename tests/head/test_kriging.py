"""The Gaussian process on the sphere: mirroring, interpolation, and its posterior deviation."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.head import kriging
from meshimplant.head.kriging import Prior, Scale

LEFT = np.array([0.8, 0.1, 0.59]) / np.linalg.norm([0.8, 0.1, 0.59])
RIGHT = LEFT * (-1, 1, 1)
BUMP_MM, WIDTH = 4.0, 0.25
HOLE = 0.65  # chord


def rays(count: int = 1200) -> np.ndarray:
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    across = np.sqrt(1 - height**2)
    return np.stack([across * np.cos(turn), across * np.sin(turn), height], axis=1)


def prior(symmetry: float, *, noise: float = 0.1) -> Prior:
    return Prior((Scale(4.0, 0.3, symmetry),), shape_variance=1.0, noise=noise)


def bump(directions: np.ndarray, *centres: np.ndarray) -> np.ndarray:
    chords = [np.linalg.norm(directions - centre, axis=1) for centre in centres]
    return BUMP_MM * sum(np.exp(-((chord / WIDTH) ** 2)) for chord in chords)


def outside_hole() -> np.ndarray:
    directions = rays()
    return directions[np.linalg.norm(directions - RIGHT, axis=1) > HOLE]


def test_symmetry_carries_a_bump_into_the_hole_on_the_other_side() -> None:
    known = outside_hole()
    fit = kriging.fit(prior(0.98), known, bump(known, LEFT))
    assert fit.predict(RIGHT[None])[0] == pytest.approx(BUMP_MM, rel=0.25)
    hole = rays(4000)
    hole = hole[np.linalg.norm(hole - RIGHT, axis=1) < 0.4]
    error = fit.predict(hole) - bump(hole, RIGHT)
    assert np.sqrt(np.mean(error**2)) < 0.15 * BUMP_MM


def test_without_symmetry_the_hole_stays_flat() -> None:
    known = outside_hole()
    fit = kriging.fit(prior(0.0), known, bump(known, LEFT))
    assert abs(fit.predict(RIGHT[None])[0]) < 0.15 * BUMP_MM


def test_measured_bone_takes_precedence_over_the_mirror_image() -> None:
    """Where both sides are measured and differ, each keeps its own shape."""
    known = rays()
    fit = kriging.fit(prior(0.98, noise=0.05), known, bump(known, LEFT))
    assert fit.predict(LEFT[None])[0] == pytest.approx(BUMP_MM, abs=0.3)
    assert abs(fit.predict(RIGHT[None])[0]) < 0.3


@pytest.mark.parametrize("symmetry", [0.0, 0.9])
def test_measurements_are_reproduced_to_within_their_noise(symmetry) -> None:
    known = outside_hole()
    rng = np.random.default_rng(3)
    clean = bump(known, LEFT) + 2 * known[:, 1] - known[:, 2]
    fit = kriging.fit(prior(symmetry, noise=0.2), known, clean + rng.normal(0, 0.2, len(known)))
    assert np.sqrt(np.mean((fit.predict(known) - clean) ** 2)) < 0.2


def test_an_off_centre_ellipsoid_is_extrapolated() -> None:
    """The mean function contains its terms, so it holds across a hole wider than any length of the prior."""

    def shape(d: np.ndarray) -> np.ndarray:
        return 3 + 2 * d[:, 0] - d[:, 1] + 1.5 * d[:, 0] ** 2 - d[:, 1] * d[:, 2]

    known = outside_hole()
    fit = kriging.fit(Prior((Scale(0.01, 0.3, 0.5),), 1e3, 0.01), known, shape(known))
    assert fit.predict(RIGHT[None]) == pytest.approx(shape(RIGHT[None]), abs=0.02)


def test_the_deviation_is_small_at_measurements_and_grows_away_from_them() -> None:
    known = outside_hole()
    alone = kriging.fit(prior(0.0), known, np.zeros(len(known)))
    at_measurements = alone.deviation(known[::40])
    assert at_measurements.max() < 0.1
    towards_middle = RIGHT + np.linspace(0.64, 0, 6)[:, None] * np.array([0, 1.0, 0])
    towards_middle /= np.linalg.norm(towards_middle, axis=1, keepdims=True)
    assert np.all(np.diff(alone.deviation(towards_middle)) > 0)
    assert alone.deviation(RIGHT[None])[0] > 10 * at_measurements.max()


def test_a_mirror_image_lowers_the_deviation() -> None:
    known = outside_hole()
    alone, mirrored = (kriging.fit(prior(s), known, np.zeros(len(known))) for s in (0.0, 0.95))
    assert mirrored.deviation(RIGHT[None])[0] < 0.6 * alone.deviation(RIGHT[None])[0]


@pytest.mark.parametrize("more", [0, 1, 400])
def test_an_extended_fit_equals_the_fit_to_all_measurements(more) -> None:
    known = outside_hole()
    values = np.stack([bump(known, LEFT), known[:, 2]], axis=1)
    few = len(known) - more
    whole = kriging.fit(prior(0.9), known, values)
    grown = kriging.fit(prior(0.9), known[:few], values[:few, 0]).extended(known[few:], values)
    some = rays(500)
    assert grown.predict(some) == pytest.approx(whole.predict(some), abs=1e-4)
    assert grown.deviation(some) == pytest.approx(whole.deviation(some), abs=1e-4)


@pytest.mark.parametrize("symmetry", [0.0, 0.5, 1.0])
def test_the_covariance_is_symmetric_and_positive(symmetry) -> None:
    some = rays(300)
    gram = prior(symmetry).covariance(some, some)
    assert gram == pytest.approx(gram.T, abs=1e-5)
    assert np.linalg.eigvalsh((gram + gram.T) / 2).min() > -1e-3
