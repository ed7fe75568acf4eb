"""remove_slivers removes short edges and flat triangles along a cut and changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import box, cap, plain_mesh, random_rotation

from meshimplant.check.check_solid import check_solid
from meshimplant.mesh.convert import from_manifold, to_manifold
from meshimplant.mesh.deviation import deviation_mm
from meshimplant.mesh.limits import FLAT_HEIGHT_MM, SHORT_EDGE_MM
from meshimplant.mesh.slivers import remove_slivers
from meshimplant.mesh.topology import face_heights, topology_flaws


def _grid_box(split_at: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return an 8 mm box with edges of 1 mm and a new vertex in one face, at fractions of two sides."""
    mesh = box((8, 8, 8)).mesh.subdivide().subdivide().subdivide()
    face = int(np.argmin(np.linalg.norm(mesh.triangles_center - (0.3, 0.3, 4), axis=1)))
    a, b, c = mesh.faces[face]
    first, second = split_at
    vertices, faces = np.asarray(mesh.vertices), np.delete(mesh.faces, face, axis=0)
    count = len(vertices)
    p = vertices[a] + first * (vertices[b] - vertices[a]) + second * (vertices[c] - vertices[a])
    return np.vstack([vertices, p]), np.vstack([faces, [[a, b, count], [b, c, count], [c, a, count]]])


def _bad(mesh, fixed) -> tuple[int, int]:
    """Return the numbers of edges that are too short and triangles that are too flat, fixed ones excluded."""
    edges = mesh.edges_unique[~fixed[mesh.edges_unique].all(axis=1)]
    lengths = np.linalg.norm(np.diff(mesh.vertices[edges], axis=1)[:, 0], axis=1)
    free = ~fixed[mesh.faces].all(axis=1)
    return int((lengths < SHORT_EDGE_MM).sum()), int((face_heights(mesh)[free] < FLAT_HEIGHT_MM).sum())


@pytest.mark.parametrize("shares", [(0.01, 0.02), (0.495, 0.004), (0.004, 0.495)])
def test_slivers_around_a_new_vertex_on_a_flat_face_are_removed_without_a_trace(
    shares: tuple[float, float],
) -> None:
    """Next to an old vertex the short edge is collapsed; next to an edge the flat triangle is flipped."""
    vertices, faces = _grid_box(shares)
    mesh = plain_mesh(vertices, faces)
    fixed = np.arange(len(vertices)) < len(vertices) - 1
    assert sum(_bad(mesh, fixed)) > 0
    clean = remove_slivers(mesh, fixed=fixed)
    assert check_solid(clean).findings == ()
    assert clean.volume == pytest.approx(512, abs=1e-9)
    assert clean.area == pytest.approx(384, abs=1e-9)
    still_fixed = np.isin(clean.vertices.view("f8,f8,f8").ravel(), vertices[fixed].view("f8,f8,f8").ravel())
    assert _bad(clean, still_fixed) == (0, 0)


def test_fixed_vertices_and_the_triangles_between_them_stay() -> None:
    vertices, faces = _grid_box((0.01, 0.02))
    mesh = plain_mesh(vertices, faces)
    clean = remove_slivers(mesh, fixed=np.ones(len(vertices), bool))
    assert np.array_equal(clean.vertices, mesh.vertices)
    assert np.array_equal(clean.faces, mesh.faces)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_slivers_along_a_cut_through_a_cap_are_removed_and_the_surface_stays(seed: int) -> None:
    """After a plane cut through a fine mesh, only slivers whose removal would fold the surface remain."""
    turn = random_rotation(seed)
    body = cap(60, 5, 25, edge_mm=0.9).moved(turn, (90, -140, 200))
    tool = box((200, 200, 200), (103.3, 0, 0)).moved(turn, (90, -140, 200)).mesh
    cut = from_manifold(to_manifold(body.mesh) - to_manifold(tool))
    old = {vertex.tobytes() for vertex in np.asarray(body.mesh.vertices) + 0.0}
    fixed = np.array([vertex.tobytes() in old for vertex in np.asarray(cut.vertices) + 0.0])
    assert 0.5 < fixed.mean() < 1
    before = _bad(cut, fixed)
    assert min(before) > 3
    clean = remove_slivers(cut, fixed=fixed)
    kept = np.array([vertex.tobytes() in old for vertex in np.asarray(clean.vertices) + 0.0])
    after = _bad(clean, kept)
    assert after[0] <= 0.1 * before[0]
    assert after[1] <= 0.1 * before[1]
    assert all(len(places) == 0 for places in topology_flaws(clean).values())
    assert deviation_mm(clean, cut).max() < SHORT_EDGE_MM
    assert clean.volume == pytest.approx(cut.volume, rel=1e-4)
    cut_vertices = {vertex.tobytes() for vertex in np.asarray(cut.vertices)}
    assert all(vertex.tobytes() in cut_vertices for vertex in np.asarray(clean.vertices)), "no vertex moves"
    height = (clean.vertices - (90, -140, 200)) @ turn[:, 0]
    assert height.max() < 3.3 + 1e-6, "the cut face stays flat"


def test_the_input_is_not_modified_and_the_result_is_reproducible() -> None:
    vertices, faces = _grid_box((0.01, 0.02))
    mesh, fixed = plain_mesh(vertices, faces), np.arange(len(vertices)) < len(vertices) - 1
    first, second = remove_slivers(mesh, fixed=fixed), remove_slivers(mesh, fixed=fixed)
    assert np.array_equal(mesh.vertices, vertices)
    assert np.array_equal(mesh.faces, faces)
    assert np.array_equal(first.vertices, second.vertices)
    assert np.array_equal(first.faces, second.faces)
