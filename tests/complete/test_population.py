"""build_vault_mean: the average of heads is a head, alike left and right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from meshimplant.complete.population import build_vault_mean
from meshimplant.complete.template import VaultMean
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.errors import InputError
from meshimplant.skull.sphere import direction_sphere


@pytest.fixture(scope="module")
def mean() -> VaultMean:
    return build_vault_mean(
        (skull_phantom(spacing_mm=2.0, seed=seed) for seed in (1, 2)), about={"data": "phantoms"}
    )


def test_it_is_finite_everywhere_and_names_its_data(mean) -> None:
    assert np.isfinite(mean.outer_fraction).all()
    assert np.isfinite(mean.thickness_fraction).all()
    assert mean.about == {"data": "phantoms", "skulls": 2}


def test_it_is_symmetric(mean) -> None:
    directions = direction_sphere()[0]
    opposite = cKDTree(directions).query(directions * (-1, 1, 1))[1]
    for values in (mean.outer_fraction, mean.thickness_fraction):
        assert values == pytest.approx(values[opposite], abs=1e-3)


def test_it_is_a_head_around_its_median(mean) -> None:
    directions = direction_sphere()[0]
    top = directions[:, 2] > 0
    assert np.median(mean.outer_fraction[top]) == pytest.approx(1, abs=0.03)
    assert np.median(mean.thickness_fraction[top]) == pytest.approx(1, abs=0.05)
    (left, front), _ = mean.at(np.array([[1.0, 0, 0.2], [0, -1, 0.2]]) / np.sqrt(1.04))
    assert front > 1.1 * left


def test_no_skull_is_refused() -> None:
    with pytest.raises(InputError, match="at least one complete skull"):
        build_vault_mean([], about={})
