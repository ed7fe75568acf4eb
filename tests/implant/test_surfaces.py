"""split_surfaces: each face is labelled outer surface, inner surface or border wall, in any position."""

from __future__ import annotations

import numpy as np
import pytest
from defects import PLACES, ellipsoid_cap
from scipy.spatial import cKDTree
from shapes import box, cap, joined, plain_mesh, random_rotation, sphere

from meshimplant.errors import MeshError
from meshimplant.implant.surfaces import (
    INNER,
    OUTER,
    WALL,
    head_centre,
    outward_field,
    split_surfaces,
    vertex_labels,
    wall_depth,
)

FAR_MM = (300.0, -250.0, 180.0)


@pytest.mark.parametrize("seed", [None, 4, 5])
@pytest.mark.parametrize("half_angle_deg", [8, 25, 60, 85])
def test_outer_inner_and_wall_are_distinguished(half_angle_deg: float, seed: int | None) -> None:
    body = cap(90, 6, half_angle_deg, edge_mm=1.5)
    radius = np.linalg.norm(body.mesh.triangles_center, axis=1)
    expected = np.where(radius > 89.7, OUTER, np.where(radius < 84.1, INNER, 0))
    if seed is not None:
        body = body.moved(random_rotation(seed), FAR_MM)
    labels = split_surfaces(body.mesh).face_labels
    assert np.mean(labels != expected) < 0.005


@pytest.mark.parametrize("place", PLACES)
def test_the_inside_of_the_head_is_found(place: str) -> None:
    body = ellipsoid_cap(place, translation_mm=FAR_MM)
    middle = body.mesh.vertices.mean(axis=0)
    towards_head = np.asarray(FAR_MM) - middle
    found = head_centre(body.mesh) - middle
    assert found @ towards_head > 0.9 * np.linalg.norm(found) * np.linalg.norm(towards_head)


@pytest.mark.parametrize("seed", [None, 4])
def test_the_centre_of_a_cap_is_the_centre_of_its_sphere(seed: int | None) -> None:
    body = cap(90, 6, 25, edge_mm=1.5)
    centre = np.zeros(3)
    if seed is not None:
        body, centre = body.moved(random_rotation(seed), FAR_MM), np.asarray(FAR_MM)
    assert np.linalg.norm(head_centre(body.mesh) - centre) < 1.0


def test_a_flat_part_is_given_a_sphere_of_300_mm() -> None:
    """The centre of a plate bent by 1 mm over 80 mm lies on its concave side, 300 mm away."""
    plate = box((80, 80, 4)).mesh
    for _ in range(4):
        plate = plate.subdivide()
    bent = plate.vertices - (0, 0, 1) * (plate.vertices[:, :2] ** 2).sum(axis=1, keepdims=True) / 1600
    for side in (1.0, -1.0):
        turned = plain_mesh(bent * (1, side, side), plate.faces)
        centre = head_centre(turned)
        assert centre[2] * side == pytest.approx(-300, abs=5)
        assert np.hypot(*centre[:2]) < 1


def test_the_outward_field_is_radial_and_a_leaning_border_does_not_tilt_it() -> None:
    """The inner sphere ends 3 degrees before the outer one, so that the border leans by 28 degrees.

    At the edge the field is an average over one side only, at most 5 degrees off with any border.
    """
    mesh = cap(90, 8, 20, edge_mm=1.5).mesh
    radius = np.linalg.norm(mesh.vertices, axis=1)
    polar = np.arccos(np.clip(mesh.vertices[:, 2] / radius, -1, 1)) * (1 - 0.15 * (90 - radius) / 8)
    turn = np.arctan2(mesh.vertices[:, 1], mesh.vertices[:, 0])
    unit = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], axis=1)
    leaning = plain_mesh(radius[:, None] * unit, mesh.faces)
    points = leaning.vertices[np.isclose(radius, 90)]
    errors_deg = [
        np.degrees(
            np.arccos(np.einsum("ij,ij->i", outward_field(m, (0, 0, 0)).at(points), points / 90).clip(-1, 1))
        )
        for m in (mesh, leaning)
    ]
    assert np.abs(errors_deg[1] - errors_deg[0]).max() < 1
    assert errors_deg[1].max() < 5
    inner = np.hypot(*points[:, :2].T) < 90 * np.sin(np.radians(20)) - 14
    assert errors_deg[1][inner].max() < 0.6


