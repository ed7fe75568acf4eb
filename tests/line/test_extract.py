"""Extracted surfaces are closed, wound outward, at the right place, and accurate between voxels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree
from shapes import box, cap, grid_around, oblique, random_rotation, signed_permutations, sphere

from meshimplant.errors import EmptyMaskError
from meshimplant.line.extract import extract
from meshimplant.mesh.crossings import find_crossings
from meshimplant.mesh.topology import as_written, topology_flaws
from meshimplant.voxels.volume import Volume

FAR = (230.0, -410.0, 390.0)


def assert_closed(mesh) -> None:
    assert {
        name: len(places) for name, places in topology_flaws(as_written(mesh)).items() if len(places)
    } == {}


@pytest.mark.parametrize("direction", [np.eye(3), -np.eye(3), oblique(), np.eye(3)[:, [1, 0, 2]]])
def test_the_surface_of_a_field_is_exact_to_a_hundredth_of_a_voxel_in_any_frame(direction) -> None:
    body = sphere(20).moved(random_rotation(1), FAR)
    mesh = extract(body.field((0.7, 0.8, 1.2), direction=direction))
    assert_closed(mesh)
    assert np.abs(body.distance(mesh.vertices)).max() < 0.02
    assert mesh.volume == pytest.approx(body.volume_mm3, rel=2e-3)


def test_normals_point_outward_in_all_48_orientations() -> None:
    body = cap(30, 6, 40).moved(translation_mm=FAR)
    volumes, bounds = [], []
    for direction in signed_permutations():
        mesh = extract(body.mask(1.5, direction=direction))
        volumes.append(mesh.volume)
        bounds.append(mesh.bounds)
    assert min(volumes) > 0
    assert np.ptp(volumes) / np.mean(volumes) < 0.02
    assert np.ptp(bounds, axis=0).max() < 1.5


def test_the_same_voxels_in_48_orientations_are_the_same_surface() -> None:
    mask = cap(30, 5, 50).moved(random_rotation(3), FAR).mask((1.0, 1.2, 1.5))
    expected = extract(mask)
    for orientation in ("LPS", "RAS", "LPI", "SRA", "AIR", "PSL"):
        mesh = extract(mask.reorient(orientation))
        assert mesh.volume == pytest.approx(expected.volume, rel=2e-4)
        assert len(mesh.vertices) == len(expected.vertices)
        assert cKDTree(expected.vertices).query(mesh.vertices)[0].max() < 1e-3


def test_the_mesh_of_a_mask_keeps_its_volume_and_has_little_staircase() -> None:
    body = cap(90, 6, 30)
    mesh = extract(body.mask((0.5, 0.5, 1.0)))
    assert_closed(mesh)
    assert mesh.volume == pytest.approx(body.volume_mm3, rel=3e-3)
    polar = np.degrees(np.arccos(mesh.vertices[:, 2] / np.linalg.norm(mesh.vertices, axis=1)))
    assert np.sqrt(np.mean(body.distance(mesh.vertices[polar < 27]) ** 2)) < 0.115


def test_a_probability_is_not_thresholded_first() -> None:
    body = sphere(15)
    field = body.field(1.0)
    probability = Volume(
        (1 / (1 + np.exp(-np.clip(field.array, -5, 5) / 0.8))).astype(np.float32), field.affine
    )
    mesh = extract(probability)
    assert np.abs(body.distance(mesh.vertices)).max() < 0.05
    assert extract(probability, level=0.9).volume < 0.8 * mesh.volume


def test_a_float_mask_of_two_values_is_a_mask() -> None:
    mask = sphere(15).mask(1.0)
    as_float = Volume(mask.array.astype(np.float32), mask.affine)
    assert np.array_equal(extract(as_float).vertices, extract(mask).vertices)


def test_hounsfield_integers_with_a_level_are_meshed_between_voxels() -> None:
    body = sphere(15)
    field = body.field(1.0)
    ct = Volume(np.clip(field.array * 200 + 300, -1000, 2000).astype(np.int16), field.affine)
    assert np.abs(body.distance(extract(ct, level=300).vertices)).max() < 0.05


@pytest.mark.parametrize("kind", ["mask", "field"])
def test_a_body_cut_by_the_edge_of_the_array_is_closed_there(kind) -> None:
    grid = grid_around((-10, -10, -10), (10, 10, 10), 1.0, margin_mm=0)
    body = sphere(13)
    volume = body.mask(1.0, grid=grid) if kind == "mask" else body.field(1.0, grid=grid)
    mesh = extract(volume, level=0)
    assert_closed(mesh)
    assert mesh.extents == pytest.approx(21.0, abs=0.1)


def test_surfaces_through_voxel_centres_have_no_faces_without_area() -> None:
    mesh = extract(box((20, 20, 20)).field(1.0))
    assert_closed(mesh)
    assert mesh.area_faces.min() > 1e-5
    noise = np.round(np.random.default_rng(0).normal(size=(24, 24, 24)))
    wild = extract(Volume(noise, np.eye(4)), level=0.0)
    assert_closed(wild)
    assert wild.area_faces.min() > 0
    assert len(find_crossings(as_written(wild))) == 0


def test_single_voxels_and_thin_sheets_survive() -> None:
    sheet = np.zeros((20, 20, 9), np.uint8)
    sheet[3:17, 3:17, 4] = 1
    mesh = extract(Volume(sheet, np.eye(4)))
    assert len(mesh.split()) == 1
    assert mesh.extents[:2] == pytest.approx(13.5, abs=0.6)
    dot = np.zeros((5, 5, 5), bool)
    dot[2, 2, 2] = True
    assert extract(Volume(dot, np.eye(4))).volume > 0


@pytest.mark.parametrize("value", [0, 1, 7])
def test_a_constant_volume_is_refused(value) -> None:
    with pytest.raises(EmptyMaskError, match="expected a body with air around it"):
        extract(Volume(np.full((5, 5, 5), value, np.int32), np.eye(4)))


def test_a_level_above_every_value_is_refused() -> None:
    with pytest.raises(EmptyMaskError, match="at or below the level 3"):
        extract(sphere(2).field(1.0), level=3)


def test_the_input_is_not_modified() -> None:
    volume = cap(30, 5, 40).field(1.0)
    before = volume.array.copy()
    extract(volume)
    assert np.array_equal(volume.array, before)
