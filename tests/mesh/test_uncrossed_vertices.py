"""uncrossed_vertices: where the faces around a vertex lie beside each other."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from shapes import joined, sphere

from meshimplant.mesh.uncrossed_vertices import uncrossed_vertices


def plain(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = np.asarray(vertices, float)[faces].transpose(1, 0, 2)
    return uncrossed_vertices(np.asarray(vertices, float), np.asarray(faces), np.cross(b - a, c - a))


@pytest.fixture
def ball() -> trimesh.Trimesh:
    return sphere(20, (300, -200, 100), subdivisions=3).mesh


def test_all_are_plain_on_a_smooth_surface(ball) -> None:
    assert plain(ball.vertices, ball.faces).all()


def test_those_around_a_hole_or_a_turned_face_are_not(ball) -> None:
    corners = np.isin(np.arange(len(ball.vertices)), ball.faces[7])
    turned = ball.faces.copy()
    turned[7] = turned[7][::-1]
    for faces in (np.delete(ball.faces, 7, axis=0), turned, np.concatenate([ball.faces, ball.faces[7:8]])):
        assert np.array_equal(~plain(ball.vertices, faces), corners)


def test_those_beside_a_face_that_looks_down_or_has_no_area_are_not(ball) -> None:
    beside = np.unique(ball.faces[(ball.faces == 5).any(axis=1)])
    pushed, flat = ball.vertices.copy(), ball.vertices.copy()
    pushed[5] += 3 * (pushed[beside[beside != 5][0]] - pushed[5])
    flat[5] = flat[beside[beside != 5][0]]
    for vertices in (pushed, flat):
        found = plain(vertices, ball.faces)
        assert not found[5]
        assert found[~np.isin(np.arange(len(found)), beside)].all()


def test_two_fans_and_a_fan_that_goes_round_twice_are_not_plain() -> None:
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn), 0.1 * np.arange(8)], axis=1)
    low = ring * (1, 1, 0) + (0, 0, -1)
    vertices = np.concatenate([[(0, 0, 1)], ring, low, [(0, 0, -2)]])
    around = np.arange(8)
    sides = [(0, 1 + a, 1 + (a + 1) % 8) for a in around]
    once = np.array([*sides, *((1 + a, 9 + a, 9 + (a + 1) % 8) for a in around)])
    once = np.concatenate([once, [(1 + a, 9 + (a + 1) % 8, 1 + (a + 1) % 8) for a in around]])
    once = np.concatenate([once, [(17, 9 + (a + 1) % 8, 9 + a) for a in around]])
    assert plain(vertices, once)[0]
    two = joined(
        trimesh.Trimesh(vertices, once, process=False), trimesh.Trimesh(vertices * 0.9, once, process=False)
    )
    met = two.faces.copy()
    met[met == len(vertices)] = 0
    assert not plain(two.vertices, met)[0]
    twice = vertices.copy()
    twice[1:9] = np.stack([np.cos(2 * turn), np.sin(2 * turn), 0.1 * np.arange(8)], axis=1)
    assert not plain(twice, once)[0]
