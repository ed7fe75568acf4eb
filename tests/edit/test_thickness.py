"""set_thickness: the wall asked for, on caps of varying curvature and thickness; the outer surface stays."""

from __future__ import annotations

import igl
import numpy as np
import pytest
import trimesh
from defects import PLACES, CurvedCap, conical_defect, ellipsoid_cap
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapes import cap, joined, random_rotation

from meshimplant.check.check_solid import check_solid
from meshimplant.edit.thickness import set_thickness
from meshimplant.edit.trim import trim
from meshimplant.errors import InputError, MeshError
from meshimplant.implant.surfaces import INNER, OUTER, split_surfaces
from meshimplant.implant.wall_thickness import measure_thickness

FAR_MM = (300.0, -250.0, 180.0)


def _inner_depths(result: trimesh.Trimesh, body: CurvedCap, *, margin_mm: float = 5.0) -> NDArray[np.float64]:
    """Exact distance of the result's inner vertices from the analytic outer surface, away from the border."""
    surfaces = split_surfaces(result)
    inner = result.vertices[surfaces.vertex_labels == INNER]
    wall = result.vertices[surfaces.vertex_labels == 0]
    away = cKDTree(wall).query(inner)[0] > margin_mm
    assert away.sum() > 500
    return cKDTree(body.outer_points).query(inner[away])[0]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("target_mm", [3.0, 6.0, 10.5])
def test_the_asked_thickness_is_reached_on_every_part_of_the_head(place: str, target_mm: float) -> None:
    body = ellipsoid_cap(place)
    result = set_thickness(body.mesh, target_mm)
    depths = _inner_depths(result, body)
    assert np.median(np.abs(depths - target_mm)) <= 0.05
    assert np.percentile(depths, 95) - np.percentile(depths, 5) <= 0.3
    assert depths.min() > target_mm - 0.3
    assert result.is_watertight
    wall = measure_thickness(result)
    assert wall.median_mm == pytest.approx(target_mm, abs=0.1)
    assert wall.p95_mm - wall.p5_mm <= 0.6


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("target_mm", [3.0, 10.5])
def test_the_outer_surface_stays(place: str, target_mm: float) -> None:
    mesh = ellipsoid_cap(place).mesh
    before = mesh.vertices.copy()
    result = set_thickness(mesh, target_mm)
    surfaces = split_surfaces(mesh)
    outer = before[surfaces.vertex_labels == OUTER]
    assert cKDTree(result.vertices).query(outer)[0].max() < 1e-9
    after = np.asarray(result.vertices)[split_surfaces(result).vertex_labels == OUTER]
    sheet = np.asarray(mesh.faces)[surfaces.face_labels == OUTER]
    assert np.sqrt(igl.point_mesh_squared_distance(after, before, sheet)[0].max()) < 1e-9
    np.testing.assert_array_equal(mesh.vertices, before)


@pytest.mark.parametrize("place", PLACES)
def test_a_rigid_motion_changes_nothing(place: str) -> None:
    rotation = random_rotation(7)
    here = ellipsoid_cap(place)
    there = ellipsoid_cap(place, rotation=rotation, translation_mm=FAR_MM)
    results = [set_thickness(body.mesh, 5.0) for body in (here, there)]
    assert results[1].volume == pytest.approx(results[0].volume, rel=2e-4)
    back = (np.asarray(results[1].vertices) - FAR_MM) @ rotation
    apart = np.sqrt(igl.point_mesh_squared_distance(back, results[0].vertices, results[0].faces)[0])
    assert np.percentile(apart, 99) < 0.05
    for body, result in zip((here, there), results, strict=True):
        assert np.median(np.abs(_inner_depths(result, body) - 5.0)) < 0.02


def test_thinning_stays_inside_what_was_there() -> None:
    body = cap(90, 8, 30)
    result = set_thickness(body.mesh, 3.0)
    assert body.distance(np.asarray(result.vertices)).min() > -0.03
    assert result.volume == pytest.approx(2 / 3 * np.pi * (1 - np.cos(np.pi / 6)) * (90**3 - 87**3), rel=0.01)


