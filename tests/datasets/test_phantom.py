"""The phantom is a skull: closed vault, open orbits and nose, thin temples, one body, adult size."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest

from meshimplant.datasets.phantom import skull_phantom
from meshimplant.errors import InputError
from meshimplant.head.columns import read_columns
from meshimplant.voxels.volume import Volume


def upper_half_sphere(count):
    directions = np.random.default_rng(0).normal(size=(count, 3))
    directions[:, 2] = np.abs(directions[:, 2])
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def free_path_mm(skull, start, direction, reach_mm=90.0):
    """How far from `start` one can go along `direction` without meeting bone."""
    steps = np.arange(0, reach_mm, 0.5)
    points = np.asarray(start, float) + steps[:, None] * np.asarray(direction, float) / np.linalg.norm(
        direction
    )
    index = np.rint(skull.to_index(points)).astype(int)
    inside = ((index >= 0) & (index < skull.shape)).all(axis=1)
    bone = np.zeros(len(steps), bool)
    bone[inside] = skull.array[tuple(index[inside].T)] != 0
    return float(steps[bone.argmax()]) if bone.any() else reach_mm


def test_is_one_body_of_adult_size_on_an_lps_grid(phantom):
    assert phantom.array.dtype == np.uint8
    assert set(np.unique(phantom.array)) == {0, 1}
    assert phantom.orientation == "LPS"
    np.testing.assert_allclose(phantom.spacing_mm, 2.0)
    assert cc3d.connected_components(np.array(phantom.array), connectivity=6).max() == 1
    bone_cm3 = phantom.array.sum() * phantom.voxel_volume_mm3 / 1000
    assert 400 < bone_cm3 < 850
    points = phantom.to_mm(np.argwhere(phantom.array))
    vault = points[points[:, 2] > -10]
    assert 165 < np.ptp(vault[:, 1]) < 200  # length without the nose
    assert 125 < np.ptp(vault[:, 0]) < 155
    edge = np.concatenate([np.moveaxis(phantom.array, a, 0)[e].ravel() for a in range(3) for e in (0, -1)])
    assert not edge.any()


@pytest.mark.parametrize("seed", [4, 21])
def test_the_vault_is_closed_and_its_thickness_is_anatomical(seed):
    skull = skull_phantom(spacing_mm=1.5, seed=seed)
    vertex = skull.to_mm(np.argwhere(skull.array))[:, 2].max()
    columns = read_columns(skull, np.array([0.0, 0.0, vertex - 75]), upper_half_sphere(4000))
    assert not columns.missing.any()
    thickness = columns.outer_mm - columns.inner_mm
    assert 4.0 < np.median(thickness) < 10.0
    assert np.percentile(thickness, 95) / np.percentile(thickness, 5) > 1.3

    def thickness_at(azimuth_deg, elevation_deg):
        nearby = np.random.default_rng(1).normal(0, 3, (2, 60))
        azimuth, elevation = np.radians(nearby + np.array([[azimuth_deg], [elevation_deg]]))
        across = np.cos(elevation)
        rays = np.stack([np.sin(azimuth) * across, -np.cos(azimuth) * across, np.sin(elevation)], axis=1)
        hit = read_columns(skull, np.zeros(3), rays)
        return float(np.median(hit.outer_mm - hit.inner_mm))

    assert thickness_at(80, -5) < 0.75 * thickness_at(180, -18)


def test_orbits_nose_and_foramen_magnum_are_open_and_the_forehead_is_not(phantom):
    front = np.array([0.0, 1.0, 0.0])
    for side in (-1, 1):
        assert free_path_mm(phantom, (33 * side, -115, -36), front) > 55  # into the orbit
        assert free_path_mm(phantom, (side * 30, -115, 10), front) < 50
    assert free_path_mm(phantom, (5, -118, -54), front) > 50  # into the nose, beside the septum
    assert free_path_mm(phantom, (0, 24, -30), (0, 0, -1)) == 90  # out of the foramen magnum
    assert free_path_mm(phantom, (0, 60, -20), (0, 0, -1)) < 60


def test_there_are_cheek_arches_with_a_gap_to_the_temple(phantom):
    for side in (-1, 1):
        crossed = []
        for height in np.arange(-62.0, -38.0, 1.0):
            points = np.stack(
                [side * np.arange(90.0, 20.0, -0.5), np.full(140, -30.0), np.full(140, height)], 1
            )
            index = np.rint(phantom.to_index(points)).astype(int)
            index = np.clip(index, 0, np.array(phantom.shape) - 1)
            bone = phantom.array[tuple(index.T)].astype(int)
            crossed.append(np.count_nonzero(np.diff(bone) == 1))
        assert max(crossed) >= 2


def test_left_and_right_differ_by_a_millimetre_or_two(phantom):
    rays = upper_half_sphere(2000)
    right = read_columns(phantom, np.zeros(3), rays).outer_mm
    left = read_columns(phantom, np.zeros(3), rays * (-1, 1, 1)).outer_mm
    assert 0.5 < np.abs(right - left).mean() < 4.0


def overlap(first, second):
    common = np.count_nonzero((first.array != 0) & (second.array != 0))
    return 2 * common / (np.count_nonzero(first.array) + np.count_nonzero(second.array))


def test_a_seed_is_one_head_at_any_spacing_and_seeds_differ(phantom):
    again = skull_phantom(spacing_mm=2.0, seed=4)
    np.testing.assert_array_equal(again.array, phantom.array)
    coarse = skull_phantom(spacing_mm=2.5, seed=4)
    on_fine = coarse.resample_to(phantom)
    assert overlap(phantom.with_array((on_fine.array > 0.5).astype(np.uint8)), phantom) > 0.9
    other = skull_phantom(spacing_mm=2.5, seed=2).resample_to(phantom)
    assert overlap(phantom.with_array((other.array > 0.5).astype(np.uint8)), phantom) < 0.8


def test_tilt_turns_the_head_and_keeps_its_volume():
    straight, turned = (
        skull_phantom(spacing_mm=2.5, seed=4),
        skull_phantom(spacing_mm=2.5, seed=4, tilt_deg=20),
    )
    assert int(turned.array.sum()) == pytest.approx(int(straight.array.sum()), rel=0.01)
    on_straight = turned.resample_to(straight)
    assert overlap(straight.with_array((on_straight.array > 0.5).astype(np.uint8)), straight) < 0.6
    covariance = [
        np.linalg.eigvalsh(np.cov(Volume.to_mm(v, np.argwhere(v.array)).T)) for v in (straight, turned)
    ]
    np.testing.assert_allclose(*covariance, rtol=0.01)


@pytest.mark.parametrize("spacing_mm", [0.1, 5.0, -1.0, float("nan")])
def test_refuses_a_spacing_that_makes_no_skull(spacing_mm):
    with pytest.raises(InputError, match="expected a spacing"):
        skull_phantom(spacing_mm=spacing_mm)
