"""Models built from heads: a symmetric mean, and the modes of variation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from meshimplant.complete import population
from meshimplant.complete.image_model import ImageModel
from meshimplant.complete.population import (
    HeadVault,
    build_shape_model,
    build_vault_mean,
    read_head_vault,
    surfaces_of,
)
from meshimplant.complete.shape_model import ShapeModel
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.errors import FileReadError, InputError
from meshimplant.head.mean_vault import VaultMean
from meshimplant.head.sphere import direction_sphere


@pytest.fixture(scope="module")
def heads() -> tuple[HeadVault, ...]:
    return tuple(read_head_vault(skull_phantom(spacing_mm=2.0, seed=seed)) for seed in (1, 2, 3))


@pytest.fixture(scope="module")
def mean(heads) -> VaultMean:
    return build_vault_mean(heads[:2], about={"data": "phantoms"})


@pytest.fixture(scope="module")
def aligned_once() -> Iterator[None]:
    """Align heads once for both kinds of model: it takes most of the time."""
    align = lru_cache(maxsize=1)(partial(population.align_heads, about={"data": "phantoms"}))

    def known(heads: list[HeadVault], *, about: dict[str, str]) -> tuple[VaultMean, tuple[HeadVault, ...]]:
        assert about == {"data": "phantoms"}
        return align(tuple(heads))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(population, "align_heads", known)
        yield


def test_the_mean_is_finite_everywhere_and_names_its_data(mean) -> None:
    assert np.isfinite(mean.outer_fraction).all()
    assert np.isfinite(mean.thickness_fraction).all()
    assert mean.about == {"data": "phantoms", "skulls": 2}


def test_the_mean_is_symmetric(mean) -> None:
    directions = direction_sphere()[0]
    opposite = cKDTree(directions).query(directions * (-1, 1, 1))[1]
    for values in (mean.outer_fraction, mean.thickness_fraction):
        assert values == pytest.approx(values[opposite], abs=1e-3)


def test_the_mean_has_the_proportions_of_a_head(mean) -> None:
    directions = direction_sphere()[0]
    top = directions[:, 2] > 0
    assert np.median(mean.outer_fraction[top]) == pytest.approx(1, abs=0.03)
    assert np.median(mean.thickness_fraction[top]) == pytest.approx(1, abs=0.05)
    (left, front), _ = mean.at(np.array([[1.0, 0, 0.2], [0, -1, 0.2]]) / np.sqrt(1.04))
    assert front > 1.1 * left


def test_no_skull_is_refused() -> None:
    with pytest.raises(InputError, match="at least one complete skull"):
        build_vault_mean([], about={})


@pytest.mark.parametrize(("images", "kind"), [(False, ShapeModel), (True, ImageModel)])
@pytest.mark.usefixtures("aligned_once")
def test_a_shape_model_fits_its_own_heads(heads, images, kind) -> None:
    model = build_shape_model(heads, about={"data": "phantoms"}, modes=4, images=images)
    assert type(model) is kind
    assert model.about == {"data": "phantoms", "skulls": 3}
    assert len(model.modes) == 4
    assert np.isfinite(model.modes).all()
    assert np.isfinite(model.mean.outer_fraction).all()


def test_surfaces_include_their_mirror_images(heads) -> None:
    here, there = surfaces_of(heads[:1])
    directions = direction_sphere()[0][: here.shape[1]]
    opposite = cKDTree(directions).query(directions * (-1, 1, 1))[1]
    vault = directions[:, 2] > 0
    assert np.abs(here[:, vault] - there[:, opposite][:, vault]).max() < 0.01
    assert ((here[0] - here[1])[vault] > 0).all()


def test_a_head_vault_is_read_as_it_was_written(heads, tmp_path: Path) -> None:
    path = tmp_path / "head.npz"
    heads[0].save(path)
    back = read_head_vault(path)
    np.testing.assert_array_equal(back.points_mm, heads[0].points_mm)
    np.testing.assert_array_equal(back.thickness_mm, heads[0].thickness_mm)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FileReadError, match=r"head\.npz"):
        read_head_vault(path)


def test_two_skulls_have_no_modes(heads) -> None:
    with pytest.raises(InputError, match=r"at least three complete skulls .* got 2"):
        build_shape_model(heads[:2], about={})
