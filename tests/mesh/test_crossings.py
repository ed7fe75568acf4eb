"""find_crossings returns every crossing pair and no other."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import box, cap, joined, plain_mesh, random_rotation, sphere

from meshimplant.mesh.crossings import _cut, find_crossings


def test_two_overlapping_spheres_cross_only_each_other() -> None:
    first, second = sphere(20, subdivisions=4).mesh, sphere(20, (25, 3, 1), subdivisions=4).mesh
    pairs = find_crossings(joined(first, second))
    assert len(pairs) > 100
    assert (pairs[:, 0] < len(first.faces)).all()
    assert (pairs[:, 1] >= len(first.faces)).all()
    centres = joined(first, second).triangles_center[pairs].mean(axis=1)
    assert np.abs(np.linalg.norm(centres, axis=1) - 20).max() < 1.5


def test_a_soup_agrees_with_testing_every_pair() -> None:
    import igl

    rng = np.random.default_rng(0)
    triangles = rng.uniform(0, 8, (150, 1, 3)) + rng.normal(size=(150, 3, 3))
    mesh = plain_mesh(triangles.reshape(-1, 3), np.arange(450).reshape(-1, 3))
    every = {
        (i, j)
        for j in range(150)
        for i in range(j)
        if igl.tri_tri_overlap_test_3d(*[p[None] for p in triangles[i]], *[p[None] for p in triangles[j]])
    }
    assert {tuple(pair) for pair in find_crossings(mesh).tolist()} == every
    assert len(every) > 50


@pytest.mark.parametrize("seed", range(3))
def test_flat_and_curved_bodies_have_no_crossings_at_any_position(seed) -> None:
    plate = (
        box((40, 30, 2))
        .moved(random_rotation(seed), (300, -200, 400))
        .mesh.subdivide()
        .subdivide()
        .subdivide()
    )
    assert len(find_crossings(plate)) == 0
    thin = cap(80, 1.0, 20).moved(random_rotation(seed + 5), (-300, 250, 100)).mesh
    assert len(find_crossings(thin)) == 0


def test_coplanar_faces_that_share_an_area_cross_and_those_that_touch_do_not() -> None:
    stacked = joined(box((10, 10, 10)).mesh, box((10, 10, 10), (3, 4, 10)).mesh)
    assert len(find_crossings(stacked)) > 0
    beside = joined(box((10, 10, 10)).mesh, box((10, 10, 10), (10.5, 0, 0)).mesh)
    assert len(find_crossings(beside)) == 0


def test_faces_that_share_a_vertex_count_only_if_they_cross_elsewhere() -> None:
    fan = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [0.5, 0.5, 1], [0.5, 0.5, -1]], float)
    assert len(find_crossings(plain_mesh(fan, [[0, 1, 2], [0, 3, 4]]))) == 1
    away = fan * [1, 1, 1]
    away[3:, :2] *= -1
    assert len(find_crossings(plain_mesh(away, [[0, 1, 2], [0, 3, 4]]))) == 0


def test_a_face_folded_flat_onto_its_neighbour_is_found() -> None:
    points = np.array([[0, 0, 0], [4, 0, 0], [1, 3, 0], [2, 2, 0], [2, -2, 0]], float)
    assert len(find_crossings(plain_mesh(points, [[0, 1, 2], [1, 0, 3]]))) == 1
    assert len(find_crossings(plain_mesh(points, [[0, 1, 2], [1, 0, 4]]))) == 0


def test_a_mesh_of_no_face_or_one_face_has_no_crossings() -> None:
    assert find_crossings(plain_mesh(np.zeros((0, 3)), np.zeros((0, 3)))).shape == (0, 2)
    assert find_crossings(plain_mesh(np.eye(3), [[0, 1, 2]])).shape == (0, 2)


@pytest.mark.parametrize("seed", range(3))
def test_crossings_of_selected_faces_are_those_among_all_crossings(seed) -> None:
    rng = np.random.default_rng(seed)
    body = sphere(20, subdivisions=4).mesh
    crumpled = plain_mesh(body.vertices + rng.normal(0, 0.9, body.vertices.shape), body.faces)
    every = find_crossings(crumpled)
    touching = rng.random(len(body.faces)) < 0.1
    assert np.array_equal(find_crossings(crumpled, touching=touching), every[touching[every].any(axis=1)])
    assert 10 < touching[every].any(axis=1).sum() < len(every)
    assert len(find_crossings(crumpled, touching=np.zeros(len(body.faces), bool))) == 0


def test_neighbours_on_a_smooth_surface_need_no_exact_test(monkeypatch) -> None:
    """Nearly all pairs of boxes that overlap on a good mesh are neighbours around a vertex."""
    asked = []

    def counted(triangles: np.ndarray, planes: object, pairs: np.ndarray, same: np.ndarray) -> np.ndarray:
        asked.append(len(pairs))
        return _cut(triangles, planes, pairs, same)

    monkeypatch.setattr("meshimplant.mesh.crossings._cut", counted)
    mesh = sphere(30, subdivisions=5).mesh
    assert not len(find_crossings(mesh))
    assert sum(asked) < 0.5 * len(mesh.faces)


@pytest.mark.parametrize("size_mm", [0.3, 1.0, 3.0])
def test_skipping_neighbours_gives_the_same_pairs_as_the_predicates(monkeypatch, size_mm: float) -> None:
    mesh = sphere(30, (200, 100, -300), subdivisions=4).mesh
    mesh = plain_mesh(
        mesh.vertices + np.random.default_rng(3).normal(0, size_mm, mesh.vertices.shape), mesh.faces
    )
    found = find_crossings(mesh)
    monkeypatch.setattr(
        "meshimplant.mesh.crossings.uncrossed_vertices", lambda vertices, *_: np.zeros(len(vertices), bool)
    )
    assert np.array_equal(find_crossings(mesh), found)
