"""The craniectomies of clinics on the phantom: where they lie, how far they reach, what they spare, edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from meshimplant.datasets.craniectomy import Craniectomy, craniectomy
from meshimplant.datasets.craniectomy_landmarks import Landmarks, read_landmarks
from meshimplant.datasets.craniectomy_margin import draw_margin
from meshimplant.datasets.craniectomy_outline import plane
from meshimplant.datasets.kinds import CLINICAL
from meshimplant.errors import InputError
from meshimplant.head.braincase import fit_braincase
from meshimplant.head.columns import read_columns

SEEDS = (1, 2)


@pytest.fixture(scope="module")
def frame(phantom, phantom_pose):
    return fit_braincase(phantom, pose=phantom_pose)


@pytest.fixture(scope="module")
def cuts(phantom, phantom_pose) -> dict[tuple[str, int], Craniectomy]:
    return {
        (kind, seed): craniectomy(phantom, kind=kind, seed=seed, pose=phantom_pose)
        for kind in CLINICAL
        for seed in SEEDS
    }


def truth_points(cut: Craniectomy, frame) -> np.ndarray:
    """Voxels of the truth, mm to the left, back and up from the braincase's centre."""
    return frame.to_local(cut.truth.to_mm(np.argwhere(cut.truth.array)))


def landmarks(cut: Craniectomy, phantom, frame) -> Landmarks:
    return read_landmarks(phantom, frame, np.sign(frame.to_local(cut.centre_mm)[0]))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hemicraniectomy_is_long_and_reaches_the_temporal_base(phantom, frame, cuts, seed):
    cut = cuts["hemicraniectomy", seed]
    points = truth_points(cut, frame)
    hull = points[ConvexHull(points).vertices]
    assert 110 <= pdist(hull).max() <= 152
    head = landmarks(cut, phantom, frame)
    lowest = np.percentile(points[np.abs(points[:, 1] + 20) < 15, 2], 0.5)
    assert 0 <= lowest - head.temporal_floor_mm <= 10
    assert (head.side * points[:, 0]).min() > 9, "the sagittal sinus is spared"
    assert np.ptp(points[:, 2]) > 80


@pytest.mark.parametrize("kind", ["hemicraniectomy", "pterional"])
def test_the_ridge_of_the_sphenoid_is_bitten_away(phantom, frame, cuts, kind):
    """Seen from the head's centre, the bone at the pterion is gone; the cheek bone's arch is still there."""
    cut = cuts[kind, SEEDS[0]]
    side = landmarks(cut, phantom, frame).side
    ridge = np.array([(side * x, -42.0, z) for x in (56, 58) for z in (-14.0, -18.0, -22.0)])
    rays = ridge / np.linalg.norm(ridge, axis=1, keepdims=True) @ frame.axes
    assert not read_columns(phantom, frame.centre_mm, rays).missing.any()
    assert read_columns(cut.defective, frame.centre_mm, rays).missing.mean() > 0.6
    arch = truth_points(cut, frame)
    assert not np.any((side * arch[:, 0] > 54) & (arch[:, 2] < -40) & (arch[:, 1] < -30))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bifrontal_opening_crosses_the_midline_and_spares_the_brow(phantom, frame, cuts, seed):
    points = truth_points(cuts["bifrontal", seed], frame)
    assert points[:, 0].min() < -45
    assert points[:, 0].max() > 45
    brow = read_landmarks(phantom, frame, 1).brow_mm
    in_front = points[(points[:, 1] < -65), 2]
    assert 0 < in_front.min() - brow < 14
    assert points[:, 1].max() < 20


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pterional_opening_lies_at_the_temple(phantom, frame, cuts, seed):
    cut = cuts["pterional", seed]
    side, back, up = frame.to_local(cut.centre_mm)
    assert abs(side) > 45
    assert -50 < back < -15
    assert -20 < up < 20
    points = truth_points(cut, frame)
    assert 55 < np.ptp(points[:, 1]) < 105
    assert points[:, 2].min() > landmarks(cut, phantom, frame).temporal_floor_mm


@pytest.mark.parametrize("seed", SEEDS)
def test_a_suboccipital_opening_leaves_the_rim_of_the_foramen(phantom, frame, cuts, seed):
    cut = cuts["suboccipital", seed]
    points = truth_points(cut, frame)
    assert abs(points[:, 0].mean()) < 15
    assert points[:, 1].min() > 20
    assert points[:, 2].max() < -5
    middle = points[np.abs(points[:, 0]) < 10]
    lowest_deg = np.degrees(np.arctan2(middle[:, 2], middle[:, 1])).min()
    assert lowest_deg > read_landmarks(phantom, frame, 1).opisthion_deg + 2


