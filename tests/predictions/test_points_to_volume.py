"""`points_to_volume` reconstructs analytic bodies from their points on the skull's voxels."""

from __future__ import annotations

import numpy as np
import pytest
from clouds import mesh_points, rows, shell_points
from shapes import oblique, sample_on, skull_with_hole

from meshimplant.errors import GeometryError, InputError
from meshimplant.io.points import PointCloud
from meshimplant.line.extract import extract
from meshimplant.line.subtract import subtract
from meshimplant.predictions.points_to_volume import points_to_volume
from meshimplant.voxels.volume import Volume

COMPLETE, DEFECTIVE, IMPLANT = skull_with_hole(60, 6, 32)
SHELL = shell_points(60, 6)


def skull(spacing=(1.0, 1.0, 1.2), **more) -> Volume:
    return DEFECTIVE.mask(spacing, grid=COMPLETE.grid(spacing, **more))


def dice(field: Volume, body) -> float:
    found, true = field.array > 0.5, sample_on(body.distance, field) > 0
    return 2 * np.count_nonzero(found & true) / (np.count_nonzero(found) + np.count_nonzero(true))


@pytest.mark.parametrize("direction", [None, oblique()], ids=["straight", "oblique"])
def test_a_shell_is_reconstructed_where_the_skull_is_open(direction) -> None:
    grid = skull(direction=direction)
    field = points_to_volume(SHELL, grid)
    assert field.array.dtype == np.float32
    assert (field.array.min(), field.array.max()) == (0, 1)
    assert dice(field, COMPLETE) > 0.99
    assert field.array.size < 0.5 * grid.array.size, "only the part that matters"
    offset = grid.reorient("LPS").to_index(field.affine[:3, 3])
    np.testing.assert_allclose(offset, np.rint(offset), atol=1e-6)


def test_the_surface_is_accurate_between_voxels_also_after_subtraction() -> None:
    bodies = extract(subtract(points_to_volume(SHELL, skull()), skull())).split(only_watertight=False)
    part = max(bodies, key=lambda body: body.volume)
    tables = part.vertices[np.hypot(*part.vertices[:, :2].T) < 54 * np.sin(np.radians(28))]
    assert np.sqrt((COMPLETE.distance(tables) ** 2).mean()) < 0.02
    assert part.volume == pytest.approx(IMPLANT.volume_mm3, rel=0.01)


def test_points_of_the_implant_alone_with_noise() -> None:
    cloud = mesh_points(IMPLANT.mesh, 6000)
    noise = np.random.default_rng(0).normal(0, 0.3, cloud.points_mm.shape)
    for shift, least in ((0, 0.985), (noise, 0.96)):
        assert (
            dice(points_to_volume(PointCloud(cloud.points_mm + shift, cloud.normals), skull()), IMPLANT)
            > least
        )


def test_normals_that_point_inward_give_the_same_body_and_the_input_is_unchanged() -> None:
    before = rows(SHELL)
    inward = PointCloud(SHELL.points_mm, -SHELL.normals)
    grid = skull((2, 2, 2))
    np.testing.assert_array_equal(points_to_volume(inward, grid).array, points_to_volume(SHELL, grid).array)
    np.testing.assert_array_equal(rows(SHELL), before)
    assert grid.array.max() == 1


def test_thick_slices_are_divided_and_lose_nothing() -> None:
    field = points_to_volume(SHELL, skull((1, 1, 5)))
    np.testing.assert_allclose(field.spacing_mm, (1, 1, 1.25))
    assert dice(field, COMPLETE) > 0.985


def test_a_patch_without_points_is_closed() -> None:
    """Leave a disc of 8 mm out of the outer surface: the field continues between the points around it."""
    far = np.hypot(*SHELL.points_mm[:, :2].T) > 4
    kept = far | (SHELL.points_mm[:, 2] < 57)
    assert np.count_nonzero(~kept) > 5
    field = points_to_volume(PointCloud(SHELL.points_mm[kept], SHELL.normals[kept]), skull())
    assert dice(field, COMPLETE) > 0.985


def test_the_same_input_gives_the_same_bytes() -> None:
    grid = skull((2, 2, 2))
    assert points_to_volume(SHELL, grid).array.tobytes() == points_to_volume(SHELL, grid).array.tobytes()


@pytest.mark.parametrize(
    ("cloud", "error", "words"),
    [
        (
            PointCloud(SHELL.points_mm + [200, 0, 0], SHELL.normals),
            GeometryError,
            "100% of them off it.*LPS or RAS",
        ),
        (
            PointCloud(SHELL.points_mm, SHELL.normals * np.random.default_rng(0).choice([-1, 1], (16000, 1))),
            InputError,
            "contradict",
        ),
    ],
    ids=["elsewhere", "contradictory normals"],
)
def test_unusable_input_is_reported(cloud, error, words) -> None:
    with pytest.raises(error, match=words):
        points_to_volume(cloud, skull((2, 2, 2)))
