"""interpolate_slices: close to the true shape between slices, on any axis; the input's slices are kept."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from shapes import Body, cap, capsule, grid_around, random_rotation, sample_on, shell, signed_permutations

from meshimplant.errors import InputError
from meshimplant.line.extract import extract
from meshimplant.skull.thick_slices import (
    FINEST_MM,
    MEASURED_MM,
    interpolate_slices,
    reach_voxels,
    slice_parts,
    thick_slices_finding,
)
from meshimplant.voxels.plane_motion import thick_axis
from meshimplant.voxels.volume import Volume

THICK = (0.5, 0.5, 2.5)
FAR_MM = (260.0, -310.0, 150.0)


def _tilted(body: Body) -> Body:
    return body.moved(random_rotation(3), FAR_MM)


@cache
def _bodies() -> dict[str, Body]:
    tilted = capsule((-12, 0, -15), (12, 5, 15), 7.0)
    return {"shell": shell(20, 6), "cylinder": tilted, "cap": _tilted(cap(70, 6, 14)), "far": shell(30, 6)}


def _off_surface_mm(mask: Volume, body: Body) -> NDArray[np.float64]:
    """Distance of the mask's surface to the body's, where the body does not come near the grid's edge."""
    return np.abs(body.distance(np.asarray(extract(mask).vertices)))


def _turned(volume: Volume, axes: tuple[int, ...]) -> Volume:
    affine = volume.affine.copy()
    affine[:, :3] = affine[:, list(axes)]
    return Volume(np.transpose(volume.array, axes), affine)


def _differing(first: Volume, second: Volume) -> float:
    """Return how many voxels differ, as a share of those that are bone."""
    return float(np.count_nonzero(first.array != second.array) / np.count_nonzero(second.array))


@pytest.mark.parametrize(
    ("name", "mean_mm", "p95_mm"), [("shell", 0.15, 0.35), ("cylinder", 0.11, 0.35), ("cap", 0.12, 0.4)]
)
def test_the_interpolated_surface_follows_the_body(name: str, mean_mm: float, p95_mm: float) -> None:
    body = _bodies()[name]
    coarse = body.mask(THICK)
    off = _off_surface_mm(interpolate_slices(coarse), body)
    stairs = _off_surface_mm(coarse, body)
    assert off.mean() < mean_mm
    assert np.percentile(off, 95) < p95_mm
    assert off.mean() < 0.7 * stairs.mean()


@pytest.mark.parametrize("name", ["shell", "cylinder", "cap"])
def test_the_slices_of_the_input_are_kept_and_nothing_is_added_beyond_them(name: str) -> None:
    coarse = _bodies()[name].mask(THICK)
    finer = interpolate_slices(coarse)
    assert slice_parts(coarse) == (1, 1, 5)
    assert finer.array.dtype == np.uint8
    assert np.array_equal(finer.array[:, :, ::5], coarse.array)
    assert finer.shape == (*coarse.shape[:2], 5 * (coarse.shape[2] - 1) + 1)
    for corner in ((0, 0, 0), coarse.shape):
        index = np.maximum(np.array(corner) - 1, 0)
        np.testing.assert_allclose(finer.to_mm(index * (1, 1, 5)), coarse.to_mm(index), atol=1e-9)


def test_the_volume_is_that_of_the_body() -> None:
    body = _bodies()["shell"]
    finer = interpolate_slices(body.mask(THICK))
    assert finer.array.sum() * finer.voxel_volume_mm3 == pytest.approx(body.volume_mm3, rel=0.025)


def test_a_wall_across_the_slices_stays_where_it_is_and_one_along_them_lies_between() -> None:
    array = np.zeros((40, 40, 8), np.uint8)
    array[10:30, 12:28, 2:5] = 1
    finer = interpolate_slices(Volume(array, np.diag([*THICK, 1.0])))
    middle = finer.array[:, :, 10:21]
    changed = np.argwhere((middle != array[:, :, 2:3]).any(axis=2))
    assert {tuple(place) for place in changed} <= {
        (i, j) for i in (10, 29) for j in (12, 27)
    }  # edges, rounded
    upper = int(np.flatnonzero(finer.array[20, 20])[-1])
    assert 20 < upper < 25


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_any_axis_can_be_the_thick_one(axes: tuple[int, ...]) -> None:
    coarse = _bodies()["cap"].mask(THICK)
    wanted = _turned(interpolate_slices(coarse), axes)
    turned = interpolate_slices(_turned(coarse, axes))
    assert thick_axis(_turned(coarse, axes)) == axes.index(2)
    assert _differing(turned, wanted) < 1e-3  # rounding, in another order
    np.testing.assert_allclose(turned.affine, wanted.affine, atol=1e-12)


