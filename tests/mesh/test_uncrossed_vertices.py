"""uncrossed_vertices finds the vertices around which no two faces can cross."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from shapes import joined, sphere

from meshimplant.mesh.uncrossed_vertices import uncrossed_vertices


def certain(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = np.asarray(vertices, float)[faces].transpose(1, 0, 2)
    return uncrossed_vertices(np.asarray(vertices, float), np.asarray(faces), np.cross(b - a, c - a))


@pytest.fixture
def ball() -> trimesh.Trimesh:
    return sphere(20, (300, -200, 100), subdivisions=3).mesh


def test_no_vertex_of_a_smooth_surface_is_crossed(ball) -> None:
    assert certain(ball.vertices, ball.faces).all()


def test_vertices_at_a_hole_or_a_reversed_face_are_not_certain(ball) -> None:
    corners = np.isin(np.arange(len(ball.vertices)), ball.faces[7])
    turned = ball.faces.copy()
    turned[7] = turned[7][::-1]
    for faces in (np.delete(ball.faces, 7, axis=0), turned, np.concatenate([ball.faces, ball.faces[7:8]])):
        assert np.array_equal(~certain(ball.vertices, faces), corners)


def test_vertices_of_a_face_turned_over_or_without_area_are_not_certain(ball) -> None:
    beside = np.unique(ball.faces[(ball.faces == 5).any(axis=1)])
    pushed, flat = ball.vertices.copy(), ball.vertices.copy()
    pushed[5] += 3 * (pushed[beside[beside != 5][0]] - pushed[5])
    flat[5] = flat[beside[beside != 5][0]]
    for vertices in (pushed, flat):
        found = certain(vertices, ball.faces)
        assert not found[5]
        assert found[~np.isin(np.arange(len(found)), beside)].all()


def test_vertices_with_two_fans_or_a_fan_that_goes_round_twice_are_not_certain() -> None:
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn), 0.1 * np.arange(8)], axis=1)
    low = ring * (1, 1, 0) + (0, 0, -1)
    vertices = np.concatenate([[(0, 0, 1)], ring, low, [(0, 0, -2)]])
    around = np.arange(8)
    sides = [(0, 1 + a, 1 + (a + 1) % 8) for a in around]
    once = np.array([*sides, *((1 + a, 9 + a, 9 + (a + 1) % 8) for a in around)])
    once = np.concatenate([once, [(1 + a, 9 + (a + 1) % 8, 1 + (a + 1) % 8) for a in around]])
    once = np.concatenate([once, [(17, 9 + (a + 1) % 8, 9 + a) for a in around]])
    assert certain(vertices, once)[0]
    two = joined(
        trimesh.Trimesh(vertices, once, process=False), trimesh.Trimesh(vertices * 0.9, once, process=False)
    )
    met = two.faces.copy()
    met[met == len(vertices)] = 0
    assert not certain(two.vertices, met)[0]
    twice = vertices.copy()
    twice[1:9] = np.stack([np.cos(2 * turn), np.sin(2 * turn), 0.1 * np.arange(8)], axis=1)
    assert not certain(twice, once)[0]
