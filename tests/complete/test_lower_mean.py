"""LowerMean: symmetric, sharp although its heads differ, and written as it is read."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from meshimplant.complete.lower_mean import (
    GRID,
    RADIUS_MM,
    LowerMean,
    median_radius_mm,
    packaged_lower_mean,
    read_halves,
    read_lower_mean,
)
from meshimplant.errors import FileReadError
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere
from meshimplant.voxels.fields import sample
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

POINTS = GRID.to_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))


def sheet(radius_mm: float, thickness_mm: float = 2.0) -> NDArray[np.float32]:
    """Signed distance of a thin ball shell around the head's centre at the nodes of the mean."""
    away = np.abs(np.linalg.norm(POINTS, axis=-1) - radius_mm)
    return np.clip(thickness_mm / 2 - away, -8, 8).astype(np.float32)


def test_the_mean_lies_between_its_heads() -> None:
    mean = LowerMean.of(np.array([sheet(radius, 6.0) for radius in (70.0, 72.0, 74.0)]), {})
    bone = np.linalg.norm(POINTS[mean.field_mm > 0], axis=-1)
    assert (bone.min(), bone.max()) == (pytest.approx(69.5, abs=0.8), pytest.approx(74.5, abs=0.8))


def test_frontal_sinuses_are_filled_in_the_mean_and_orbits_are_not() -> None:
    brow, orbit = (np.array(axis) / np.linalg.norm(axis) for axis in ((0.15, -1.0, 0.0), (0.5, -1.0, -0.5)))
    hollows = [np.linalg.norm(POINTS - 72.0 * axis, axis=-1) - 5.0 for axis in (brow, orbit)]
    half = np.minimum(sheet(72.0, 16.0), np.minimum(*hollows)).astype(np.float32)
    mean = Volume(LowerMean.of(half[None], {}).field_mm, GRID.affine)
    assert sample(mean, np.array([72.0 * brow]))[0] > 4
    assert sample(mean, np.array([72.0 * orbit]))[0] < -3


def test_it_is_placed_on_both_sides_in_the_heads_size() -> None:
    mean = LowerMean(sheet(RADIUS_MM, 8.0).astype(float), {})
    larger = 1.1 * RADIUS_MM
    grid = Grid.around((-60.0, -90.0, -30.0), (60.0, -50.0, 0.0), spacing_mm=2.0)
    field = mean.place(grid, larger, fill=-8.0)
    x, y, z = 30.0, -50.0, -10.0
    on_surface = np.array([[sign * x, y, z] for sign in (1, -1)])
    on_surface *= 1.1 * (RADIUS_MM + 2) / np.linalg.norm(on_surface[0])
    assert sample(field, on_surface) == pytest.approx([2.2, 2.2], abs=0.2)
    assert field.array.min() >= -8.8


def test_both_halves_of_a_head_are_read_in_the_size_of_the_mean() -> None:
    """The right half of this head is 4 mm thinner."""
    line = np.arange(-90, 90.1, 1.5)
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1)
    radius = np.linalg.norm(points, axis=-1)
    bone = (radius < 82.0) & (radius > np.where(points[..., 0] < 0, 78.0, 74.0))
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    affine[:3, 3] = line[0] + np.array([10.0, 20.0, 30.0])
    pose = HeadPose(np.array([10.0, 20.0, 30.0]), np.eye(3), 0.0)
    left, right = read_halves(Volume(bone.astype(np.uint8), affine), pose)
    inner = POINTS[..., 0] > 8
    for half, thickness_mm in ((left, 8.0), (right, 4.0)):
        depth = np.linalg.norm(POINTS[inner & (half > 0)], axis=1)
        assert np.ptp(depth) == pytest.approx(thickness_mm * RADIUS_MM / 82, abs=1.6)
        assert depth.max() == pytest.approx(RADIUS_MM, abs=1.0)


def test_it_is_read_as_it_was_written(tmp_path) -> None:
    mean = LowerMean(sheet(70.0).astype(float), {"data": "made up"})
    mean.save(tmp_path / "mean.npz")
    read = read_lower_mean(tmp_path / "mean.npz")
    np.testing.assert_allclose(read.field_mm, mean.field_mm, atol=0.01)
    assert read.about == mean.about


def test_the_packaged_mean_shows_orbit_and_temple() -> None:
    """Bone at the orbit's rim and at the temple, air in the orbit."""
    field = Volume(packaged_lower_mean().field_mm.astype(np.float32), GRID.affine)
    columns = np.arange(45.0, 110.0, 0.5)
    for direction, least_mm in (((0.75, -0.1, -0.25), 1.0), ((0.5, -0.85, -0.05), 3.0)):
        axis = np.array(direction) / np.linalg.norm(direction)
        met = sample(field, columns[:, None] * axis, fill=-8.0) > 0
        assert 0.5 * met.sum() > least_mm
    assert packaged_lower_mean().about["skulls"] >= 20


def test_a_changed_file_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    LowerMean(sheet(70.0).astype(float), {}).save(tmp_path / "lower_mean.npz")
    monkeypatch.setattr("meshimplant.complete.lower_mean.models_folder", lambda: tmp_path)
    with pytest.raises(FileReadError, match=r"expected the packaged lower_mean\.npz"):
        packaged_lower_mean.__wrapped__()


def test_the_median_radius_is_that_of_the_vault() -> None:
    directions, _ = direction_sphere()
    outer_mm = np.where(directions[:, 2] > -0.1, 80.0, 40.0)
    assert median_radius_mm(outer_mm) == pytest.approx(80.0)
