"""Synthetic heads: a third shape no closer to the mean than its parents, and a skull deformed to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from heads import THICKNESS_MM, shell, shell_store

from meshimplant.complete.models import packaged_mean
from meshimplant.datasets.case import Case
from meshimplant.datasets.head_shape import HeadShape
from meshimplant.head.latitude_longitude import map_directions
from meshimplant.head.pose import identity_pose
from meshimplant.networks.build_training_store import build_store, synthetic_head_names
from meshimplant.networks.head_grid import CLIP_MM, FINE
from meshimplant.networks.synthetic_heads import deform_to_shape, mix_shapes
from meshimplant.networks.training_store import CaseName

VAULT = map_directions()[..., 2] > 0.05
RADIUS_MM = 77.0


def _head(size_mm: float, departure: np.ndarray) -> HeadShape:
    """Return the mean shape with a departure of radius and thickness."""
    usual = packaged_mean().beyond_vault.at(map_directions().reshape(-1, 3))
    outer, thickness = (share.reshape(departure.shape) * (1 + departure) for share in usual)
    outer, thickness = size_mm * outer, THICKNESS_MM * thickness
    return HeadShape(identity_pose(), (outer - thickness).astype(np.float32), outer.astype(np.float32))


def _sphere() -> HeadShape:
    outer = np.full(VAULT.shape, RADIUS_MM, np.float32)
    return HeadShape(identity_pose(), outer - np.float32(THICKNESS_MM), outer)


def _wave(axis: int, times: int) -> np.ndarray:
    return 0.05 * np.sin(times * map_directions()[..., axis])


@pytest.fixture(scope="module")
def heads() -> tuple[HeadShape, HeadShape]:
    return _head(75.0, _wave(0, 7)), _head(83.0, _wave(1, 9))


def test_a_third_head_is_each_of_the_two_at_the_ends(heads) -> None:
    for angle, wanted in zip((0.0, np.pi / 2), heads, strict=True):
        found = mix_shapes(*heads, angle)
        np.testing.assert_allclose(found.outer_mm[VAULT], wanted.outer_mm[VAULT], rtol=1e-5)
        np.testing.assert_allclose(found.inner_mm[VAULT], wanted.inner_mm[VAULT], rtol=1e-5)


def test_half_way_it_departs_from_the_mean_as_far_as_they_do(heads) -> None:
    """Two unlike departures: their average would be 0.71 times as large as either."""

    def departs(head: HeadShape) -> float:
        usual = packaged_mean().beyond_vault.at(map_directions().reshape(-1, 3))[0].reshape(VAULT.shape)
        share = (head.outer_mm / usual)[VAULT]
        return float((share / np.median(share)).std())

    assert departs(mix_shapes(*heads, np.pi / 4)) == pytest.approx(
        np.mean([departs(head) for head in heads]), rel=0.1
    )


def test_a_skull_takes_on_the_shape_and_keeps_true_distances() -> None:
    """A sphere becomes one of another size and thickness, with true distances."""
    wanted = HeadShape(
        identity_pose(), np.full(VAULT.shape, 72.0, np.float32), np.full(VAULT.shape, 80.0, np.float32)
    )
    found = deform_to_shape(shell(RADIUS_MM), _sphere(), wanted)
    radius = np.linalg.norm(FINE.points_mm(), axis=-1)
    truth = np.minimum(80 - radius, radius - 72)
    above = FINE.points_mm()[..., 2] > 10
    assert np.abs(found - truth)[above & (np.abs(truth) < 1)].max() < 0.25
    assert np.percentile(np.abs(found - truth)[above & (np.abs(truth) < 3)], 95) < 0.3
    assert np.abs(found).max() <= CLIP_MM


def test_nothing_changes_where_the_shape_is_its_own() -> None:
    own = np.clip(shell(RADIUS_MM), -CLIP_MM, CLIP_MM)
    near = np.abs(own) < 2.5
    np.testing.assert_allclose(deform_to_shape(own, _sphere(), _sphere())[near], own[near], atol=0.05)


def test_every_skull_gets_as_many_and_another_skulls_share() -> None:
    names = synthetic_head_names(["000", "001", "002"], 5, seed=0)
    assert len(set(names)) == 15
    for skull in ("000", "001", "002"):
        own = [name for name in names if name.skull.startswith(f"{skull}+")]
        assert [name.number for name in own] == [0, 1, 2, 3, 4]
        assert len({name.kind for name in own}) == 5
        assert all(name.skull != f"{skull}+{skull}" for name in own)
    assert (
        names
        == synthetic_head_names(["000", "001", "002"], 5, seed=0)
        != synthetic_head_names(["000", "001", "002"], 5, seed=1)
    )
    assert synthetic_head_names(["000"], 5, seed=0) == ()


def test_new_heads_are_learnt_from_and_never_made_of_skulls_to_choose_by(tmp_path: Path) -> None:
    """The spheres' own defects are there already, so only the new heads are made."""
    folder = shell_store(tmp_path / "store", training=2, tuning=1, excess_mm=1.5).folder
    for path in (folder / "defects").iterdir():
        path.rename(path.with_name(path.name.replace("-0-random", "-0-challenge")))
    cases = [Case(name, Path("none.nrrd"), None) for name in ("000", "001", "002")]
    messages: list[str] = []
    store = build_store(
        cases, folder, data="spheres", tuning=1, defects=1, new_heads=1, progress=messages.append
    )
    made = [case for case in store.cases("training") if "+" in case.skull]
    assert [str(case) for case in made] == messages == ["000+001-0-challenge", "001+000-0-bilateral"]
    assert [case.skull for case in store.cases("tuning")] == ["002"]
    for case in made:
        stored = store.read(case)
        assert (stored.complete != store.read_skull(case.skull.split("+")[0])).any()
        gone = (stored.complete > 0) & (stored.defective <= 0)
        assert 18_000 < np.count_nonzero(gone) < 115_000
        assert (stored.prior[gone] > 0).mean() > 0.8


def test_a_new_heads_name_is_a_cases_name() -> None:
    name = CaseName("000+017", 3, "random_1")
    assert CaseName.of(str(name)) == name
