"""Views: left stays left, and the implant is found and faced."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from meshimplant.preview.view_directions import (
    View,
    anatomical_views,
    direction_letters,
    implant_views,
    outward_direction,
)

DIRECTIONS = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0.5, -0.6, 0.7), (-0.4, 0.7, 0.2)]
AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


@pytest.mark.parametrize(("letter", "axis"), AXES.items())
def test_letters_of_the_axes(letter: str, axis: tuple[float, ...]) -> None:
    assert direction_letters(axis) == letter
    assert direction_letters(np.multiply(axis, 7.0)) == letter


def test_letters_between_axes_name_the_stronger_first() -> None:
    assert direction_letters((0.8, -0.6, 0.0)) == "LA"
    assert direction_letters((-0.5, 0.1, 0.86)) == "SR"
    assert direction_letters((0.99, 0.1, 0.0)) == "L"


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_views_are_right_handed_and_upright(make_cap, direction: tuple[float, ...]) -> None:
    cap = make_cap(direction)
    for view in [*anatomical_views(cap), *implant_views(cap).values()]:
        axes = np.stack([view.right, view.up, -view.forward])
        assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(axes) == pytest.approx(1)


def test_edges_of_the_standard_views(make_cap, head: trimesh.Trimesh) -> None:
    cap = make_cap((0.6, 0, 0.8), centre=(100, -50, 200))
    letters = {view.name: view.letters for view in anatomical_views(cap, head)}
    assert letters["Anterior"] == ("R", "L", "S", "I")
    assert letters["Left lateral"] == ("A", "P", "S", "I")
    assert letters["Superior"] == ("L", "R", "A", "P")


@pytest.mark.parametrize(("side", "name"), [(1, "Left lateral"), (-1, "Right lateral"), (0, "Left lateral")])
def test_lateral_view_is_from_the_implants_side(make_cap, head, side: int, name: str) -> None:
    cap = make_cap((0.7 * side, 0, 0.7), centre=(100, -50, 200))
    assert anatomical_views(cap, head)[1].name == name


@pytest.mark.parametrize(("letter", "axis"), AXES.items())
@pytest.mark.parametrize("forward", [(0, 1, 0), (-1, 0, 0), (0, 0, -1), (0.4, 0.5, -0.3)])
def test_a_point_lies_at_the_edge_with_its_letter(letter: str, axis, forward) -> None:
    view = View.along("any", forward, (0.1, -0.2, 1.0))
    across, up = view.project(np.asarray(axis, float)[None])[0]
    left, right, top, bottom = view.letters
    for strength, positive, negative in ((across, right, left), (up, top, bottom)):
        if abs(strength) > 0.6:
            assert letter in (positive if strength > 0 else negative)
            assert letter not in (negative if strength > 0 else positive)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("half_angle_deg", [12.0, 32.0, 75.0])
@pytest.mark.parametrize("centre", [(0, 0, 0), (310.0, -270.0, 900.0)])
def test_outward_is_where_the_outer_side_faces(make_cap, direction, half_angle_deg: float, centre) -> None:
    cap = make_cap(direction, centre=centre, half_angle_deg=half_angle_deg)
    found = outward_direction(cap)
    assert found @ (np.asarray(direction) / np.linalg.norm(direction)) > np.cos(np.radians(1.0))


def test_outward_of_a_flat_plate_points_away_from_the_head(head: trimesh.Trimesh) -> None:
    plate = trimesh.creation.box((60, 3, 50))
    plate.apply_translation(np.add(head.bounds.mean(axis=0), (5, 90, 3)))
    assert outward_direction(plate, head) @ (0, 1, 0) > 0.999


def test_a_ball_is_viewed_from_outside(head: trimesh.Trimesh) -> None:
    ball = trimesh.creation.icosphere(radius=5.0)
    ball.apply_translation(np.add(head.bounds.mean(axis=0), (-85, 0, 0)))
    assert np.allclose(outward_direction(ball, head), (-1, 0, 0), atol=1e-6)
    assert np.allclose(outward_direction(ball), (0, -1, 0))


def test_inner_view_mirrors_the_outer_one(make_cap) -> None:
    views = implant_views(make_cap((0.5, -0.6, 0.7)))
    assert np.allclose(views["outer"].right, -views["inner"].right)
    assert np.allclose(views["outer"].up, views["inner"].up)
    assert np.allclose(views["side"].up, -views["outer"].forward)


def test_frame_holds_the_points_in_the_middle() -> None:
    view = View.along("any", (0.4, 0.5, -0.3), (0, 0, 1))
    points = np.random.default_rng(3).normal(size=(50, 3)) * (4, 9, 2) + (100, 200, -300)
    middle, size = view.frame(points)
    placed = view.project(points - middle)
    assert np.allclose(placed.max(axis=0), size / 2)
    assert np.allclose(placed.min(axis=0), -size / 2)
