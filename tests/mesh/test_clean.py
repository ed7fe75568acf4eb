"""clean_faces and close_surface correct and name each small flaw, and move nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree
from shapes import box, cap, joined, plain_mesh, random_rotation, sphere

from meshimplant.check.check_solid import check_solid
from meshimplant.mesh.clean import clean_faces, close_surface
from meshimplant.mesh.limits import WELD_MM
from meshimplant.mesh.topology import topology_flaws

BODY = cap(40, 5, 25, edge_mm=2.0).moved(random_rotation(3), (120, -210, 60))
MESH = BODY.mesh
VERTICES, FACES = np.asarray(MESH.vertices), np.asarray(MESH.faces)


def _flaws(mesh) -> set[str]:
    return {name for name, places in topology_flaws(mesh).items() if len(places)}


def _faces_of_the_body(mesh) -> list[tuple[int, ...]]:
    """Return the faces as sorted triples of the body's vertex indices, each starting at its smallest."""
    distance, index = cKDTree(VERTICES).query(mesh.vertices)
    assert distance[np.unique(mesh.faces)].max() < 1e-4
    corners = index[mesh.faces]
    first = corners.argmin(axis=1)
    rolled = np.take_along_axis(corners, (first[:, None] + np.arange(3)) % 3, axis=1)
    return sorted(map(tuple, rolled.tolist()))


@pytest.mark.parametrize("jitter_mm", [0.0, 1e-6])
def test_a_triangle_soup_is_merged_into_the_body(jitter_mm: float) -> None:
    rng = np.random.default_rng(1)
    corners = VERTICES[FACES].reshape(-1, 3)
    soup = plain_mesh(
        corners + jitter_mm * rng.uniform(-1, 1, corners.shape), np.arange(FACES.size).reshape(-1, 3)
    )
    tidied, actions = clean_faces(soup)
    assert _flaws(tidied) == set()
    assert len(np.unique(tidied.faces)) == len(VERTICES)
    assert tidied.volume == pytest.approx(MESH.volume, rel=1e-6)
    assert any("merged" in action for action in actions)
    assert _faces_of_the_body(tidied) == _faces_of_the_body(MESH)


def test_a_sound_mesh_is_unchanged() -> None:
    tidied, tidying = clean_faces(MESH)
    closed, closing = close_surface(tidied)
    assert tidying == closing == []
    assert np.array_equal(closed.vertices, VERTICES)
    assert np.array_equal(closed.faces, FACES)


def test_faces_without_area_and_duplicates_are_dropped() -> None:
    a, b = FACES[10, :2]
    broken = plain_mesh(VERTICES, np.vstack([FACES, FACES[7:9], [[a, b, a]], FACES[20:21, [1, 2, 0]]]))
    tidied, actions = clean_faces(broken)
    assert _faces_of_the_body(tidied) == _faces_of_the_body(MESH)
    assert actions == ["dropped 1 faces without area", "dropped 3 duplicate faces"]


@pytest.mark.parametrize("aside_mm", [0.0, 0.5 * WELD_MM])
def test_an_edge_is_split_where_a_vertex_of_its_neighbour_lies_on_it(aside_mm: float) -> None:
    """The neighbour is split at the middle of the shared edge; the joint closes without a hole."""
    a, b, c = FACES[100]
    middle = VERTICES[[a, b]].mean(axis=0) + aside_mm * MESH.face_normals[100]
    broken = plain_mesh(
        np.vstack([VERTICES, middle]),
        np.vstack([np.delete(FACES, 100, axis=0), [[a, len(VERTICES), c], [len(VERTICES), b, c]]]),
    )
    assert "boundary_edges" in _flaws(broken)
    tidied, actions = clean_faces(broken)
    assert _flaws(tidied) == set()
    assert actions == ["split 1 edges at T-junctions"]
    assert len(tidied.faces) == len(FACES) + 2
    assert tidied.volume == pytest.approx(MESH.volume, abs=0.01)


def test_open_edges_farther_apart_than_the_limit_stay_open() -> None:
    """Two halves of a box, less and more than the merging distance apart."""
    brick = box((20, 20, 10)).mesh.subdivide()
    upper = brick.triangles_center[:, 2] > 0
    for gap_mm, flaws in ((0.5 * WELD_MM, set()), (3 * WELD_MM, {"boundary_edges"})):
        halves = joined(
            plain_mesh(brick.vertices + (0, 0, gap_mm), brick.faces[upper]),
            plain_mesh(brick.vertices, brick.faces[~upper]),
        )
        assert _flaws(clean_faces(halves)[0]) == flaws