def test_a_pit_and_a_bump_belong_to_the_surface_they_are_in() -> None:
    """The steep sides of a pit amid the outer surface are no border wall."""
    mesh = cap(90, 8, 25, edge_mm=1.0).mesh
    outer = np.linalg.norm(mesh.vertices, axis=1) > 89.9
    place = 90 * np.array([0.2, 0.1, np.sqrt(0.95)])
    weight = outer * np.exp(-((mesh.vertices - place) ** 2).sum(axis=1) / 6)
    pitted = plain_mesh(mesh.vertices * (1 - 4 * weight / 90)[:, None], mesh.faces)
    labels = split_surfaces(pitted).face_labels
    around = np.linalg.norm(pitted.triangles_center - place, axis=1) < 8
    on_top = around & outer[mesh.faces].all(axis=1)
    slope = np.degrees(np.arccos((pitted.face_normals @ place) / 90))
    assert slope[on_top].max() > 45
    assert (labels[on_top] == OUTER).all()


def test_a_vertex_belongs_to_a_surface_only_with_all_its_faces() -> None:
    faces = np.array([[0, 1, 2], [1, 3, 2], [3, 4, 2], [3, 5, 4]])
    labels = vertex_labels(np.array([OUTER, OUTER, WALL, INNER], np.uint8), faces, 7)
    assert labels.tolist() == [OUTER, OUTER, WALL, WALL, WALL, INNER, WALL]


def test_the_depth_of_the_wall_runs_from_outer_to_inner_surface() -> None:
    mesh = cap(90, 8, 20, edge_mm=1.0).mesh
    surfaces = split_surfaces(mesh)
    wall = mesh.vertices[surfaces.vertex_labels == WALL]
    inner = mesh.vertices[surfaces.vertex_labels == INNER]
    depth, nearest = wall_depth(np.asarray(mesh.vertices), surfaces)
    np.testing.assert_allclose(depth, (90 - np.linalg.norm(wall, axis=1)) / 8, atol=0.15)
    assert np.array_equal(nearest, cKDTree(inner).query(wall)[1])


def test_two_caps_on_one_head_are_split_from_a_point_inside_it() -> None:
    parts = [cap(90, 6, 14).mesh, cap(90, 6, 14).moved(random_rotation(3)).mesh]
    both = split_surfaces(joined(*parts), inside_mm=(0, 0, 0))
    radius = np.linalg.norm(joined(*parts).triangles_center, axis=1)
    expected = np.where(radius > 89.5, OUTER, np.where(radius < 84.3, INNER, WALL))
    assert np.mean(both.face_labels != expected) < 0.005
    assert both.centre_mm.tolist() == [0, 0, 0]


def test_the_two_sides_of_a_ball_are_outer_and_inner_surface() -> None:
    ball = sphere(10, (0, 0, 85), subdivisions=3).mesh
    labels = split_surfaces(ball, inside_mm=(0, 0, 0)).face_labels
    upper = ball.triangles_center[:, 2] > 85
    assert set(labels[upper]) == {OUTER, WALL}
    assert set(labels[~upper]) == {INNER, WALL}


def test_an_inside_out_mesh_has_its_surfaces_swapped() -> None:
    mesh = cap(90, 6, 20).mesh
    labels = split_surfaces(mesh, inside_mm=(0, 0, 0)).face_labels
    swapped = split_surfaces(plain_mesh(mesh.vertices, mesh.faces[:, ::-1]), inside_mm=(0, 0, 0)).face_labels
    assert np.array_equal(swapped == OUTER, labels == INNER)
    assert np.array_equal(swapped == INNER, labels == OUTER)


def test_a_mesh_that_is_not_a_shell_is_refused() -> None:
    mesh = cap(90, 6, 20).mesh
    sheet = plain_mesh(mesh.vertices, mesh.faces[np.linalg.norm(mesh.triangles_center, axis=1) > 89.5])
    with pytest.raises(MeshError, match="got none inner"):
        split_surfaces(sheet, inside_mm=(0, 0, 0))
    nothing = plain_mesh(np.zeros((3, 3)), [[0, 1, 2]])
    with pytest.raises(MeshError, match="face the point"):
        split_surfaces(nothing, inside_mm=(0, 0, 0))
    with pytest.raises(MeshError, match="without any area"):
        split_surfaces(nothing)
