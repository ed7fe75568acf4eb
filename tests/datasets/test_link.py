"""Linking: one grid for all, each affine true, thin bone closed, intact bone back to the bit."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from shapes import oblique

from meshimplant.datasets.craniectomy import craniectomy
from meshimplant.datasets.link import link
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.evaluation.metrics import dice
from meshimplant.line.extract import mask_distance
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume


@pytest.fixture(scope="module")
def other():
    """Another head, on a grid of other axes, far from the origin."""
    head = skull_phantom(spacing_mm=2.5, seed=5).reorient("RAS")
    affine = head.affine.copy()
    affine[:3, 3] += (300, -200, 1000)
    return Volume(head.array, affine)


@pytest.fixture(scope="module")
def linked(phantom, other):
    return link([phantom, other], spacing_mm=3.0)


def test_one_grid_holds_all_skulls_and_each_affine_is_true(linked, phantom, other):
    first, second = (item.volume for item in linked)
    assert first.shape == second.shape
    assert all(n % 8 == 0 for n in first.shape)
    for item, skull in zip(linked, (phantom, other), strict=True):
        np.testing.assert_allclose(item.volume.spacing_mm, 3.0)
        assert item.outside_fraction == 0
        bone_mm = item.volume.to_mm(np.argwhere(item.volume.array))
        assert (sample(mask_distance(skull), bone_mm, fill=-9) > -1.3).all()
        assert item.volume.array.sum() * 27 / skull.array.sum() / skull.voxel_volume_mm3 == pytest.approx(
            1, abs=0.15
        )


def test_the_same_index_is_the_same_place_of_every_head(linked):
    """Tops and sides of two heads of unlike size lie alike, whatever grid they came on."""
    boxes = []
    for item in linked:
        index = np.argwhere(item.volume.array)
        half = (np.array(item.volume.shape) - 1) / 2
        assert abs(index[:, 0].mean() - half[0]) < 1.5
        boxes.append((index.min(axis=0), index.max(axis=0)))
    assert np.abs(boxes[0][1] - boxes[1][1]).max() <= 5
    assert dice(linked[0].volume, Volume(linked[1].volume.array, linked[0].volume.affine)) > 0.2


def test_sets_linked_one_after_the_other_share_the_grid(linked, phantom):
    shape = linked[0].volume.shape
    (again,) = link([phantom], spacing_mm=3.0, shape=shape)
    np.testing.assert_array_equal(again.volume.array, linked[0].volume.array)
    (small,) = link([phantom], spacing_mm=3.0, shape=(48, 64, 32))
    assert small.volume.shape == (48, 64, 32)
    assert 0.1 < small.outside_fraction < 0.9
    kept = np.argwhere(small.volume.array)
    assert 2 <= 31 - kept[:, 2].max() <= 10  # the top stays, jaw and neck go


def test_the_scanners_frame_keeps_the_axes(phantom):
    (item,) = link([phantom], spacing_mm=2.5, frame="scanner")
    np.testing.assert_allclose(item.volume.affine[:3, :3], 2.5 * np.eye(3), atol=1e-12)
    assert item.volume.orientation == "LPS"
    assert item.outside_fraction == 0
    bone_mm = item.volume.to_mm(np.argwhere(item.volume.array))
    assert (sample(mask_distance(phantom), bone_mm, fill=-9) > -1.3).all()


@pytest.mark.parametrize("spacing_mm", [2.0, 4.0])
@pytest.mark.parametrize("direction", [np.eye(3), oblique()])
def test_thin_bone_stays_closed(spacing_mm, direction):
    """A sphere of bone 1.2 mm thick, on a fine grid of any direction: inside and outside stay apart."""
    edge, count = 0.6, 100
    affine = np.eye(4)
    affine[:3, :3] = direction * edge
    affine[:3, 3] = affine[:3, :3] @ np.full(3, -(count - 1) / 2)
    grid = Volume(np.zeros((count,) * 3, np.uint8), affine)
    radius = np.linalg.norm(grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1)), axis=-1)
    shell = grid.with_array((np.abs(radius - 24) < 0.6).astype(np.uint8))
    (item,) = link([shell], spacing_mm=spacing_mm, shape=(40, 40, 48), frame="scanner")
    air = cc3d.connected_components((item.volume.array == 0).astype(np.uint8), connectivity=6)
    centre = np.rint(item.volume.to_index((0.0, 0.0, 0.0))).astype(int)
    assert air.max() == 2
    assert air[tuple(centre)] != air[0, 0, 0]
    index = np.argwhere(item.volume.array)
    away = np.abs(np.linalg.norm(item.volume.to_mm(index), axis=1) - 24)
    assert away.max() < 0.8 * spacing_mm


def test_intact_bone_comes_back_to_the_bit_and_the_hole_is_filled(phantom, phantom_pose):
    cut = craniectomy(phantom, kind="bilateral", seed=1, pose=phantom_pose)
    (item,) = link([cut.defective], spacing_mm=2.5)
    prediction = item.bring(phantom)
    completed = item.completed(prediction)
    assert completed.array.dtype == np.uint8
    np.testing.assert_array_equal(completed.affine, phantom.affine)
    np.testing.assert_array_equal(completed.array & cut.defective.array, cut.defective.array)
    found = completed.array & ~cut.defective.array & 1
    assert np.count_nonzero(found & cut.truth.array) > 0.9 * cut.truth.array.sum()
    extra = completed.array & ~phantom.array & 1
    assert (-mask_distance(phantom).array[extra > 0]).max(initial=0) < 2.5
    field = item.completed(mask_distance(prediction))
    assert dice(field, completed) > 0.97
    shares = prediction.with_array(gaussian_filter(prediction.array.astype(np.float32), 0.6))
    assert dice(item.completed(shares), completed) > 0.93
    np.testing.assert_array_equal(item.completed(shares, level=1.1).array, cut.defective.array)


def test_other_volumes_of_the_patient_come_along(linked, phantom):
    item = linked[0]
    ramp = phantom.to_mm(np.moveaxis(np.indices(phantom.shape), 0, -1))[..., 2]
    ct = phantom.with_array(np.where(phantom.array > 0, 1000.0, ramp).astype(np.float32))
    brought = item.bring(ct)
    assert brought.same_grid(item.volume)
    bone = item.volume.array > 0
    assert np.median(brought.array[bone]) > 500 > np.median(brought.array[~bone])
    straight = phantom.with_array(ramp.astype(np.float32))
    index = np.argwhere(bone)
    np.testing.assert_allclose(item.bring(straight).array[bone], item.volume.to_mm(index)[:, 2], atol=0.5)
    empty = phantom.with_array(np.zeros_like(phantom.array))
    assert not item.bring(empty).array.any()


def test_refuses_what_is_no_grid(phantom):
    with pytest.raises(InputError, match=r"expected a spacing of 0\.2 to 10 mm"):
        link([phantom], spacing_mm=0.05)
    with pytest.raises(InputError, match="three counts of voxels"):
        link([phantom], spacing_mm=2.0, shape=(8, 8, 1))
    with pytest.raises(InputError, match="expected the frame head or scanner"):
        link([phantom], spacing_mm=2.0, frame="RAS")
    with pytest.raises(EmptyMaskError):
        link([phantom.with_array(np.zeros_like(phantom.array))], spacing_mm=2.0, frame="scanner")
    assert link([], spacing_mm=2.0) == ()
