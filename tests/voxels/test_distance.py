"""Distances inside, outside and from the surface of masks, on any grid."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from shapes import Body, grid_around, oblique, random_rotation, signed_permutations, sphere

from meshimplant.voxels.distance import distance_inside, distance_outside, signed_distance
from meshimplant.voxels.volume import Volume

FINE, EVEN = (0.45, 0.45, 0.63), (1.0, 1.0, 1.0)
CENTRE_MM = (123.4, -251.7, 388.9)
#: Mean depths of shells 1 mm thick around the surface, mm.
DEPTHS_MM = np.arange(-2.5, 3.0, 1.0)


def errors(field: Volume, body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Return the true distance and the error at every voxel within 3 mm of the surface."""
    centres = field.to_mm(np.argwhere(np.ones(field.shape, bool)))
    true = body.distance(centres)
    near = np.abs(true) < 3
    return true[near], (field.array.ravel() - true)[near]


@lru_cache(maxsize=4)
def ball(spacing: tuple[float, float, float], radius_mm: float) -> tuple[np.ndarray, np.ndarray]:
    body = sphere(radius_mm, CENTRE_MM, subdivisions=1)
    grid = grid_around(body.lower_mm - (0.23, 0.37, 0.11), body.upper_mm, spacing)  # no voxel at the centre
    return errors(signed_distance(body.mask(spacing, grid=grid)), body)


@pytest.mark.parametrize("depth_mm", DEPTHS_MM)
@pytest.mark.parametrize(("spacing", "radius_mm"), [(FINE, 20.0), (EVEN, 40.0)], ids=["0.45 mm", "1 mm"])
def test_the_distance_of_a_ball_is_true_in_every_shell(spacing, radius_mm, depth_mm) -> None:
    true, error = ball(spacing, radius_mm)
    shell = error[np.abs(true - depth_mm) <= 0.5]
    assert len(shell) > 5_000
    assert abs(shell.mean()) <= 0.03
    assert shell.std() <= 0.115 * np.mean(spacing)


def test_the_signed_distance_is_positive_inside_and_negative_outside() -> None:
    body = sphere(12.0, CENTRE_MM, subdivisions=1)
    mask = body.mask(0.8)
    field = signed_distance(mask)
    true, _ = errors(field, body)
    centres = mask.to_mm(np.argwhere(np.ones(mask.shape, bool)))
    near = np.abs(body.distance(centres)) < 3
    signs = field.array.ravel()[near] > 0
    clear = np.abs(true) > 0.4
    assert np.array_equal(signs[clear], true[clear] > 0)
    assert signed_distance(mask, smooth_voxels=0).array.max() == pytest.approx(12, abs=0.6)


def test_without_smoothing_the_sign_of_the_distance_is_the_mask() -> None:
    mask = sphere(9.0, subdivisions=1).mask((0.7, 0.9, 1.1))
    assert np.array_equal(signed_distance(mask, smooth_voxels=0).array > 0, mask.array > 0)


def test_the_signed_distance_is_float32_on_the_same_grid_and_leaves_the_mask_unchanged() -> None:
    mask = sphere(9.0, subdivisions=1).mask(1.0, direction=oblique())
    before = mask.array.copy()
    field = signed_distance(mask)
    assert field.array.dtype == np.float32
    assert field.same_grid(mask, tolerance_mm=0)
    assert np.array_equal(mask.array, before)


@pytest.mark.parametrize(
    "direction", [oblique(), random_rotation(3), np.diag([-1.0, 1, 1]) @ random_rotation(5)]
)
def test_oblique_and_mirrored_grids_measure_the_same_ball(direction) -> None:
    body = sphere(15.0, CENTRE_MM, subdivisions=1)
    true, error = errors(signed_distance(body.mask((0.6, 0.6, 0.8), direction=direction)), body)
    assert abs(error.mean()) <= 0.03
    assert error.std() <= 0.1
    assert np.corrcoef(true, error)[0, 1] ** 2 < 0.1


