"""select_columns: intact vault, without the cut wall, face and base."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.complete.trusted_columns import fit_twice, select_columns
from meshimplant.head.columns import Columns
from meshimplant.head.kriging import Prior, Scale
from meshimplant.head.sphere import direction_sphere, is_vault
from meshimplant.skull.defect import Defect, Openings

X, _ = direction_sphere()
FLAT = np.ones(len(X))
AXIS = np.array([0.0, 0.5, 0.866])
ARC_MM = 75.0 * np.arccos(np.clip(X @ AXIS, -1, 1))
HOLE_MM = 20.0


def opening(outer_mm: np.ndarray, thickness_mm: np.ndarray | float = 6.0) -> tuple[Openings, Defect]:
    defect = Defect(np.flatnonzero(ARC_MM < HOLE_MM), AXIS, 1.0, np.zeros(3), True)
    columns = Columns((outer_mm - thickness_mm).astype(np.float32), outer_mm.astype(np.float32))
    return Openings((defect,), (), columns), defect


def test_wall_and_face_are_excluded_and_the_rim_is_doubtful() -> None:
    sure, doubtful = select_columns(*opening(80 * FLAT), FLAT)
    assert ARC_MM[sure].min() > HOLE_MM + 6
    assert ARC_MM[doubtful].min() > HOLE_MM + 3
    assert ARC_MM[doubtful].max() < HOLE_MM + 10
    assert is_vault(X[np.concatenate([sure, doubtful])]).all()
    assert len(sure) > 1500
    assert len(doubtful) > 200


def test_implausible_bone_is_excluded() -> None:
    cheek = X @ np.array([0.97, -0.1, 0.2]) > 0.97
    sure, doubtful = select_columns(*opening(np.where(cheek, 90.0, 80.0)), FLAT)
    assert not cheek[np.concatenate([sure, doubtful])].any()
    whole, _ = select_columns(*opening(80 * FLAT), FLAT)
    assert len(sure) == pytest.approx((~cheek[whole]).sum(), abs=5)


def test_the_vault_of_a_long_head_is_plausible() -> None:
    long = 78 + 14 * X[:, 1] ** 2 - 6 * X[:, 0] ** 2 + 5 * X[:, 1] * X[:, 2]
    round_, _ = select_columns(*opening(80 * FLAT), FLAT)
    np.testing.assert_array_equal(select_columns(*opening(long), FLAT)[0], round_)


def test_columns_too_thick_for_a_vault_are_excluded() -> None:
    ear = X @ np.array([0.9, 0.3, -0.3]) > 0.98
    sure, _ = select_columns(*opening(80 * FLAT, np.where(ear, 30.0, 6.0)), FLAT)
    assert not ear[sure].any()


def test_doubtful_columns_that_disagree_have_no_influence() -> None:
    prior = Prior((Scale(4.0, 0.8, 0.9),), shape_variance=1e3, noise=0.3)
    sure, doubtful = select_columns(*opening(80 * FLAT), FLAT)
    values = np.zeros(len(X))
    values[doubtful[::2]] = 3.0  # cut, but measured as if it were the surface
    fit = fit_twice(prior, values, sure, doubtful)
    assert np.abs(fit.predict(X[ARC_MM < HOLE_MM][::40])).max() < 0.05
