"""Shape models on points and on images: a head of the population is recovered from a part of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from meshimplant.complete.image_model import ImageModel, read_image_model
from meshimplant.complete.models import read_model
from meshimplant.complete.shape_model import LIMIT, POINTS, ShapeModel, read_shape_model
from meshimplant.errors import FileReadError
from meshimplant.head.mean_vault import FittedVault, VaultMean, flat_vault
from meshimplant.head.sphere import direction_sphere

SIZE_MM, HEADS = 75.0, 12
KINDS = (ShapeModel, ImageModel)
READERS: dict[type, Callable] = {ShapeModel: read_shape_model, ImageModel: read_image_model}
ABOUT = {"data": "made up", "licence": "CC0", "skulls": HEADS}


def head(a: float, b: float, c: float, directions: np.ndarray) -> np.ndarray:
    """Return outer and inner radii of a head: long by `a`, high in front by `b`, thick by `c` deviations."""
    _, y, z = directions.T
    outer = 1 + (0.10 + 0.04 * a) * y**2 - 0.03 * b * y * z
    return np.stack([outer, outer - 0.08 * (1 + 0.15 * c)])


@lru_cache(maxsize=2)
def model(kind: type) -> ShapeModel | ImageModel:
    rng = np.random.default_rng(3)
    vaults = np.array([head(*rng.normal(size=3), direction_sphere()[0][:POINTS]) for _ in range(HEADS)])
    return kind.of(vaults, 6, ABOUT)


def fitted_to(kind: type, outer: np.ndarray, inner: np.ndarray, hole: np.ndarray) -> FittedVault:
    """Fit a model to a head with a hole, in mm."""
    directions, _ = direction_sphere()
    intact = np.flatnonzero(~hole & (directions[:, 2] > -0.4))[::12]
    outer, inner = np.where(hole, np.nan, outer), np.where(hole, np.nan, inner)
    return model(kind).fit(intact, SIZE_MM * outer, SIZE_MM * inner)


def front() -> np.ndarray:
    directions, _ = direction_sphere()
    return directions @ (0.0, -0.8, 0.6) > 0.75


@pytest.mark.parametrize("kind", KINDS)
def test_the_missing_part_of_a_head_is_recovered(kind) -> None:
    directions, _ = direction_sphere()
    outer, inner = head(1.2, -1.0, 0.8, directions)
    fitted = fitted_to(kind, outer, inner, front())
    here = front() & (directions[:, 2] > -0.3)
    scaled = model(kind).mean.fit(
        np.flatnonzero(~here & (directions[:, 2] > -0.4))[::12], 75 * outer, 75 * inner
    )
    error = np.abs(fitted.outer_mm - SIZE_MM * outer)[here]
    assert error.max() < 1.0
    assert error.mean() < 0.5 * np.abs(scaled.outer_mm - SIZE_MM * outer)[here].mean()
    assert fitted.thickness_mm[here] == pytest.approx(SIZE_MM * (outer - inner)[here], abs=0.5)
    assert fitted.residual_mm < 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_of_outliers_has_little_influence_and_coefficients_stay_bounded(kind) -> None:
    directions, _ = direction_sphere()
    outer, inner = head(0.5, 0.5, -0.5, directions)
    bump = directions @ (0.6, 0.0, 0.8) > 0.97
    clean = fitted_to(kind, outer, inner, front())
    bumped = fitted_to(kind, outer + 0.2 * bump, inner + 0.2 * bump, front())
    here = front() & (directions[:, 2] > -0.3)
    assert bumped.outer_mm[here] == pytest.approx(clean.outer_mm[here], abs=0.4)
    wild = fitted_to(kind, *head(30, 0, 0, directions), front())
    assert np.abs(wild.coefficients).max() <= LIMIT + 1e-9
    assert wild.residual_mm > 3 > clean.residual_mm


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_a_head_has_no_influence_on_its_shape(kind) -> None:
    outer, inner = head(0.8, 0.3, 0.2, direction_sphere()[0])
    one, larger = (fitted_to(kind, s * outer, s * inner, front()) for s in (1.0, 1.2))
    assert larger.outer_mm / one.outer_mm == pytest.approx(1.2, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_read_as_it_was_written(kind, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    model(kind).save(path)
    first = path.read_bytes()
    back = read_model(path)
    assert type(back) is kind
    assert back.about == ABOUT
    assert back.modes.shape == model(kind).modes.shape
    assert back.modes == pytest.approx(model(kind).modes, abs=1e-3)
    model(kind).save(path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_a_model_is_the_mean_head(kind) -> None:
    directions, _ = direction_sphere()
    vault = directions[:, 2] > -0.4
    rng = np.random.default_rng(3)
    expected = head(*np.array([rng.normal(size=3) for _ in range(HEADS)]).mean(axis=0), directions)
    assert model(kind).mean.outer_fraction[vault] == pytest.approx(expected[0][vault], abs=0.004)
    assert model(kind).mean.thickness_fraction[vault] == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_or_foreign_file_is_refused(kind, tmp_path: Path) -> None:
    whole, mean = tmp_path / "model.npz", tmp_path / "mean.npz"
    model(kind).save(whole)
    flat_vault().save(mean)
    broken = tmp_path / "broken.npz"
    broken.write_bytes(whole.read_bytes()[:-200])
    for path in (mean, broken):
        with pytest.raises(FileReadError, match=path.name):
            READERS[kind](path)
    with pytest.raises(FileReadError, match="expected a model"):
        read_model(broken)
    assert isinstance(read_model(mean), VaultMean)
