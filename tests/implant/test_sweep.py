"""sweep: the depth of moving points in bone, read only where bone can be near."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import oblique, sphere

from meshimplant.implant import sweep as module
from meshimplant.implant.sweep import depths, sweep
from meshimplant.voxels.distance import signed_distance

TRAVEL = np.arange(0, 20.25, 0.5)
AXIS = np.array([0.36, 0.48, 0.8])


@pytest.fixture(scope="module")
def bone():
    return signed_distance(sphere(15).mask((0.7, 0.7, 1.0), direction=oblique(), margin_mm=24))


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(-28, 28, (4000, 3))


def test_it_finds_what_reading_every_step_finds(bone, points) -> None:
    read = np.stack(list(depths(bone, points, AXIS, TRAVEL)))
    penetration, deepest = sweep(bone, points, AXIS, TRAVEL)
    assert np.array_equal(penetration, np.maximum(read.max(axis=1), 0))
    whole = read.max(axis=0)
    near = whole > -3
    assert 0.2 < near.mean() < 0.95
    assert np.array_equal(deepest[near], whole[near])
    assert (deepest <= whole).all()
    assert (deepest[~near] <= -3).all()


def test_points_far_from_bone_are_hardly_read(bone, monkeypatch) -> None:
    counts = []

    def counted(volume, index):
        counts.append(index.shape[1])
        return read(volume, index)

    read = module._read
    monkeypatch.setattr(module, "_read", counted)
    away = 15 + np.random.default_rng(1).uniform(15, 20, (1000, 1))
    sweep(bone, away * AXIS, AXIS, TRAVEL)
    assert len(counts) == len(TRAVEL)
    assert sum(counts) < 0.25 * len(TRAVEL) * len(away)


def test_without_bone_nothing_is_in_the_way(points) -> None:
    penetration, deepest = sweep(None, points, AXIS, TRAVEL)
    assert not penetration.any()
    assert np.isneginf(deepest).all()
