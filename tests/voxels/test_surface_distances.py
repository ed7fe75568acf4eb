"""Distances between surface voxels: at the array's edge, outside the other mask, exactly at a limit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from meshimplant.voxels.surface_distances import (
    measure_distances,
    nearest_voxels,
    surface_voxels,
    voxels_within,
)

SPACING_MM = np.array([0.5, 0.75, 1.25])


def test_a_surface_is_the_mask_without_its_erosion_also_at_the_edge() -> None:
    mask = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(20, 17, 13)), 1.5) > 0
    assert mask[0].any()
    assert (surface_voxels(mask) == (mask & ~ndimage.binary_erosion(mask))).all()
    full = np.ones((4, 5, 6), bool)
    assert surface_voxels(full).sum() == full.size - 2 * 3 * 4


def test_distances_report_the_nearest_voxel_and_which_voxels_lie_outside() -> None:
    wanted = np.zeros((12, 12, 12), bool)
    wanted[2:10, 2:10, 2:10] = True
    found = np.zeros_like(wanted)
    found[5, 5, 5:12] = True
    out = measure_distances(found, wanted, SPACING_MM)
    assert (out.index == [[5, 5, k] for k in range(5, 12)]).all()
    assert out.beyond.tolist() == [False] * 5 + [True] * 2
    assert out.reach_mm.tolist() == [0, 0, 0, 0, 0, 1.25, 2.5]
    assert out.distance_mm[0] == 3 * 0.5
    assert out.nearest[-1].tolist() == [5, 5, 9]
    offsets = (out.index - out.nearest) * SPACING_MM
    assert np.allclose(np.linalg.norm(offsets, axis=1), out.distance_mm, atol=1e-12)
    assert not measure_distances(wanted, wanted, SPACING_MM).distance_mm.any()


@pytest.mark.parametrize("limit", [1.5, np.nextafter(1.5, 0)])
def test_a_voxel_exactly_at_the_limit_counts_as_within(limit: float) -> None:
    bone = np.zeros((9, 9, 9), bool)
    bone[4, 4, 4] = True
    near = voxels_within(np.ones_like(bone), bone, limit, SPACING_MM)
    index = np.argwhere(np.ones_like(bone))
    exact, _ = nearest_voxels(index, np.array([[4, 4, 4]]), SPACING_MM)
    assert (near.ravel() == (exact <= limit)).all()
    assert near[7, 4, 4] == near[4, 6, 4] == (limit == 1.5)
    assert not voxels_within(near, np.zeros_like(bone), limit, SPACING_MM).any()
