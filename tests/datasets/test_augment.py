"""Augmentation: plausible skulls, repeatable, parts that stay parts, deformation to another shape."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest

from meshimplant.datasets.augment import Ranges, apply_warp, augment, draw_warp
from meshimplant.datasets.craniectomy import craniectomy
from meshimplant.datasets.head_shape import fit_aligned_pose, read_head_shape
from meshimplant.datasets.link import link
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.datasets.warp import Warp, thickened, towards
from meshimplant.errors import EmptyMaskError, GeometryError, InputError
from meshimplant.evaluation.metrics import dice
from meshimplant.head.columns import read_columns
from meshimplant.head.latitude_longitude import map_directions
from meshimplant.head.sphere import direction_sphere
from meshimplant.line.extract import mask_distance
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

NOTHING = Ranges(0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def skull(phantom):
    """With air around, so that nothing leaves the grid."""
    return phantom.pad(12)


@pytest.fixture(scope="module")
def shape(phantom, phantom_pose):
    return read_head_shape(phantom, pose=phantom_pose)


@pytest.fixture(scope="module")
def other():
    """Return a head of another size and thickness."""
    return skull_phantom(spacing_mm=2.0, seed=5)


@pytest.fixture(scope="module")
def other_shape(other):
    return read_head_shape(other)


@pytest.fixture(scope="module")
def cut(phantom, phantom_pose):
    """Return a complete skull and its implant, with air around."""
    case = craniectomy(phantom, kind="bilateral", seed=1, pose=phantom_pose)
    return phantom.pad(12), case.truth.pad(12)


def vault(mask, pose):
    """Outer radius and thickness over the vault, in the frame of a pose."""
    directions = direction_sphere()[0][:2562]
    columns = read_columns(mask, pose.centre_mm, directions[directions[:, 2] > 0.1] @ pose.axes)
    return columns.outer_mm, columns.outer_mm - columns.inner_mm


def test_no_change_gives_the_same_bits(skull, shape):
    same = augment(skull, seed=3, shape=shape, ranges=NOTHING)
    np.testing.assert_array_equal(same.array, skull.array)
    assert same.array.dtype == np.uint8
    np.testing.assert_array_equal(same.affine, skull.affine)


def test_all_changes_together_give_one_whole_skull_on_the_same_grid(skull, shape, other_shape):
    seen = []
    for seed in range(4):
        moved = augment(skull, seed=seed, shape=shape, others=[other_shape])
        assert moved.same_grid(skull)
        sizes = np.bincount(cc3d.connected_components(np.array(moved.array), connectivity=26).ravel())[1:]
        assert sizes.max() > 0.998 * sizes.sum()
        pose = fit_aligned_pose(moved)
        outer, thickness = vault(moved, pose)
        assert np.isnan(outer).sum() == 0  # no tear
        assert np.percentile(thickness, 2) > 2.5
        assert 0.6 < np.median(thickness) / np.median(vault(skull, shape.pose)[1]) < 1.5
        seen.append(dice(moved, skull))
    assert max(seen) < 0.9
    assert len({round(value, 6) for value in seen}) == 4


def test_same_seed_same_bits_and_the_input_is_untouched(skull, shape, other_shape):
    before = skull.array.copy()
    first, again, another = (
        augment(skull, seed=seed, shape=shape, others=[other_shape]).array for seed in (8, 8, 9)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != another).any()
    np.testing.assert_array_equal(skull.array, before)


def test_a_turn_and_a_scale_are_what_was_drawn(skull, shape):
    """Against the bone's own voxels, moved one by one."""
    turning = Ranges(20, 4, 0.1, 0.05, 0, 0, 0)
    warp = draw_warp(shape, [], np.random.default_rng(2), turning)
    moved = augment(skull, seed=2, shape=shape, ranges=turning)
    pose = shape.pose
    points = skull.to_mm(np.argwhere(skull.array)[::7])
    there = (warp.matrix @ (pose.axes @ (points - pose.centre_mm).T) + warp.shift_mm[:, None]).T @ pose.axes
    depth = sample(mask_distance(moved), there + pose.centre_mm)
    assert np.isfinite(depth).mean() > 0.98
    assert (depth[np.isfinite(depth)] > -1.2).mean() > 0.99  # 0.6 voxel
    volume = moved.array.sum() / skull.array.sum()
    assert volume == pytest.approx(abs(np.linalg.det(warp.matrix)), rel=0.05)
    np.testing.assert_allclose(warp.pull_back((there + pose.centre_mm).T).T, points, atol=1e-3)


