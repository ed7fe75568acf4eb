"""A closed surface becomes exactly the voxels whose centres lie inside it."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from meshimplant.errors import EmptyMaskError, GeometryError, MeshError
from meshimplant.voxels.voxelize import voxelize

PLACES = [np.zeros(3), np.array([-213.37, 402.11, 1371.9])]


def _turned(mesh: trimesh.Trimesh, seed: int, place) -> trimesh.Trimesh:
    matrix = trimesh.transformations.random_rotation_matrix(np.random.default_rng(seed).random(3))
    matrix[:3, 3] = place
    return trimesh.Trimesh(trimesh.transform_points(mesh.vertices, matrix), mesh.faces, process=False)


@pytest.mark.parametrize("place", PLACES)
def test_a_ball_contains_exactly_the_voxels_within_its_radius(place):
    ball = trimesh.creation.icosphere(subdivisions=5, radius=20)
    ball.apply_translation(place)
    mask = voxelize(ball, spacing_mm=0.7)
    far = np.linalg.norm(mask.to_mm(np.moveaxis(np.indices(mask.shape), 0, -1)) - place, axis=-1)
    assert mask.array.dtype == np.uint8
    assert (mask.array[far < 19.98] == 1).all()
    assert (mask.array[far > 20] == 0).all()
    assert not mask.array[[0, 1, -1]].any()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("place", PLACES)
def test_a_rotated_box_contains_exactly_the_voxels_within_its_walls(seed, place):
    box = _turned(trimesh.creation.box((30, 18, 7)), seed, place)
    mask = voxelize(box, spacing_mm=0.6)
    points = mask.to_mm(np.moveaxis(np.indices(mask.shape), 0, -1)).reshape(-1, 3)
    depth = ((points[:, None] - box.triangles_center) * box.face_normals).sum(-1).max(-1)
    np.testing.assert_array_equal(mask.array.ravel()[np.abs(depth) > 1e-3], (depth < 0)[np.abs(depth) > 1e-3])


def test_faces_and_edges_on_voxel_centres_leave_no_streaks():
    """Every vertex, edge and face of this box lies exactly on the grid."""
    box = trimesh.creation.box((16, 12, 8)).subdivide().subdivide().subdivide()
    mask = voxelize(box, spacing_mm=1.0)
    index = np.argwhere(mask.array)
    size = np.ptp(index, axis=0) + 1
    assert size.tolist() == [16, 12, 8]
    assert len(index) == size.prod()


def test_cavities_stay_empty_and_overlaps_unite():
    outer = trimesh.creation.icosphere(subdivisions=4, radius=20)
    inner = trimesh.creation.icosphere(subdivisions=4, radius=15)
    shell = trimesh.Trimesh(
        np.vstack([outer.vertices, inner.vertices]),
        np.vstack([outer.faces, inner.faces[:, ::-1] + len(outer.vertices)]),
    )
    assert np.count_nonzero(voxelize(shell, spacing_mm=0.8).array) * 0.512 == pytest.approx(
        shell.volume, rel=0.01
    )
    moved = outer.copy()
    moved.apply_translation((10, 0, 0))
    both = trimesh.util.concatenate([outer, moved])
    united = trimesh.boolean.union([outer, moved], engine="manifold").volume
    assert np.count_nonzero(voxelize(both, spacing_mm=0.8).array) * 0.512 == pytest.approx(united, rel=0.01)


def test_an_inside_out_or_inconsistent_surface_gives_the_same_body():
    ball = trimesh.creation.icosphere(subdivisions=3, radius=20)
    expected = voxelize(ball, spacing_mm=1.0).array
    faces = np.asarray(ball.faces)
    turned = trimesh.Trimesh(ball.vertices, faces[:, ::-1], process=False)
    mixed = trimesh.Trimesh(ball.vertices, np.vstack([faces[::2], faces[1::2, ::-1]]), process=False)
    np.testing.assert_array_equal(voxelize(turned, spacing_mm=1.0).array, expected)
    np.testing.assert_array_equal(voxelize(mixed, spacing_mm=1.0).array, expected)


def test_bodies_that_touch_along_an_edge_are_closed():
    a, b = trimesh.creation.box((10, 10, 10)), trimesh.creation.box((10, 10, 10))
    b.apply_translation((10, 10, 0))
    both = trimesh.util.concatenate([a, b])
    both.merge_vertices()
    assert not both.is_watertight  # four faces share the edge
    assert np.count_nonzero(voxelize(both, spacing_mm=0.5).array) * 0.125 == pytest.approx(2000, rel=0.06)


def test_neither_chunks_nor_huge_triangles_matter(monkeypatch):
    box = _turned(trimesh.creation.box((60, 50, 40)), 1, PLACES[1])
    whole = voxelize(box, spacing_mm=1.0).array
    monkeypatch.setattr("meshimplant.voxels.voxelize._CHUNK", 50)
    np.testing.assert_array_equal(voxelize(box, spacing_mm=1.0).array, whole)


def test_the_input_is_not_modified():
    ball = trimesh.creation.icosphere(radius=10)
    before = ball.vertices.tobytes() + ball.faces.tobytes()
    voxelize(ball)
    assert ball.vertices.tobytes() + ball.faces.tobytes() == before


def test_open_huge_and_thin_surfaces_are_refused():
    ball = trimesh.creation.icosphere(subdivisions=2, radius=20)
    with pytest.raises(MeshError, match="3 open edges"):
        voxelize(trimesh.Trimesh(ball.vertices, ball.faces[1:], process=False))
    with pytest.raises(MeshError, match="without faces"):
        voxelize(trimesh.Trimesh())
    with pytest.raises(GeometryError, match="million voxels"):
        voxelize(ball, spacing_mm=0.01)
    sheet = trimesh.creation.box((20, 20, 0.1))
    sheet.apply_translation((0, 0, 0.5))
    with pytest.raises(EmptyMaskError, match="smaller spacing"):
        voxelize(sheet, spacing_mm=1.0)
