"""Outlines are signed distances of irregular closed curves; walls lean within their limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from meshimplant.datasets.craniectomy_outline import HALF_MM, STEP_MM, draw_outline, plane


def drawn(seed, **options):
    options = {"semi_axes_mm": (45.0, 32.0), "turn_deg": 20.0} | options
    return draw_outline(np.random.default_rng(seed), **options)


@pytest.mark.parametrize("seed", range(6))
def test_is_one_irregular_hole_of_the_asked_size(seed):
    outline = drawn(seed)
    inside = outline.distance_mm > 0
    assert ndimage.label(inside)[1] == 1
    assert ndimage.label(~inside)[1] == 1
    area_mm2 = np.count_nonzero(inside) * STEP_MM**2
    assert 0.85 < area_mm2 / (np.pi * 45 * 32) < 1.5
    across, along = plane()
    radius = np.hypot(across, along)[ndimage.binary_erosion(inside) ^ inside]
    assert radius.min() > 20
    assert radius.max() < 75


@pytest.mark.parametrize("seed", range(3))
def test_is_a_distance_and_walls_lean_within_limits(seed):
    outline = drawn(seed)
    slope = np.hypot(*np.gradient(outline.distance_mm, STEP_MM))
    near = np.abs(outline.distance_mm) < 4
    assert np.median(slope[near]) == pytest.approx(1, abs=0.03)
    assert np.degrees(np.arctan(outline.lean)).max() <= 30.2
    assert np.degrees(np.arctan(outline.lean)).min() >= -15.2
    across, along = np.array([10.0, 44.0]), np.array([5.0, 12.0])
    shallow, deep = (outline.read(across, along, np.full(2, depth)) for depth in (0.0, 5.0))
    index = tuple(np.rint((np.stack([across, along]) + HALF_MM) / STEP_MM).astype(int))
    np.testing.assert_allclose(shallow - deep, 5 * outline.lean[index], atol=1e-4)


def test_the_floor_is_kept_and_seeds_differ():
    across, along = plane()
    outline = drawn(1, within_mm=along + 10)
    assert along[outline.distance_mm > 0].min() > -12
    assert (outline.distance_mm != drawn(1).distance_mm).any()
    assert not np.array_equal(drawn(1).distance_mm > 0, drawn(2).distance_mm > 0)
    np.testing.assert_array_equal(drawn(1).distance_mm, drawn(1).distance_mm)
    assert across.shape == outline.distance_mm.shape
