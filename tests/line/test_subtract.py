"""subtract gives the missing bone with sub-voxel accuracy, from masks, probabilities and distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from shapes import box, oblique, random_rotation, skull_with_hole

from meshimplant.errors import EmptyMaskError, GeometryError, NoDefectError
from meshimplant.line.extract import extract
from meshimplant.line.subtract import Difference, subtract
from meshimplant.voxels.volume import Volume

SPACING = (1.0, 1.0, 1.2)
COMPLETE, DEFECTIVE, IMPLANT = skull_with_hole(60, 6, 32)


@pytest.fixture(scope="module", params=["straight", "oblique"])
def case(request):
    grid = COMPLETE.grid(SPACING, direction=oblique() if request.param == "oblique" else None)
    return grid, DEFECTIVE.mask(SPACING, grid=grid)


def main_body(field: Volume):
    return max(extract(field).split(only_watertight=False), key=lambda part: part.volume)


def sigmoid(field: Volume, width_mm: float) -> Volume:
    return Volume(
        (1 / (1 + np.exp(-np.clip(field.array / width_mm, -9, 9)))).astype(np.float32), field.affine
    )


def other_grid() -> Volume:
    return COMPLETE.grid(1.3, direction=random_rotation(4))


COMPLETIONS = {
    "mask": (lambda grid: COMPLETE.mask(SPACING, grid=grid), 0.20),
    "bool": (lambda grid: Volume(COMPLETE.mask(SPACING, grid=grid).array > 0, grid.affine), 0.20),
    "distance": (lambda grid: COMPLETE.field(SPACING, grid=grid), 0.01),
    "distance in voxels": (
        lambda grid: Volume(COMPLETE.field(SPACING, grid=grid).array * np.float32(3), grid.affine),
        0.01,
    ),
    "probability": (lambda grid: sigmoid(COMPLETE.field(SPACING, grid=grid), 0.5), 0.06),
    "mask elsewhere": (lambda _: COMPLETE.mask(1.3, grid=other_grid()), 0.20),
    "distance elsewhere": (lambda _: COMPLETE.field(1.3, grid=other_grid()), 0.02),
    "probability elsewhere": (lambda _: sigmoid(COMPLETE.field(1.3, grid=other_grid()), 0.6), 0.06),
    "implant alone": (lambda grid: IMPLANT.mask(SPACING, grid=grid), 0.20),
    "implant probability": (lambda grid: sigmoid(IMPLANT.field(SPACING, grid=grid), 0.5), 0.06),
}


@pytest.mark.parametrize("kind", COMPLETIONS)
def test_both_surfaces_keep_their_sub_voxel_position(case, kind) -> None:
    grid, defective = case
    make, tolerance_mm = COMPLETIONS[kind]
    field = subtract(make(grid), defective)
    assert field.array.dtype == np.float32
    body = main_body(field)
    assert body.is_watertight
    assert body.volume == pytest.approx(IMPLANT.volume_mm3, rel=0.02)
    radius = np.linalg.norm(body.vertices, axis=1)
    polar = np.degrees(np.arccos(body.vertices[:, 2] / radius))
    flank = polar < 28
    off = np.where(radius > 57, radius - 60, radius - 54)[flank]
    assert np.sqrt(np.mean(off**2)) < tolerance_mm
    assert np.abs(IMPLANT.distance(body.vertices)).max() < 1.0


def test_the_result_is_a_small_box_of_the_defective_grid(case) -> None:
    grid, defective = case
    field = subtract(COMPLETE.mask(SPACING, grid=grid), defective)
    corner = grid.to_index(field.affine[:3, 3])
    assert corner == pytest.approx(np.rint(corner), abs=1e-6)
    assert field.array.size < 0.3 * grid.array.size
    assert field.paste_into(grid, fill=-10).array.shape == grid.shape


def test_a_crop_of_the_grid_gives_the_same_result(case) -> None:
    grid, defective = case
    whole = COMPLETE.field(SPACING, grid=grid)
    index = grid.to_index([0, 0, 57])
    part = whole.crop(index - 45, index + 45)
    expected, got = main_body(subtract(whole, defective)), main_body(subtract(part, defective))
    assert got.volume == pytest.approx(expected.volume, rel=1e-3)
    assert got.bounds == pytest.approx(expected.bounds, abs=1e-3)


def test_no_film_where_the_two_share_a_surface(case) -> None:
    grid, defective = case
    mesh = extract(subtract(COMPLETE.mask(SPACING, grid=grid), defective))
    assert len(mesh.split(only_watertight=False)) == 1


def test_volumes_far_apart_are_refused(case) -> None:
    _, defective = case
    moved = box((20, 20, 20), (500, 0, 0)).mask(1.0)
    with pytest.raises(GeometryError, match="bring both into one frame"):
        subtract(moved, defective)


def test_the_defective_skull_itself_is_refused(case) -> None:
    _, defective = case
    with pytest.raises(NoDefectError, match="got the defective skull itself"):
        subtract(defective, defective)


def test_a_body_inside_the_bone_is_refused() -> None:
    bone = box((30, 30, 30)).mask(1.0)
    inner = box((10, 10, 10)).mask(1.0, grid=bone)
    with pytest.raises(EmptyMaskError, match="wholly inside the bone"):
        subtract(inner, bone)


def test_an_empty_completion_is_refused(case) -> None:
    grid, defective = case
    with pytest.raises(EmptyMaskError):
        subtract(grid, defective)


@pytest.mark.parametrize("kind", COMPLETIONS)
def test_the_voxels_of_a_difference_are_where_its_field_is_positive(case, kind) -> None:
    grid, defective = case
    complete = COMPLETIONS[kind][0](grid)
    voxels, field = Difference.of(complete, defective).voxels, subtract(complete, defective)
    assert voxels.same_grid(field)
    assert voxels.array.dtype == bool
    assert np.array_equal(voxels.array, field.array > 0)


@pytest.mark.parametrize("kind", ["mask", "probability", "distance elsewhere"])
def test_the_field_of_one_body_is_that_of_all_on_its_box(case, kind) -> None:
    grid, defective = case
    difference = Difference.of(COMPLETIONS[kind][0](grid), defective)
    corner = np.zeros(difference.voxels.shape, bool)
    corner[: corner.shape[0] // 2] = True
    body = difference.voxels.with_array(difference.voxels.array & corner)
    field, whole = difference.field_of(body), difference.field(difference.bone)
    start = np.rint(whole.to_index(field.affine[:3, 3])).astype(int)
    same = whole.crop(start, start + field.shape)
    assert np.prod(field.shape) < 0.9 * np.prod(whole.shape)
    inside = np.argwhere(body.array) - start
    assert (inside.min(axis=0) >= 0).all()
    assert (inside.max(axis=0) < field.shape).all()
    near = ndimage.binary_dilation(body.crop(start, start + field.shape).array, iterations=2)
    np.testing.assert_allclose(field.array[near], same.array[near], atol=0.005)