def test_the_direction_of_the_axes_does_not_matter() -> None:
    for direction in list(signed_permutations())[5::17]:
        body = _bodies()["cylinder"]
        grid = grid_around(body.lower_mm, body.upper_mm, THICK, direction=direction)
        coarse = body.mask(THICK, grid=grid)
        there = interpolate_slices(coarse).reorient("LPS")
        back = interpolate_slices(coarse.reorient("LPS"))
        assert there.same_grid(back)
        assert (
            np.count_nonzero(there.array != back.array) < 1e-3 * back.array.sum()
        )  # ties of equal distances


@pytest.mark.parametrize(
    "spacing",
    [(0.45, 0.45, 0.63), (0.4, 0.4, 1.0), (1.0, 1.0, 1.4), (2.0, 2.0, 2.0), (2.5, 2.5, 0.5), (0.9, 0.6, 1.3)],
)
def test_slices_that_are_not_thick_are_left_alone(spacing: tuple[float, float, float]) -> None:
    mask = Volume(np.eye(5, dtype=np.int16)[:, :, None].repeat(4, axis=2), np.diag([*spacing, 1.0]))
    assert thick_axis(mask) is None
    assert slice_parts(mask) == (1, 1, 1)
    assert interpolate_slices(mask) is mask
    assert thick_slices_finding(mask) is None


@pytest.mark.parametrize("spacing", [(0.45, 0.45, 1.25), (0.45, 0.4, 5.0), (1.0, 1.2, 3.0), (0.2, 0.2, 2.0)])
def test_the_new_slices_are_as_close_to_each_other_as_the_pixels(spacing: tuple[float, float, float]) -> None:
    mask = Volume(np.ones((4, 4, 4), bool), np.diag([*spacing, 1.0]))
    step_mm = interpolate_slices(mask).spacing_mm[2]
    wanted_mm = max(FINEST_MM, (spacing[0] + spacing[1]) / 2)
    assert wanted_mm / 1.5 < step_mm < 1.5 * wanted_mm


def test_bone_in_one_slice_in_none_and_in_all() -> None:
    grid = Volume(np.zeros((6, 6, 3), np.uint8), np.diag([*THICK, 1.0]))
    assert not interpolate_slices(grid).array.any()
    assert interpolate_slices(grid.with_array(grid.array + 1)).array.all()
    one = np.zeros(grid.shape, np.uint8)
    one[2:4, 2:4, 1] = 1
    finer = interpolate_slices(grid.with_array(one)).array
    assert finer[2:4, 2:4, 5].all()
    assert finer[:, :, [0, 10]].sum() == 0


def test_distant_bone_has_no_influence() -> None:
    coarse = _bodies()["far"].mask(THICK)
    whole = interpolate_slices(coarse)
    reach = reach_voxels(coarse)
    part = interpolate_slices(coarse.crop((0, 0, 0), np.array(coarse.shape) // 2 + reach))
    stop = np.array(coarse.shape) // 2 * (1, 1, 5)
    assert _differing(part.crop((0, 0, 0), stop), whole.crop((0, 0, 0), stop)) < 1e-4


def test_the_rim_of_a_sloping_vault_stays_sharp() -> None:
    """A wall across the slices, cut into a roof that slopes: between slices its edge must not be rounded."""
    grid = Volume(np.zeros((60, 100, 9), np.uint8), np.diag([*THICK, 1.0]))

    def roof(points: NDArray[np.float64]) -> NDArray[np.float64]:
        height = (points[..., 2] - 10 + 0.5 * (points[..., 1] - 25)) / np.hypot(1, 0.5)
        return np.minimum(3 - np.abs(height), 15 - points[..., 0])

    coarse = Volume((sample_on(roof, grid) > 0).astype(np.uint8), grid.affine)
    finer = interpolate_slices(coarse)
    truth = sample_on(roof, finer) > 0
    wall = (slice(20, 30), slice(10, 90), slice(6, 35))
    wrong = np.count_nonzero(truth[wall] != finer.array[wall])
    assert wrong < 0.02 * np.count_nonzero(truth[wall])


def test_the_finding_states_the_step_and_warns_beyond_the_validated_range() -> None:
    array = np.ones((4, 4, 4), np.uint8)
    found = thick_slices_finding(Volume(array, np.diag([*THICK, 1.0])))
    assert found is not None
    assert (found.code, found.severity, found.value) == ("input.interpolated_slices", "info", 2.5)
    assert "2.50 mm apart; 4 were interpolated" in found.message
    wide = thick_slices_finding(Volume(array, np.diag([0.5, 0.5, MEASURED_MM + 0.1, 1.0])))
    assert wide is not None
    assert wide.severity == "warning"
    assert wide.limit == MEASURED_MM


def test_a_field_is_refused() -> None:
    field = np.linspace(-1, 1, 64, dtype=np.float32).reshape(4, 4, 4)
    with pytest.raises(
        InputError, match=r"expected a mask .* got .* values from -1 to 1: threshold it at its level"
    ):
        interpolate_slices(Volume(field, np.diag([*THICK, 1.0])))