def test_every_axis_order_gives_the_same_field() -> None:
    body = sphere(7.0, (0.3, 0.1, -0.2), subdivisions=1)
    expected = signed_distance(body.mask((0.8, 1.0, 1.2)))
    for axes in signed_permutations():
        turned = expected.reorient(Volume(np.zeros((1, 1, 1)), _affine(axes)).orientation)
        mask = Volume((body.distance(_centres(turned)) > 0).reshape(turned.shape), turned.affine)
        assert np.allclose(signed_distance(mask).array, turned.array, atol=1e-5)


def test_the_edge_of_the_grid_is_not_a_surface() -> None:
    """Bone continues beyond the scan: half a slab is as deep as the whole one."""
    solid = np.zeros((30, 12, 12), np.uint8)
    solid[15:] = 1
    field = signed_distance(Volume(solid, np.eye(4)))
    assert field.array[20, 0, 0] == pytest.approx(field.array[20, 6, 6], abs=1e-5)
    assert np.all(np.diff(field.array[:, 6, 6]) > 0)


@pytest.mark.parametrize("value", [0, 1])
def test_a_mask_of_one_phase_has_a_finite_distance(value) -> None:
    field = signed_distance(Volume(np.full((6, 6, 6), value, np.uint8), np.eye(4)))
    assert np.all(np.sign(field.array) == 2 * value - 1)


def _centres(grid: Volume) -> np.ndarray:
    return grid.to_mm(np.argwhere(np.ones(grid.shape, bool)))


def _affine(axes: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = axes
    return affine


@pytest.mark.parametrize("seed", range(4))
def test_one_transform_of_both_phases_is_bit_for_bit_one_of_each(seed) -> None:
    import edt  # noqa: TID251 (the reference)
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    spacing = rng.uniform(0.3, 1.2, 3)
    noise = ndimage.gaussian_filter(rng.normal(size=rng.integers(9, 40, 3)), 0.5 + seed)
    solid = np.asfortranarray(noise > 0) if seed % 2 else noise > 0
    edge = float(spacing.mean())

    def from_surface(phase: np.ndarray) -> np.ndarray:
        distance = edt.edt(
            np.ascontiguousarray(phase), anisotropy=tuple(spacing.tolist()), black_border=False
        )
        excess = np.maximum(distance / edge, 1) ** np.float32(-0.6) * np.float32(0.5 * edge)
        return np.where(phase, distance - excess, np.float32(0))

    field = signed_distance(Volume(solid, np.diag([*spacing, 1.0])), smooth_voxels=0).array
    assert field.dtype == np.float32
    assert np.array_equal(field, from_surface(solid) - from_surface(~solid))


@pytest.mark.parametrize("value", [0, 1])
def test_distances_on_a_grid_of_one_phase_are_capped_at_a_metre(value) -> None:
    field = signed_distance(Volume(np.full((5, 6, 7), value, np.uint8), np.eye(4))).array
    assert np.abs(field).min() > 990
    assert np.all(field > 0) == bool(value)


@pytest.mark.parametrize("order", ["C", "F"])
def test_distances_run_from_centre_to_centre_in_millimetres(order) -> None:
    mask = np.zeros((7, 6, 5), bool, order=order)
    mask[2:5, 1:4, 1:4] = True
    mask.flags.writeable = False
    inside, outside = distance_inside(mask, (0.5, 1.0, 2.0)), distance_outside(mask, (0.5, 1.0, 2.0))
    assert inside.dtype == outside.dtype == np.float32
    assert inside[3, 2, 2] == pytest.approx(1.0)
    assert outside[6, 2, 2] == pytest.approx(1.0)
    assert outside[6, 5, 2] == pytest.approx(np.hypot(1.0, 2.0))
    assert np.array_equal(inside > 0, mask)
    assert np.array_equal(outside == 0, mask)


def test_the_edge_of_the_array_is_outside_only_on_request() -> None:
    mask = np.ones((6, 9), bool)
    mask[:, 8] = False
    assert distance_inside(mask)[2].tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert distance_inside(mask, edge_is_outside=True).max() == 3
    assert distance_inside(mask, 0.5)[2, 0] == 4.0
