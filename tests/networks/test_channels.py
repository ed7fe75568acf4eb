"""Input channels: opening, atlas, the input box, and the field of a cut skull."""

from __future__ import annotations

import numpy as np
from heads import HALF_ANGLE, THICKNESS_MM, members_around, shell

from meshimplant.head.sphere import direction_sphere
from meshimplant.networks.channels import (
    defective_field,
    focus_box,
    interpolate_coarse,
    mean_field,
    mirror_field,
    opening_field,
    position_field,
    stack_channels,
)
from meshimplant.networks.head_grid import CLIP_MM, COARSE, FINE, HeadGrid

AXIS = (0.3, -0.4, 1.0)
BOX = HeadGrid((-36.0, -45.0, 30.0), (72, 90, 60), 1.0)


def _angle_to(axis, grid: HeadGrid) -> np.ndarray:
    points = grid.points_mm().astype(float)
    unit = np.array(axis) / np.linalg.norm(axis)
    return np.arccos(np.clip(points @ unit / np.linalg.norm(points, axis=-1), -1, 1))


def test_the_opening_is_the_distance_along_the_sphere_to_the_cones_edge() -> None:
    for grid in (COARSE, BOX):
        radius = np.linalg.norm(grid.points_mm(), axis=-1)
        wanted = np.clip(radius * (HALF_ANGLE - _angle_to(AXIS, grid)), -CLIP_MM, CLIP_MM)
        field = opening_field(members_around(AXIS), grid)
        seen = (radius > 60) & (radius < 90)
        assert field.dtype == np.float32
        np.testing.assert_allclose(field[seen], wanted[seen], atol=1.6)
        assert abs(float((field - wanted)[seen & (np.abs(wanted) < 6)].mean())) < 0.3


def test_the_atlas_of_a_sphere_is_the_sphere() -> None:
    flat = np.ones(len(direction_sphere()[0]))
    field = mean_field(77 * flat, THICKNESS_MM * flat, BOX)
    np.testing.assert_allclose(field, np.clip(shell(77, BOX), -CLIP_MM, CLIP_MM), atol=1e-3)


def test_the_atlas_follows_the_direction() -> None:
    directions = direction_sphere()[0]
    outer = 75 + 5 * directions[:, 0]
    points = BOX.points_mm()
    radius = np.linalg.norm(points, axis=-1)
    depth = 75 + 5 * points[..., 0] / radius - radius
    wanted = np.clip(np.minimum(depth, THICKNESS_MM - depth), -CLIP_MM, CLIP_MM)
    field = mean_field(outer, np.full(len(directions), THICKNESS_MM), BOX)
    np.testing.assert_allclose(field, wanted, atol=0.05)


def test_the_box_holds_the_opening_with_a_margin_and_can_be_halved() -> None:
    opening = opening_field(members_around(AXIS), COARSE)
    start, stop = focus_box(opening, np.clip(shell(78, COARSE), -CLIP_MM, CLIP_MM))
    assert ((stop - start) % 8 == 0).all()
    assert (start >= 0).all()
    assert (stop <= COARSE.shape).all()
    wanted = np.argwhere((opening > -6) & (np.abs(shell(78, COARSE)) < CLIP_MM))
    assert (wanted.min(axis=0) - start >= 4).all()
    assert (
        stop - 1 - wanted.max(axis=0) >= np.minimum(4, np.array(COARSE.shape) - 1 - wanted.max(axis=0))
    ).all()
    assert np.prod(stop - start) < 0.3 * np.prod(COARSE.shape)


def test_without_an_opening_the_box_is_the_whole_head() -> None:
    nothing = np.full(COARSE.shape, -CLIP_MM, np.float32)
    start, stop = focus_box(nothing, nothing)
    assert start.tolist() == [0, 0, 0]
    assert tuple(stop) == COARSE.shape


def test_what_a_cut_leaves_knows_the_skull_where_it_is_whole_and_nothing_of_what_is_gone() -> None:
    kept = (shell(77.3, BOX) > 0) & (_angle_to(AXIS, BOX) > HALF_ANGLE)
    fields = [
        defective_field(shell(radius, BOX), kept & (shell(radius, BOX) > 0), BOX) for radius in (77.3, 77.34)
    ]
    far = _angle_to(AXIS, BOX) > HALF_ANGLE + 0.2
    np.testing.assert_allclose(fields[0][far], np.clip(shell(77.3, BOX), -CLIP_MM, CLIP_MM)[far], atol=1e-5)
    gone = _angle_to(AXIS, BOX) < HALF_ANGLE - 0.02
    assert (fields[0][gone & (shell(77.3, BOX) > 0)] < 0).all()
    moved = (shell(77.3, BOX) > 0) != (shell(77.34, BOX) > 0)
    same = gone & (_angle_to(AXIS, BOX) < HALF_ANGLE - 0.12) & ~moved
    np.testing.assert_array_equal(fields[0][same], fields[1][same])


def test_a_mirrored_field_is_that_of_the_mirrored_head() -> None:
    left = opening_field(members_around((0.8, 0.2, 0.6)), COARSE)
    right = opening_field(members_around((-0.8, 0.2, 0.6)), COARSE)
    assert np.abs(mirror_field(left) - right).mean() < 0.05


def test_a_smooth_field_is_the_same_on_both_grids() -> None:
    coarse, fine = (grid.points_mm() @ np.array([0.1, -0.2, 0.3], np.float32) for grid in (COARSE, FINE))
    inner = (slice(2, -2),) * 3
    np.testing.assert_allclose(interpolate_coarse(coarse, FINE)[inner], fine[inner], atol=1e-3)


def test_a_voxels_place_is_told_in_units_of_10_cm_and_alike_on_both_sides() -> None:
    points = FINE.points_mm()
    for axis, name in enumerate(("side", "back", "top")):
        field = position_field(name, FINE)
        wanted = np.abs(points[..., 0]) if name == "side" else points[..., axis]
        np.testing.assert_allclose(field / CLIP_MM, wanted / 100, atol=1e-5)
        np.testing.assert_array_equal(mirror_field(field), field)


def test_channels_come_in_the_order_of_the_config_and_in_its_unit() -> None:
    fields = {name: np.full((2, 2, 2), value, np.float32) for name, value in (("a", 8), ("b", -4), ("c", 1))}
    assert stack_channels(("b", "a"), fields)[:, 0, 0, 0].tolist() == [-0.5, 1.0]