def test_a_fraction_of_the_local_thickness() -> None:
    body = ellipsoid_cap("vertex", thin_mm=5, thick_mm=9)
    own = measure_thickness(body.mesh)
    half = measure_thickness(set_thickness(body.mesh, fraction=0.5))
    assert half.median_mm == pytest.approx(own.median_mm / 2, abs=0.1)
    assert half.p95_mm == pytest.approx(own.p95_mm / 2, abs=0.15)
    assert half.p5_mm == pytest.approx(own.p5_mm / 2, abs=0.15)


def test_a_map_is_followed() -> None:
    mesh = cap(90, 8, 25, edge_mm=1.5).mesh
    target = 4 + 2 * np.clip((mesh.vertices[:, 0] + 10) / 20, 0, 1)
    result = set_thickness(mesh, target)
    wall = measure_thickness(result)
    x = np.where(wall.counted, result.vertices[:, 0], np.nan)
    assert np.median(wall.thickness_mm[x < -15]) == pytest.approx(4, abs=0.05)
    assert np.median(wall.thickness_mm[x > 15]) == pytest.approx(6, abs=0.05)


def test_a_feathered_border_keeps_its_own_thickness() -> None:
    mesh = cap(90, 8, 25, edge_mm=1.5).mesh
    result = set_thickness(mesh, 4.0, feather_mm=10)
    wall = measure_thickness(result)
    middle = wall.border_mm > 14
    assert np.nanmedian(wall.thickness_mm[middle]) == pytest.approx(4, abs=0.05)
    rim = result.vertices[wall.border_mm < 1.0]
    assert np.linalg.norm(rim, axis=1).min() < 82.5


@pytest.mark.parametrize("lean_deg", [-35, 0, 35])
@pytest.mark.parametrize("target_mm", [3.5, 8.0])
def test_a_trimmed_part_stays_a_printable_solid(lean_deg: float, target_mm: float) -> None:
    defect = conical_defect(lean_deg=lean_deg, half_angle_deg=12, around_mm=8)
    part = trim(defect.plug(over_mm=3, edge_mm=1.0).mesh, defect.bone.mask((0.5, 0.5, 0.65)))
    result = set_thickness(part, target_mm)
    assert check_solid(result).findings == ()
    assert measure_thickness(result).median_mm == pytest.approx(target_mm, abs=0.05)


def test_two_bodies_stay_two() -> None:
    mesh = joined(cap(90, 6, 14).mesh, cap(90, 6, 14).moved(random_rotation(3)).mesh)
    result = set_thickness(mesh, 4.0, inside_mm=(0, 0, 0))
    assert result.body_count == 2
    assert measure_thickness(result, inside_mm=(0, 0, 0)).median_mm == pytest.approx(4, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either a thickness"),
        ({"target_mm": 4.0, "fraction": 0.5}, "either a thickness"),
        ({"target_mm": 0.1}, r"0\.3 to 30 mm"),
        ({"target_mm": 45.0}, r"0\.3 to 30 mm"),
        ({"fraction": 3.0}, "fraction of the local thickness"),
        ({"target_mm": [4.0, 5.0]}, "one per vertex"),
        ({"target_mm": float("nan")}, "nan at all"),
        ({"target_mm": 4.0, "feather_mm": -1.0}, "feather"),
    ],
)
def test_impossible_wishes_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        set_thickness(cap(90, 6, 15).mesh, **arguments)


def test_an_open_mesh_is_refused() -> None:
    mesh = cap(90, 6, 15).mesh
    mesh.update_faces(np.arange(len(mesh.faces)) > 5)
    with pytest.raises(MeshError, match="closed"):
        set_thickness(mesh, 4.0)


def test_an_inside_out_mesh_has_no_outer_surface() -> None:
    mesh = cap(90, 6, 20).mesh
    mesh.invert()
    with pytest.raises(MeshError):
        set_thickness(mesh, 4.0, inside_mm=(0, 0, 0))
