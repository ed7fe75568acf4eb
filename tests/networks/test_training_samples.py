"""Samples: what is cut out of a case, and how a seeded draw changes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from heads import THICKNESS_MM
from scipy.spatial.transform import Rotation

from meshimplant.networks.config import Data
from meshimplant.networks.head_grid import CLIP_MM, COARSE, FINE, take_coarse, unpack_field
from meshimplant.networks.training_config import Training
from meshimplant.networks.training_samples import (
    Augmentation,
    HeadCrop,
    HeadCrops,
    case_for_draw,
    crop_head,
    draw_augmentation,
    make_sample,
)
from meshimplant.networks.training_store import Store

DATA = Data(channels=("defective", "opening", "prior", "mirror", "mean", "top"))
PLAIN = Training(margin_mm=4, outside_weight=0.1)


@pytest.fixture(scope="module")
def piece(spheres: Store) -> HeadCrop:
    return crop_head(spheres, spheres.cases("training")[0], DATA.channels)


def _distance(sample, radius_mm: float) -> np.ndarray:
    depth = radius_mm - np.linalg.norm(sample.grid.points_mm(), axis=-1)
    return np.minimum(depth, THICKNESS_MM - depth)


def _radius(spheres: Store) -> float:
    stored = spheres.read(spheres.cases("training")[0])
    return float(stored.outer_mm[0])


def test_a_piece_is_a_box_of_the_head_with_the_fields_of_the_case(spheres: Store, piece: HeadCrop) -> None:
    stored = spheres.read(spheres.cases("training")[0])
    start = np.rint(np.array(piece.grid.low_mm) - FINE.low_mm).astype(int)
    assert (start % 3 == 0).all()
    box = tuple(slice(a, a + n) for a, n in zip(start, piece.grid.shape, strict=True))
    np.testing.assert_array_equal(piece.fields["complete"], stored.complete[box])
    np.testing.assert_array_equal(piece.fields["mirror"], stored.defective[::-1][box])
    assert piece.grid == FINE.crop(start, start + np.array(piece.grid.shape))


def test_an_unchanged_sample_is_the_case_in_the_networks_unit(spheres: Store, piece: HeadCrop) -> None:
    fine = make_sample(piece, DATA, PLAIN, Augmentation(), coarse=False)
    assert fine.grid == piece.grid
    for name, channel in zip(DATA.channels[:-1], fine.channels, strict=False):
        np.testing.assert_allclose(channel * CLIP_MM, unpack_field(piece.fields[name]), atol=1e-5)
    np.testing.assert_allclose(fine.channels[-1], fine.grid.points_mm()[..., 2] / 100, atol=1e-5)
    near = np.abs(fine.target) < 0.9
    wanted = _distance(fine, _radius(spheres))
    np.testing.assert_allclose(CLIP_MM * fine.target[near], wanted[near], atol=0.06)
    coarse = make_sample(piece, DATA, PLAIN, Augmentation(), coarse=True)
    assert coarse.grid.spacing_mm == COARSE.spacing_mm
    np.testing.assert_array_equal(coarse.channels, take_coarse(fine.channels))


def test_errors_count_in_full_in_the_opening_near_bone_and_little_elsewhere(piece: HeadCrop) -> None:
    sample = make_sample(piece, DATA, PLAIN, Augmentation(), coarse=False)
    opening = CLIP_MM * sample.channels[DATA.channels.index("opening")]
    assert (sample.weight[(opening > 0) & (np.abs(sample.target) < 0.5)] == 1).all()
    assert (sample.weight[opening < -4.1] == np.float32(0.1)).all()


def test_a_flipped_sample_is_the_mirrored_head(piece: HeadCrop) -> None:
    here = make_sample(piece, DATA, PLAIN, Augmentation(), coarse=True)
    there = make_sample(piece, DATA, PLAIN, Augmentation(flip=True), coarse=True)
    np.testing.assert_array_equal(there.target, here.target[::-1])
    points = here.grid.points_mm()[::-1] * np.array([-1, 1, 1], np.float32)
    np.testing.assert_allclose(there.grid.points_mm(), points, atol=1e-4)


@pytest.mark.parametrize("coarse", [False, True])
def test_a_turned_and_sized_sample_is_the_turned_and_sized_head(
    spheres: Store, piece: HeadCrop, coarse: bool
) -> None:
    """A sphere stays one: its centre moves, radius and thickness scale, and distances remain true."""
    turn, size, shift = (
        Rotation.from_rotvec([0.03, -0.05, 0.02]).as_matrix(),
        1.04,
        np.array([1.0, -2.0, 0.5]),
    )
    change = Augmentation(matrix=turn * size, shift_mm=shift)
    sample = make_sample(piece, DATA, PLAIN, change, coarse=coarse)
    middle = np.add(piece.grid.low_mm, np.array(piece.grid.shape) / 2)
    seen = (sample.grid.points_mm() - middle) @ change.matrix.T + shift + middle
    depth = (_radius(spheres) - np.linalg.norm(seen, axis=-1)) / size
    wanted = np.minimum(depth, THICKNESS_MM / size - depth)
    inner = (slice(4, -4),) * 3 if coarse else (slice(12, -12),) * 3
    near = np.zeros(wanted.shape, bool)
    near[inner] = np.abs(wanted[inner]) < 2
    np.testing.assert_allclose(CLIP_MM * sample.target[near], wanted[near], atol=0.12)


def test_a_thickened_sample_has_all_its_bone_thicker_and_the_same_opening(piece: HeadCrop) -> None:
    plain, thick = (
        make_sample(piece, DATA, PLAIN, Augmentation(dilate_mm=mm), coarse=False) for mm in (0.0, 0.3)
    )
    near = np.abs(plain.target) < 0.9
    np.testing.assert_allclose(CLIP_MM * (thick.target - plain.target)[near], 0.3, atol=1e-4)
    place = DATA.channels.index("opening")
    np.testing.assert_array_equal(thick.channels[place], plain.channels[place])


def test_draws_are_seeded_within_their_ranges_and_often_only_mirrored() -> None:
    training = Training(jitter_fraction=0.5, rotation_deg=5, scale_fraction=0.1, shift_mm=3, thickness_mm=1)
    changes = [draw_augmentation(np.random.default_rng([1, n]), training) for n in range(300)]
    again = draw_augmentation(np.random.default_rng([1, 7]), training)
    np.testing.assert_array_equal(again.matrix, changes[7].matrix)
    plain = [np.array_equal(change.matrix, np.eye(3)) for change in changes]
    assert 0.4 < np.mean(plain) < 0.6
    assert 0.4 < np.mean([change.flip for change in changes]) < 0.6
    sizes = [np.cbrt(np.linalg.det(change.matrix)) for change in changes]
    assert 0.9 <= min(sizes) < 0.92
    assert 1.08 < max(sizes) <= 1.1
    turns = [
        Rotation.from_matrix(change.matrix / size).magnitude()
        for change, size in zip(changes, sizes, strict=True)
    ]
    assert np.radians(4.5) < max(turns) <= np.radians(5) + 1e-9
    assert max(np.abs(change.shift_mm).max() for change in changes) <= 3
    assert 0.45 < max(abs(change.dilate_mm) for change in changes) <= 0.5


def test_with_every_range_off_a_sample_is_only_mirrored() -> None:
    training = replace(Training(), jitter_fraction=0.0, thickness_mm=0.0)
    change = draw_augmentation(np.random.default_rng(0), training)
    np.testing.assert_array_equal(change.matrix, np.eye(3))
    assert not change.shift_mm.any()
    assert change.dilate_mm == 0


def test_every_case_comes_once_before_any_comes_again(spheres: Store) -> None:
    cases = spheres.cases("training")
    rounds = [[case_for_draw(cases, 3, number) for number in range(start, start + 4)] for start in (0, 4, 8)]
    assert all(sorted(map(str, one)) == sorted(map(str, cases)) for one in rounds)
    assert len({tuple(map(str, one)) for one in rounds}) > 1


def test_pieces_that_do_not_fit_the_memory_are_read_again(spheres: Store) -> None:
    cases = spheres.cases("training")
    pieces = HeadCrops(spheres, ("defective", "opening", "prior"), limit_bytes=1)
    first = pieces[cases[0]]
    assert pieces[cases[0]] is first
    assert pieces[cases[1]] is not first
    assert pieces[cases[0]] is not first
    np.testing.assert_array_equal(pieces[cases[0]].fields["prior"], first.fields["prior"])


def test_a_completion_goes_astray_in_the_opening_alone_and_the_more_the_farther_from_its_rim(
    piece: HeadCrop,
) -> None:
    plain, off = (
        make_sample(piece, DATA, PLAIN, Augmentation(astray_mm=np.array(mm)), coarse=False)
        for mm in ((0.0, 0.0, 0.0, 0.0), (0.4, 0.0, 0.0, 0.2))
    )
    names = DATA.channels
    moved = CLIP_MM * (off.channels - plain.channels)[names.index("prior")]
    opening = CLIP_MM * plain.channels[names.index("opening")]
    seen = np.abs(plain.channels[names.index("prior")]) < 0.9
    assert (moved[opening <= 0] == 0).all()
    upwards = np.broadcast_to(np.linspace(-0.2, 0.2, moved.shape[2]), moved.shape)
    deep = seen & (opening > 7.9)
    np.testing.assert_allclose(moved[deep], (0.4 + upwards)[deep], atol=0.02)
    half = seen & (np.abs(opening - 4) < 0.1)
    np.testing.assert_allclose(moved[half], (0.2 + 0.5 * upwards)[half], atol=0.02)
    others = [place for place, name in enumerate(names) if name != "prior"]
    np.testing.assert_array_equal(off.channels[others], plain.channels[others])
    np.testing.assert_array_equal(off.target, plain.target)
