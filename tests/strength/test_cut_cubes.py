"""cut_cubes: a body's volume, its cubes and where points lie in them; and what holds and loads it."""

from __future__ import annotations

import numpy as np
import pytest
from plates import SHIFT_MM
from shapes import box, cap, oblique, random_rotation, sphere, union

from meshimplant.errors import MeshError
from meshimplant.strength.cut_cubes import CutCubes, cut_cubes
from meshimplant.strength.held import hold_near, require_held
from meshimplant.strength.loads import nodal_forces, pad_forces, pads, pressure_forces
from meshimplant.strength.part_distances import part_distances
from meshimplant.strength.quadratic_cube import shapes
from meshimplant.strength.surface_samples import refined, sample_surface, thinned


@pytest.fixture(scope="module")
def ball() -> CutCubes:
    """A ball of 8 mm at 1 mm."""
    return cut_cubes(sphere(8.0, SHIFT_MM).field(1.0))


@pytest.mark.parametrize("turn", [np.eye(3), oblique(), random_rotation(2)])
@pytest.mark.parametrize(("voxels", "sub_count"), [(2, 8), (3, 10)])
def test_the_volume_of_a_wall_is_exact_in_any_direction(
    turn: np.ndarray, voxels: int, sub_count: int
) -> None:
    """The sharp border is rounded by the interpolation between voxels, which takes at most 1.5 % here."""
    body = cap(40, 3, 30).moved(turn, SHIFT_MM)
    cubes = cut_cubes(body.field(2 / voxels), voxels_per_edge=voxels, sub_count=sub_count)
    assert cubes.volume_mm3 == pytest.approx(body.volume_mm3, rel=0.015)
    assert cubes.edge_mm == pytest.approx(2.0)


def test_points_are_located_and_nodes_shared(ball: CutCubes) -> None:
    points = SHIFT_MM + np.random.default_rng(0).uniform(-4, 4, (200, 3))
    cube, local = ball.locate(points)
    assert np.abs(local).max() <= 1
    nodes = ball.origin_mm + ball.node_lattice * ball.edge_mm / 2
    np.testing.assert_allclose(
        np.einsum("nk,nki->ni", shapes(local), nodes[ball.nodes[cube]]), points, atol=1e-9
    )
    assert len(np.unique(ball.node_lattice, axis=0)) == ball.node_count


def test_a_point_beside_all_cubes_belongs_to_the_nearest(ball: CutCubes) -> None:
    cube, local = ball.locate(SHIFT_MM + [[0, 0, 30.0]])
    assert local[0, 2] > 1
    assert ball.cubes[cube[0], 2] == ball.cubes[:, 2].max()


def test_a_field_without_a_body_is_refused() -> None:
    with pytest.raises(MeshError, match="fills at least one cube"):
        cut_cubes(sphere(0.01).field(1.0, margin_mm=6))


def test_distances_of_a_mesh_are_those_of_its_body() -> None:
    body = cap(40, 3, 30, edge_mm=0.8).moved(random_rotation(5), SHIFT_MM)
    field = part_distances(body.mesh, spacing_mm=1.0)
    near = np.abs(field.array) < 2.5
    exact = body.distance(field.to_mm(np.argwhere(near)))
    assert np.abs(field.array[near] - exact).max() < 0.03


def test_an_open_mesh_is_refused() -> None:
    mesh = box((8, 8, 3)).mesh
    mesh.update_faces(np.arange(len(mesh.faces)) > 0)
    with pytest.raises(MeshError, match="expected a closed part, got 3 open edges"):
        part_distances(mesh, spacing_mm=1.0)


def test_samples_cover_the_surface_however_long_its_faces_are() -> None:
    samples = sample_surface(box((30, 20, 4)).mesh)
    assert samples.areas_mm2.sum() == pytest.approx(2 * (30 * 20 + 30 * 4 + 20 * 4))
    assert len(thinned(samples.points_mm, apart_mm=2.0)) > 300
    top = samples.points_mm[:, 2] == 2
    np.testing.assert_allclose(samples.normals[top], np.tile([0, 0, 1.0], (top.sum(), 1)))
    assert samples.areas_mm2[top].sum() == pytest.approx(600)


def test_a_part_of_long_edges_is_refined_and_another_is_left_as_it_is() -> None:
    plate = refined(box((30, 20, 4)).mesh, longest_mm=4.0)
    assert plate.is_watertight
    assert plate.edges_unique_length.max() <= 6.0
    assert plate.volume == pytest.approx(2400)
    assert refined(plate, longest_mm=6.0) is plate


def test_nodal_forces_have_the_force_and_the_moment_of_the_load(ball: CutCubes) -> None:
    points = SHIFT_MM + [[3.1, 0.2, 1.0], [-2.0, 4.4, 0.3]]
    forces = np.array([[1.0, 2, -3], [0.5, 0, 4]])
    nodal = nodal_forces(ball, points, forces).reshape(-1, 3)
    nodes = ball.origin_mm + ball.node_lattice * ball.edge_mm / 2
    np.testing.assert_allclose(nodal.sum(axis=0), forces.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(
        np.cross(nodes, nodal).sum(axis=0), np.cross(points, forces).sum(axis=0), rtol=1e-9
    )


def test_a_pad_presses_inward_with_one_newton_and_a_pressure_pushes_outward() -> None:
    body = cap(40, 3, 30, edge_mm=0.8)
    cubes, samples = cut_cubes(body.field(1.0)), sample_surface(body.mesh)
    radius = np.linalg.norm(samples.points_mm, axis=1)
    (under,) = pads(samples.chosen(radius > 39.9), [(0, 0, 40)])
    assert under.areas_mm2.sum() == pytest.approx(np.pi * 25, rel=0.05)
    np.testing.assert_allclose(pad_forces(cubes, under).reshape(-1, 3).sum(axis=0), [0, 0, -1], atol=0.01)
    total = pressure_forces(cubes, samples.chosen(radius < 37.1)).reshape(-1, 3).sum(axis=0)
    np.testing.assert_allclose(total, [0, 0, np.pi * (37 * np.sin(np.radians(30))) ** 2], rtol=0.01, atol=3)


def test_what_is_held_is_a_ball_of_its_radius(ball: CutCubes) -> None:
    held = hold_near(ball, [SHIFT_MM], radius_mm=3.0)
    share = (held.shares * ball.filled[held.cubes]).mean(axis=1).sum() * ball.edge_mm**3
    assert share == pytest.approx(4 / 3 * np.pi * 27, rel=0.02)
    require_held(ball, held)


def test_a_body_that_nothing_holds_is_named() -> None:
    apart = cut_cubes(union(sphere(5.0), sphere(5.0, (20.0, 0, 0))).field(1.0))
    with pytest.raises(MeshError, match=r"got one around \[(19|20|21).* that no fixation reaches"):
        require_held(apart, hold_near(apart, [(0.0, 0, 0)], radius_mm=3.0))