def test_a_mirror_image_is_across_the_heads_own_plane(skull, shape):
    moved = augment(skull, seed=0, shape=shape, ranges=Ranges(0, 0, 0, 0, 1, 0, 0))
    points = shape.pose.mirror_points(skull.to_mm(np.argwhere(skull.array)[::5]))
    index = np.rint(skull.to_index(points)).astype(int)
    assert moved.array[tuple(index.T)].mean() > 0.93
    twice = augment(moved, seed=0, shape=shape, ranges=Ranges(0, 0, 0, 0, 1, 0, 0))
    assert dice(twice, skull) > 0.95


def test_all_the_way_the_vault_has_the_other_heads_surface_and_thickness(skull, shape, other, other_shape):
    inner, outer = towards(shape, other_shape, 1.0)
    (moved,) = apply_warp([skull], Warp(shape, inner, outer, np.eye(3), np.zeros(3)))
    wanted = vault(other, other_shape.pose)
    for now, before, aim, limit in zip(
        vault(moved, shape.pose), vault(skull, shape.pose), wanted, (0.4, 0.6), strict=True
    ):
        assert np.nanmedian(np.abs(now - aim)) < limit
        assert np.nanmedian(np.abs(now - aim)) < 0.7 * np.nanmedian(np.abs(before - aim))
        assert not np.isnan(now).any()


def test_half_way_lies_between(shape, other_shape):
    half, whole = (towards(shape, other_shape, fraction) for fraction in (0.5, 1.0))
    for part, all_, start in zip(half, whole, (shape.inner_mm, shape.outer_mm), strict=True):
        np.testing.assert_allclose(part - start, (all_ - start) / 2, atol=1e-3)
    top = map_directions()[..., 2] > 0.1
    np.testing.assert_allclose(whole[1][top], other_shape.outer_mm[top], atol=1e-3)
    base = map_directions()[..., 2] < -0.5
    assert np.ptp((whole[1] / shape.outer_mm)[base]) < 1e-5


def test_thickness_changes_and_the_outer_surface_stays(skull, shape):
    for factor in (0.75, 1.3):
        inner = thickened(
            shape, shape.inner_mm, shape.outer_mm, np.full_like(shape.inner_mm, np.float32(factor))
        )
        (moved,) = apply_warp([skull], Warp(shape, inner, shape.outer_mm, np.eye(3), np.zeros(3)))
        (outer, thickness), (outer_before, before) = vault(moved, shape.pose), vault(skull, shape.pose)
        assert np.median(thickness / before) == pytest.approx(factor, abs=0.07)
        assert np.median(np.abs(outer - outer_before)) < 0.15
        assert not np.isnan(outer).any()


def test_parts_stay_parts_and_what_was_cut_stays_cut(cut, shape, other_shape):
    complete, implant = cut
    for seed in range(3):
        moved, part = augment(cut, seed=seed, shape=shape, others=[other_shape])
        assert not np.any(part.array & ~moved.array & 1)
        np.testing.assert_array_equal(
            moved.array, augment(complete, seed=seed, shape=shape, others=[other_shape]).array
        )
        assert part.array.sum() / moved.array.sum() == pytest.approx(
            implant.array.sum() / complete.array.sum(), rel=0.25
        )
        sizes = np.bincount(cc3d.connected_components(np.array(part.array), connectivity=26).ravel())[1:]
        assert sizes.max() > 0.99 * sizes.sum()
    same = augment(cut, seed=0, shape=shape, ranges=NOTHING)
    for volume, expected in zip(same, cut, strict=True):
        np.testing.assert_array_equal(volume.array, expected.array)


