"""repair: ends in a solid within its limits, or refuses; loses no body."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from shapes import box, cap, joined, plain_mesh, random_rotation, sphere

from meshimplant.check.check_solid import check_solid
from meshimplant.edit.repair import repair
from meshimplant.errors import MeshError, MissingDependencyError
from meshimplant.mesh.deviation import distances_mm

BODY = cap(35, 5, 25, edge_mm=1.5).moved(random_rotation(2), (100, -200, 50))
MESH = BODY.mesh
VERTICES, FACES = np.asarray(MESH.vertices), np.asarray(MESH.faces)
BALL = sphere(15, subdivisions=3).mesh


def codes(mesh, bodies: int = 1) -> set[str]:
    return {finding.code for finding in check_solid(mesh, bodies=bodies).findings}


def with_middle(face: int, *, sliver: bool):
    """Split one face at the middle of an edge, not its neighbour; with a sliver in the gap, or open."""
    a, b, c = FACES[face]
    new = len(VERTICES)
    added = [[a, new, c], [new, b, c], *([[a, b, new]] if sliver else [])]
    return plain_mesh(
        np.vstack([VERTICES, VERTICES[[a, b]].mean(axis=0)]),
        np.vstack([np.delete(FACES, face, axis=0), added]),
    )


def flipped():
    faces = FACES.copy()
    faces[50:60] = faces[50:60, ::-1]
    return plain_mesh(VERTICES, faces)


def soup():
    faces = np.delete(FACES, [3, 500, 501], axis=0)
    return plain_mesh(VERTICES[faces].reshape(-1, 3), np.arange(faces.size).reshape(-1, 3))


SMALL_FLAWS = {
    "missing face": lambda: plain_mesh(VERTICES, np.delete(FACES, 100, axis=0)),
    "missing patch": lambda: plain_mesh(VERTICES, FACES[~(FACES[200, 0] == FACES).any(axis=1)]),
    "duplicate face": lambda: plain_mesh(VERTICES, np.vstack([FACES, FACES[:1]])),
    "flipped faces": flipped,
    "inside out": lambda: plain_mesh(VERTICES, FACES[:, ::-1]),
    "T-junction": lambda: with_middle(100, sliver=False),
    "sliver": lambda: with_middle(100, sliver=True),
    "soup with holes": soup,
}


@pytest.mark.parametrize("flaw", SMALL_FLAWS)
def test_small_flaws_are_repaired_in_place(flaw) -> None:
    broken = SMALL_FLAWS[flaw]()
    before = broken.vertices.copy()
    assert codes(broken)
    fixed = repair(broken)
    assert codes(fixed.mesh) == set()
    assert fixed.method == "clean"
    assert fixed.actions
    assert fixed.mesh.volume == pytest.approx(MESH.volume, rel=1e-3)
    assert np.abs(BODY.distance(fixed.mesh.vertices)).max() < 0.05
    assert np.array_equal(broken.vertices, before)


def test_a_solid_comes_back_as_it_is() -> None:
    fixed = repair(MESH)
    assert fixed.mesh is MESH
    assert (fixed.actions, fixed.method) == ((), "none")


def test_bodies_that_touch_in_a_vertex_are_parted() -> None:
    broken = joined(box((10, 10, 10)).mesh, box((10, 10, 10), (10, 10, 10)).mesh)
    fixed = repair(broken)
    assert codes(fixed.mesh, bodies=2) == set()
    assert fixed.mesh.volume == pytest.approx(2000, rel=2e-3)


def test_overlapping_bodies_become_one() -> None:
    other = sphere(15, (20, 2, 1), subdivisions=3).mesh
    fixed = repair(joined(BALL, other))
    assert codes(fixed.mesh) == set()
    assert fixed.method == "union"
    assert other.volume < fixed.mesh.volume < 2 * BALL.volume
    outer = np.minimum(
        np.abs(sphere(15).distance(fixed.mesh.vertices)),
        np.abs(sphere(15, (20, 2, 1)).distance(fixed.mesh.vertices)),
    )
    assert outer.max() < 0.1


def test_separate_bodies_are_all_kept() -> None:
    small = sphere(2, (40, 0, 0), subdivisions=2).mesh
    broken = joined(plain_mesh(BALL.vertices, BALL.faces[1:]), small)
    for method in ("auto", "pymeshfix"):
        fixed = repair(broken, method=method)
        assert codes(fixed.mesh, bodies=2) == set()
        assert distances_mm(small.vertices, fixed.mesh).max() < 0.1


@pytest.mark.parametrize("turned", [False, True])
def test_a_small_internal_shell_goes_and_is_named(turned) -> None:
    inner = sphere(2, (3, 0, 0), subdivisions=2).mesh
    faces = inner.faces[:, ::-1] if turned else inner.faces
    fixed = repair(joined(BALL, plain_mesh(inner.vertices, faces)))
    assert codes(fixed.mesh) == set()
    assert any("inside the body" in action for action in fixed.actions)
    assert len(np.unique(fixed.mesh.faces)) == len(fixed.mesh.vertices)
    assert fixed.mesh.volume == pytest.approx(BALL.volume)


def test_a_large_cavity_is_not_filled_silently() -> None:
    inner = sphere(8, subdivisions=2).mesh
    with pytest.raises(MeshError, match="of the volume would change"):
        repair(joined(BALL, plain_mesh(inner.vertices, inner.faces[:, ::-1])))


def crumpled():
    """A thin cap whose outer surface was pushed through its inner one by 0.05 mm at a few vertices."""
    mesh = cap(60, 1.0, 15, edge_mm=1.5).mesh
    vertices = mesh.vertices.copy()
    radius = np.linalg.norm(vertices, axis=1)
    polar = np.degrees(np.arccos(vertices[:, 2] / radius))
    pushed = np.flatnonzero((radius > 59.9) & (polar < 10))[::40]
    vertices[pushed] *= 58.93 / 60
    return plain_mesh(vertices, mesh.faces)


def test_self_intersections_are_resolved() -> None:
    broken = crumpled()
    assert codes(broken) == {"solid.self_intersections"}
    fixed = repair(broken, max_volume_change_fraction=0.02)
    assert codes(fixed.mesh) == set()
    away = distances_mm(broken.vertices, fixed.mesh)
    assert np.percentile(away, 99) < 0.1


def test_the_remesh_alone_survives_all_damage_at_once() -> None:
    faces = np.delete(FACES, [3, 700, 1100], axis=0)
    faces[20:25] = faces[20:25, ::-1]
    faces = np.vstack([faces, faces[:3]])
    fixed = repair(
        plain_mesh(VERTICES, faces), method="remesh", max_move_mm=0.2, max_volume_change_fraction=0.01
    )
    assert codes(fixed.mesh) == set()
    assert fixed.mesh.volume == pytest.approx(MESH.volume, rel=5e-3)


def test_without_pymeshfix_the_line_works_and_the_method_says_so(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pymeshfix", None)
    broken = plain_mesh(VERTICES, np.delete(FACES, 100, axis=0))
    assert codes(repair(broken).mesh) == set()
    with pytest.raises(MissingDependencyError, match="meshimplant\\[repair\\]"):
        repair(broken, method="pymeshfix")


def test_a_spike_is_refused_with_every_reason() -> None:
    vertices = VERTICES.copy()
    centre = np.array((100.0, -200.0, 50.0))
    radius = np.linalg.norm(VERTICES - centre, axis=1)
    outer = int(np.flatnonzero(radius > 34.99)[0])
    vertices[outer] = centre + (VERTICES[outer] - centre) * (27 / 35)
    with pytest.raises(MeshError, match=r"clean: .*union: .*remesh: "):
        repair(plain_mesh(vertices, FACES))


def test_nonsense_is_refused() -> None:
    with pytest.raises(MeshError, match="expected a mesh with faces"):
        repair(plain_mesh(np.zeros((0, 3)), np.zeros((0, 3))))
    with pytest.raises(MeshError, match="expected method to be one of"):
        repair(MESH, method="glue")


def test_a_mesh_without_area_cannot_be_repaired() -> None:
    corners = np.array([(0, 0, 0), (50, 0, 0), (100, 0, 0)], float)
    with pytest.raises(MeshError, match="faces that have an area"):
        repair(plain_mesh(corners, [[0, 1, 2]] * 4))
