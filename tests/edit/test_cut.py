"""Cutting by hand: each cut's volume, place and closedness are known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import cap, joined, plain_mesh, random_rotation

from meshimplant.edit.cut import trim_box, trim_curve, trim_plane
from meshimplant.errors import InputError, MeshError

FAR_MM = np.array([200.0, -150.0, 300.0])
BODY = cap(80, 5, 30, edge_mm=1.5)


def _sector_volume(half_angle_deg: float) -> float:
    return float(2 / 3 * np.pi * (80**3 - 75**3) * (1 - np.cos(np.radians(half_angle_deg))))


@pytest.mark.parametrize("seed", [None, 3])
def test_a_plane_through_the_middle_halves_the_cap(seed: int | None) -> None:
    rotation = np.eye(3) if seed is None else random_rotation(seed)
    mesh = BODY.moved(rotation, FAR_MM).mesh
    normal = rotation @ [1.0, 2.0, 0.0]
    for keep, side in (("below", -1), ("above", 1)):
        cut = trim_plane(mesh, FAR_MM, normal, keep=keep)
        assert cut.mesh.is_watertight
        assert cut.mesh.volume == pytest.approx(mesh.volume / 2, rel=2e-3)
        assert cut.removed_mm3 == pytest.approx(mesh.volume / 2, rel=2e-3)
        height = (np.asarray(cut.mesh.vertices) - FAR_MM) @ normal
        assert (side * height).min() > -1e-6


def test_a_cut_that_removes_nothing_or_all_is_refused() -> None:
    two = joined(BODY.mesh, BODY.moved(np.eye(3), (300, 0, 0)).mesh)
    for mesh, bodies in ((BODY.mesh, None), (two, 1)):
        with pytest.raises(MeshError, match="misses it"):
            trim_plane(mesh, (0, 0, 100), (0, 0, 1), bodies=bodies)
        with pytest.raises(MeshError, match="misses it"):
            trim_box(mesh, (0, 0, 200), (9, 9, 209), bodies=bodies)
    with pytest.raises(MeshError, match="all of it"):
        trim_plane(BODY.mesh, (0, 0, 100), (0, 0, 1), keep="above")


def test_a_box_takes_a_corner_off_or_keeps_it() -> None:
    mesh = BODY.mesh
    outside = trim_box(mesh, (0, 0, 0), (100, 100, 100))
    inside = trim_box(mesh, (0, 0, 0), (100, 100, 100), keep="inside")
    assert inside.mesh.volume == pytest.approx(mesh.volume / 4, rel=3e-3)
    assert outside.mesh.volume + inside.mesh.volume == pytest.approx(mesh.volume, rel=1e-6)
    assert inside.mesh.vertices[:, :2].min() > -1e-6
    assert outside.mesh.is_watertight
    assert inside.mesh.is_watertight


@pytest.mark.parametrize("seed", [None, 8])
def test_scissors_along_a_circle(seed: int | None) -> None:
    rotation = np.eye(3) if seed is None else random_rotation(seed)
    mesh = BODY.moved(rotation, FAR_MM).mesh
    turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    circle = np.stack([30 * np.cos(turn), 30 * np.sin(turn), np.full(90, np.sqrt(80**2 - 900))], axis=1)
    circle = circle @ rotation.T + FAR_MM
    inside = trim_curve(mesh, circle)
    outside = trim_curve(mesh, circle[::-1], keep="outside")
    assert inside.mesh.volume + outside.mesh.volume == pytest.approx(mesh.volume, rel=2e-4)
    home = (np.asarray(inside.mesh.vertices) - FAR_MM) @ rotation
    assert np.hypot(home[:, 0], home[:, 1]).max() == pytest.approx(30, abs=0.02)
    exact = 2 / 3 * np.pi * ((80**3 - 5500**1.5) - (75**3 - 4725**1.5))
    assert inside.mesh.volume == pytest.approx(exact, rel=5e-3)
    assert inside.mesh.is_watertight
    assert outside.mesh.euler_number == 0


def test_scissors_leave_the_far_side_of_a_deep_cap() -> None:
    deep = cap(60, 5, 100, edge_mm=2.0).mesh
    square = 58 * np.array([[1.0, 0.2, 0.2], [1.0, -0.2, 0.2], [1.0, -0.2, -0.2], [1.0, 0.2, -0.2]])
    hole = trim_curve(deep, square, keep="outside")
    gone = {p.tobytes() for p in np.asarray(deep.vertices)} - {
        p.tobytes() for p in np.asarray(hole.mesh.vertices)
    }
    assert gone
    assert all(np.frombuffer(p)[0] > 40 for p in gone)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0, 0, 80], [10, 0, 79]], "three or more points"),
        ([[0, 0, 80], [10, 0, 79], [20, 0, 77]], "encloses an area"),
        ([[0, 0, 80], [20, 20, 75], [20, 0, 77], [0, 25, 76]], "cross itself"),
    ],
)
def test_curves_that_cannot_be_cut_are_refused(points: list[list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        trim_curve(BODY.mesh, points)


def test_other_impossible_wishes_are_refused() -> None:
    mesh = BODY.mesh
    with pytest.raises(InputError, match="normal with a length"):
        trim_plane(mesh, (0, 0, 0), (0, 0, 0))
    with pytest.raises(InputError, match='"below" or "above"'):
        trim_plane(mesh, (0, 0, 0), (0, 0, 1), keep="left")
    with pytest.raises(InputError, match="three finite numbers"):
        trim_plane(mesh, (0, np.nan, 0), (0, 0, 1))
    with pytest.raises(InputError, match="below the upper one"):
        trim_box(mesh, (0, 0, 0), (1, 0, 1))
    with pytest.raises(MeshError, match="closed"):
        trim_plane(plain_mesh(mesh.vertices, mesh.faces[5:]), (0, 0, 0), (1, 0, 0))
