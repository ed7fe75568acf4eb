"""read_columns: only the first column of bone along a ray."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import Body, cap, difference, grid_around, random_rotation, shell, union

from meshimplant.head.columns import read_columns
from meshimplant.voxels.volume import Volume

OUTER_MM, THICK_MM = 45.0, 6.0
CENTRE_MM = np.array([211.3, -87.2, 402.9])
CHEEK = cap(66.0, 5.0, 40.0)  # outside the shell, around +z


def rays(count: int = 4000) -> np.ndarray:
    """Return near-uniform unit directions."""
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    across = np.sqrt(1 - height**2)
    return np.stack([across * np.cos(turn), across * np.sin(turn), height], axis=1)


def mask(body: Body, *, spacing: float = 0.5) -> Volume:
    moved = body.moved(None, CENTRE_MM)
    grid = grid_around(moved.lower_mm, moved.upper_mm, spacing, margin_mm=3)
    return moved.mask(spacing, grid=grid)


def with_voxels(volume: Volume, radii: np.ndarray, value: int) -> Volume:
    """Set the voxels along +z at these radii, 7 x 7 wide where bone is taken away, 1 where it is added."""
    array = volume.array.copy()
    reach = 0 if value else 3
    i, j, _ = np.rint(volume.to_index(CENTRE_MM)).astype(int)
    heights = np.rint(volume.to_index(CENTRE_MM + radii[:, None] * (0, 0, 1)))[:, 2].astype(int)
    array[i - reach : i + reach + 1, j - reach : j + reach + 1, np.unique(heights)] = value
    return volume.with_array(array)


@pytest.fixture(scope="module")
def whole() -> Volume:
    return mask(shell(OUTER_MM, THICK_MM))


def test_both_radii_of_a_shell(whole) -> None:
    columns = read_columns(whole, CENTRE_MM, rays())
    assert not columns.missing.any()
    for radius, true in ((columns.inner_mm, OUTER_MM - THICK_MM), (columns.outer_mm, OUTER_MM)):
        error = radius - true
        assert abs(error.mean()) < 0.05
        assert np.sqrt(np.mean(error**2)) < 0.05
        assert np.abs(error).max() < 0.3


def test_oblique_voxels_give_the_same_radii() -> None:
    body = shell(OUTER_MM, THICK_MM).moved(None, CENTRE_MM)
    turned = body.mask((0.5, 0.5, 0.7), direction=random_rotation(6), margin_mm=3)
    columns = read_columns(turned, CENTRE_MM, rays(1000))
    assert np.sqrt(np.mean((columns.inner_mm - OUTER_MM + THICK_MM) ** 2)) < 0.1
    assert np.sqrt(np.mean((columns.outer_mm - OUTER_MM) ** 2)) < 0.25


def test_a_hole_is_nan() -> None:
    skull = mask(difference(shell(OUTER_MM, THICK_MM), cap(OUTER_MM + 1, THICK_MM + 2, 25)))
    columns = read_columns(skull, CENTRE_MM, rays())
    polar = np.degrees(np.arccos(rays()[:, 2]))
    assert columns.missing[polar < 24].all()
    assert not columns.missing[polar > 26].any()
    assert np.array_equal(np.isnan(columns.outer_mm), columns.missing)


def test_bone_behind_the_vault_is_ignored() -> None:
    alone = read_columns(mask(union(shell(OUTER_MM, THICK_MM), CHEEK)), CENTRE_MM, rays())
    error = alone.outer_mm - OUTER_MM
    assert np.abs(error).max() < 0.6


def test_a_ray_through_a_hole_meets_the_bone_behind_it() -> None:
    opened = difference(shell(OUTER_MM, THICK_MM), cap(OUTER_MM + 1, THICK_MM + 2, 25))
    columns = read_columns(mask(union(opened, CHEEK)), CENTRE_MM, rays())
    through = np.degrees(np.arccos(rays()[:, 2])) < 23
    assert columns.inner_mm[through].mean() == pytest.approx(61, abs=0.1)
    assert columns.outer_mm[through].mean() == pytest.approx(66, abs=0.1)


UP = np.array([[0.0, 0.0, 1.0]])


def test_a_pore_is_bridged(whole) -> None:
    expected = read_columns(whole, CENTRE_MM, UP)
    porous = with_voxels(whole, np.array([41.5, 42.0, 42.5, 43.0]), 0)
    assert read_columns(porous, CENTRE_MM, UP).inner_mm == pytest.approx(expected.inner_mm, abs=1e-6)
    assert read_columns(porous, CENTRE_MM, UP).outer_mm == pytest.approx(expected.outer_mm, abs=1e-6)


def test_a_wide_gap_ends_the_column() -> None:
    """Two tables 4 mm apart are two columns."""
    tables = union(shell(OUTER_MM, 2.0), shell(OUTER_MM - 6, 2.0))
    columns = read_columns(mask(tables), CENTRE_MM, rays(500))
    assert columns.outer_mm.mean() == pytest.approx(OUTER_MM - 6, abs=0.1)


def test_a_speck_is_ignored_and_a_splinter_is_not(whole) -> None:
    expected = read_columns(whole, CENTRE_MM, UP)
    speck = read_columns(with_voxels(whole, np.array([34.0]), 1), CENTRE_MM, UP)
    assert speck.inner_mm == pytest.approx(expected.inner_mm, abs=1e-6)
    splinter = read_columns(with_voxels(whole, np.array([33.0, 33.5, 34.0]), 1), CENTRE_MM, UP)
    assert 32.5 < splinter.inner_mm[0] < splinter.outer_mm[0] < 34.5


def test_both_memory_orders_and_every_shape_of_directions_agree(whole) -> None:
    directions = rays(600)
    expected = read_columns(whole, CENTRE_MM, directions)
    other = read_columns(Volume(np.asfortranarray(whole.array), whole.affine), CENTRE_MM, directions)
    square = read_columns(whole, CENTRE_MM, directions.reshape(20, 30, 3))
    for name in ("inner_mm", "outer_mm"):
        assert np.array_equal(getattr(other, name), getattr(expected, name))
        assert np.array_equal(getattr(square, name).ravel(), getattr(expected, name))
        assert getattr(square, name).shape == (20, 30)


def test_outside_the_grid_is_air(whole) -> None:
    """Half a scan: rays into the missing half meet nothing, the others are unchanged."""
    middle = round(whole.to_index(CENTRE_MM)[2])
    half = whole.crop((0, 0, middle), whole.shape)
    columns, full = read_columns(half, CENTRE_MM, rays()), read_columns(whole, CENTRE_MM, rays())
    down, up = rays()[:, 2] < -0.03, rays()[:, 2] > 0.03
    assert columns.missing[down].all()
    assert np.abs(columns.outer_mm[up] - full.outer_mm[up]).max() <= 0.25