def test_a_4_mm_sample_is_a_whole_head_with_a_part(cut, shape, other_shape):
    linked = link([cut[0]], spacing_mm=4.0, frame="scanner")[0]
    complete = linked.volume
    implant = linked.bring(cut[1])
    pair = complete, implant.with_array(implant.array & complete.array)
    moved, part = augment(pair, seed=1, shape=shape, others=[other_shape])
    assert 0.7 < moved.array.sum() / complete.array.sum() < 1.4
    assert part.array.any()


def test_any_axes_of_the_grid_give_the_same_skull(skull, shape):
    expected = augment(skull, seed=4, shape=shape).array
    got = augment(skull.reorient("RAI"), seed=4, shape=shape).reorient("LPS").array
    assert np.count_nonzero(got != expected) < 1e-3 * np.count_nonzero(expected)


def test_its_own_shape_is_read_when_not_given_and_a_defect_hardly_matters(cut, shape):
    complete, implant = cut
    rest = complete.with_array(complete.array & ~implant.array & 1)
    found = read_head_shape(rest)
    own = augment(rest, seed=1)
    np.testing.assert_array_equal(own.array, augment(rest, seed=1, shape=found).array)
    top = map_directions()[..., 2] > 0.1
    assert np.percentile(np.abs(found.outer_mm - shape.outer_mm)[top], 90) < 4


def test_refuses_what_is_no_skull_with_parts(skull, shape):
    with pytest.raises(InputError, match="got nothing"):
        augment([], seed=0)
    with pytest.raises(EmptyMaskError):
        augment(skull.with_array(np.zeros_like(skull.array)), seed=0, shape=shape)
    everything = skull.with_array(np.ones_like(skull.array))
    with pytest.raises(InputError, match=r"mask 2 with .* voxels outside"):
        augment((skull, everything), seed=0, shape=shape)
    with pytest.raises(GeometryError):
        augment((skull, Volume(np.ones((3, 3, 3)), np.eye(4))), seed=0, shape=shape)
    with pytest.raises(InputError, match=r"expected scale_fraction of 0 to 0\.5, got 0.9"):
        Ranges(scale_fraction=0.9)


def test_refuses_a_mask_without_a_vault(skull):
    fragment = np.zeros_like(skull.array)
    fragment[40:48, 40:48, 40:48] = 1
    with pytest.raises(InputError, match="expected bone in most directions"):
        read_head_shape(skull.with_array(fragment))


@pytest.mark.realdata
@pytest.mark.slow
def test_a_real_skull_takes_on_another_ones_shape(data_folder):
    from meshimplant.datasets.case import read_case
    from meshimplant.datasets.skullfix import list_skullfix

    chosen = [case for case in list_skullfix(data_folder / "skullfix") if case.name in ("001", "005")]
    skulls = [volume.volume for volume in link([read_case(c).complete for c in chosen], spacing_mm=2.0)]
    shapes = [read_head_shape(skull) for skull in skulls]
    inner, outer = towards(*shapes, 1.0)
    (moved,) = apply_warp(skulls[:1], Warp(shapes[0], inner, outer, np.eye(3), np.zeros(3)))
    aim = vault(skulls[1], shapes[1].pose)[0]
    assert np.nanmedian(np.abs(vault(moved, shapes[0].pose)[0] - aim)) < 0.4
    sizes = np.bincount(cc3d.connected_components(np.array(moved.array), connectivity=26).ravel())[1:]
    assert sizes.max() > 0.995 * sizes.sum()