def test_every_surface_is_wound_outward_and_a_cavity_inward() -> None:
    ball, cavity, beside = (
        sphere(15, subdivisions=3).mesh,
        sphere(5, subdivisions=2).mesh,
        sphere(4, (30, 0, 0), subdivisions=2).mesh,
    )
    faces = np.array(ball.faces)
    faces[40:90] = faces[40:90, ::-1]
    mixed = joined(
        plain_mesh(ball.vertices, faces),
        plain_mesh(cavity.vertices, cavity.faces[:, ::-1]),
        plain_mesh(beside.vertices, beside.faces[:, ::-1]),
    )
    tidied, actions = clean_faces(mixed)
    assert _flaws(tidied) == set()
    assert tidied.volume == pytest.approx(ball.volume - cavity.volume + beside.volume, rel=1e-9)
    assert actions == [f"turned {50 + len(beside.faces)} faces"]


def test_holes_are_closed_on_their_own_vertices() -> None:
    """One face is missing, or all faces around a vertex; the closure of a flat hole is flat."""
    brick = box((30, 20, 10)).mesh.subdivide().subdivide()
    on_top = np.flatnonzero(
        np.isclose(brick.vertices[:, 2], 5) & (np.abs(brick.vertices[:, :2]) < (14, 9)).all(axis=1)
    )
    broken = plain_mesh(
        brick.vertices, np.delete(brick.faces, np.flatnonzero((brick.faces == on_top[0]).any(axis=1)), axis=0)
    )
    closed, actions = close_surface(broken)
    assert _flaws(closed) == set()
    assert closed.volume == pytest.approx(30 * 20 * 10, abs=1e-9)
    assert closed.area == pytest.approx(2 * (30 * 20 + 30 * 10 + 20 * 10), abs=1e-9)
    assert len(closed.vertices) == len(brick.vertices) - 1, "the vertex in the hole is gone"
    assert len(actions) == 1
    assert actions[0].startswith("closed 1 holes of up to")
    open_face, _ = close_surface(plain_mesh(VERTICES, np.delete(FACES, 100, axis=0)))
    assert _faces_of_the_body(open_face) == _faces_of_the_body(MESH)


def test_surfaces_that_touch_at_a_vertex_are_separated_and_keep_their_volume() -> None:
    """Two boxes that share one corner vertex each get their own, moved inward by 0.02 mm."""
    first, second = box((10, 10, 10), (5, 5, 5)).mesh, box((10, 10, 10), (-5, -5, -5)).mesh
    both = joined(first, second)
    corner = np.flatnonzero(np.linalg.norm(both.vertices, axis=1) < 1e-9)
    faces = np.array(both.faces)
    faces[faces == corner[1]] = corner[0]
    touching = plain_mesh(both.vertices, faces)
    assert _flaws(touching) == {"nonmanifold_vertices"}
    parted, actions = close_surface(touching)
    assert _flaws(parted) == set()
    assert actions == ["separated the surface at 1 vertices by 0.02 mm"]
    assert check_solid(parted, bodies=2).findings == ()
    assert parted.volume == pytest.approx(2000, abs=2 * 100 * 0.02)
    assert np.linalg.norm(parted.vertices, axis=1).min() < 0.03


def test_a_surface_inside_the_body_is_removed() -> None:
    ball, cavity = sphere(15, subdivisions=3).mesh, sphere(5, subdivisions=2).mesh
    hollow = joined(ball, plain_mesh(cavity.vertices, cavity.faces[:, ::-1]))
    filled, actions = close_surface(hollow)
    assert np.array_equal(filled.vertices, ball.vertices)
    assert np.array_equal(filled.faces, ball.faces)
    assert actions == [f"removed a surface inside the body that enclosed {cavity.volume:.3g} mm3"]


def test_nothing_is_left_of_a_mesh_without_area() -> None:
    """An empty mesh must not reach libigl, which ends the process."""
    corners = np.array([(0, 0, 0), (50, 0, 0), (100, 0, 0)], float)
    tidied, actions = clean_faces(plain_mesh(corners, [[0, 1, 2]] * 4))
    assert len(tidied.faces) == 0
    assert any("dropped" in action for action in actions)
