"""interpolate_thick: between thick slices a leaning wall is where it truly is, as dense as in the slices."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.voxels.plane_motion import MovingPlanes, interpolate_thick, interpolated_grid, thick_axis
from meshimplant.voxels.volume import Volume

STEP_MM, PIXEL_MM = 6.0, 0.8
BRAIN, BONE = 40.0, 1200.0


def _wall(z_mm: np.ndarray, *, lean: float, thick_mm: float = 6.0) -> np.ndarray:
    """Return sections (z, i, j) of a bent wall of bone that moves by `lean` mm for each mm upwards."""
    i, j = np.indices((90, 70)) * PIXEL_MM
    middle = 20 + lean * z_mm[:, None, None] + 0.004 * (j - 28) ** 2
    depth = thick_mm / 2 - np.abs(i - middle)
    return BRAIN + (BONE - BRAIN) * np.clip(depth / 1.2 + 0.5, 0, 1)


def _slices(z_mm: np.ndarray, *, lean: float) -> np.ndarray:
    """Return slices (z, i, j) as a scanner shows them: each the mean over its thickness."""
    parts = (np.arange(24) + 0.5) / 24 * STEP_MM - STEP_MM / 2
    return np.stack([_wall(z + parts, lean=lean).mean(axis=0) for z in z_mm])


def _scan(lean: float) -> Volume:
    planes = _slices(np.arange(4) * STEP_MM, lean=lean)
    return Volume(np.moveaxis(planes, 0, 2).astype(np.float32), np.diag([PIXEL_MM, PIXEL_MM, STEP_MM, 1.0]))


@pytest.mark.parametrize("lean", [0.7, 1.0, 1.5])
def test_a_leaning_wall_moves_from_slice_to_slice(lean):
    ct = _scan(lean)
    finer = interpolate_thick(ct)
    within = (slice(6, -6), slice(6, -6))
    truth = _slices(np.array([1.5, 2.5]) * STEP_MM, lean=lean)
    for number, true in zip((1, 2), truth, strict=True):
        between = finer.array[..., 6 * number + 3]
        averaged = ct.array[..., number : number + 2].mean(axis=-1)
        off, terraced = (np.abs(plane - true)[within] for plane in (between, averaged))
        assert off.max() < 0.12 * (BONE - BRAIN)
        assert off.max() < 0.3 * terraced.max()


def test_the_slices_are_kept_and_the_grid_is_told_in_advance():
    ct = _scan(1.0)
    finer = interpolate_thick(ct)
    np.testing.assert_array_equal(finer.array[..., ::6], ct.array)
    assert finer.array.dtype == np.float32
    assert interpolated_grid(ct.grid).same_grid(finer)
    assert thick_axis(finer) is None
    np.testing.assert_allclose(finer.to_mm((3, 4, 6)), ct.to_mm((3, 4, 1)))
    assert interpolate_thick(finer) is finer


@pytest.mark.parametrize("axes", [(2, 0, 1), (1, 2, 0)])
def test_any_axis_can_be_the_thick_one(axes):
    ct = _scan(1.0)
    affine = ct.affine.copy()
    affine[:, :3] = affine[:, list(axes)]
    turned = interpolate_thick(Volume(np.transpose(ct.array, axes), affine))
    np.testing.assert_allclose(turned.array, np.transpose(interpolate_thick(ct).array, axes), atol=0.5)


def test_up_and_down_give_the_same_slices():
    ct = _scan(1.0)
    down = interpolate_thick(Volume(ct.array[..., ::-1], ct.affine)).array[..., ::-1]
    np.testing.assert_allclose(down, interpolate_thick(ct).array, atol=1.0)


def test_bone_that_ends_between_slices_and_noise_do_not_move():
    noise = np.random.default_rng(3).normal(BRAIN, 15, (2, 90, 70)).astype(np.float32)
    pixel_mm = np.array([PIXEL_MM, PIXEL_MM])
    assert np.abs(MovingPlanes.of(*noise, pixel_mm, STEP_MM).motion).max() < 0.5
    block = np.full((90, 70), BRAIN, np.float32)
    block[30:60, 20:50] = BONE
    pair = MovingPlanes.of(block, np.full_like(block, BRAIN), pixel_mm, STEP_MM)
    middle = pair.between(0.5)[38:52, 28:42]
    np.testing.assert_allclose(middle, (BONE + BRAIN) / 2, atol=1.0)