@pytest.mark.parametrize("seed", SEEDS)
def test_an_orbitofrontal_opening_takes_rim_and_roof(phantom, frame, cuts, seed):
    cut = cuts["orbitofrontal", seed]
    head = landmarks(cut, phantom, frame)
    across = head.side * np.arange(26.0, 38.0, 2.0)
    heights = np.arange(head.brow_mm - 6, 0.0, 1.0)
    for back in (np.arange(-92.0, -76.0), np.arange(-74.0, -66.0)):  # the rim, and the front of the roof
        places = np.stack(np.meshgrid(across, back, heights, indexing="ij"), axis=-1).reshape(-1, 3)
        index = tuple(np.rint(phantom.to_index(frame.to_mm(places))).astype(int).T)
        before, after = (np.count_nonzero(volume.array[index]) for volume in (phantom, cut.defective))
        assert after < 0.5 * before
    assert (head.side * truth_points(cut, frame)[:, 0]).min() > 8, "the other half and the nose are spared"


@pytest.mark.parametrize("kind", CLINICAL)
def test_walls_lean_both_ways_and_margins_are_thinned(phantom, frame, cuts, kind):
    """On some rays at the margin only the inner table is left, on others only the outer one."""
    cut = cuts[kind, SEEDS[0]]
    points = truth_points(cut, frame)
    rays = points / np.linalg.norm(points, axis=1, keepdims=True)
    before = read_columns(phantom, frame.centre_mm, rays @ frame.axes)
    after = read_columns(cut.defective, frame.centre_mm, rays @ frame.axes)
    partly = ~after.missing & ((before.outer_mm - before.inner_mm) < 15)
    inner_left = partly & (before.outer_mm - after.outer_mm > 2) & (after.inner_mm - before.inner_mm < 1)
    outer_left = partly & (after.inner_mm - before.inner_mm > 2) & (before.outer_mm - after.outer_mm < 1)
    assert np.count_nonzero(inner_left) > 10
    assert np.count_nonzero(outer_left) > 10


def test_a_margin_has_bevels_both_ways_bites_and_thinned_bone() -> None:
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    corners = 40.0 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    whole = np.ones_like(plane()[0])
    margin = draw_margin(np.random.default_rng(3), corners, burrs=(2, 6), bitten=(7, 1), within_mm=whole)
    lean = margin.outline.lean
    assert 0.25 < lean.max() <= 0.58
    assert -0.40 <= lean.min() < -0.15
    radius = np.hypot(*plane())
    reach = np.array([
        radius[(margin.outline.distance_mm > 0) & (np.abs(np.arctan2(*plane()[::-1]) - at) < 0.05)].max()
        for at in np.linspace(-3.0, 3.0, 61)
    ])  # fmt: skip
    bitten = np.abs(np.linspace(-3.0, 3.0, 61)) < 0.7
    assert reach[bitten].mean() > reach[~bitten].mean() + 1
    assert np.abs(np.diff(reach[bitten])).mean() > 0.3, "bites are rugged"
    assert 0.4 < margin.thinned.max() < 0.75
    assert -0.75 < margin.thinned.min() < -0.4
    assert np.all(margin.thinned[margin.outline.distance_mm > 0] == 0)


def test_nothing_is_opened_where_the_surgeon_spares_the_bone() -> None:
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    corners = 40.0 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    across, _ = plane()
    margin = draw_margin(
        np.random.default_rng(3), corners, burrs=(2, 6), bitten=(7, 1), within_mm=across + 10
    )
    assert margin.outline.distance_mm[across < -12].max() < 0
    assert np.all(margin.thinned[across < -12] == 0)


def test_is_repeatable(phantom, phantom_pose, cuts):
    again = craniectomy(phantom, kind="pterional", seed=SEEDS[0], pose=phantom_pose).truth
    np.testing.assert_array_equal(again.array, cuts["pterional", SEEDS[0]].truth.array)


@pytest.mark.parametrize("kind", CLINICAL)
def test_is_the_same_on_another_grid(phantom, phantom_pose, cuts, kind):
    expected = cuts[kind, SEEDS[0]].truth.array
    turned = craniectomy(phantom.reorient("SPL"), kind=kind, seed=SEEDS[0], pose=phantom_pose).truth
    assert np.count_nonzero(turned.reorient("LPS").array != expected) < 0.01 * np.count_nonzero(expected)


def test_a_scan_that_ends_above_the_place_is_refused(phantom, phantom_pose):
    cropped = np.array(phantom.array)
    cropped[..., : int(phantom.to_index((0, 0, -32))[2])] = 0
    with pytest.raises(InputError, match="occipital bone down to the foramen magnum"):
        craniectomy(phantom.with_array(cropped), kind="suboccipital", pose=phantom_pose)
    cropped[..., : int(phantom.to_index((0, 0, -8))[2])] = 0
    with pytest.raises(InputError, match="temple"):
        craniectomy(phantom.with_array(cropped), kind="hemicraniectomy", pose=phantom_pose)
