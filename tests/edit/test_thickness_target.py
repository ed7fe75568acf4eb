"""Wanted thickness: faded at the border, raised at fixation points, and made so on every part of the head."""

from __future__ import annotations

from typing import Any

import igl
import numpy as np
import pytest
import trimesh
from defects import PLACES, ellipsoid_cap
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapes import cap, random_rotation

from meshimplant.check.check_solid import check_solid
from meshimplant.edit.thickness import set_thickness
from meshimplant.edit.thickness_target import feather, thicken_at
from meshimplant.errors import InputError, MeshError
from meshimplant.implant.surfaces import INNER, OUTER, WALL, split_surfaces
from meshimplant.implant.wall_thickness import measure_thickness

FAR_MM = (300.0, -250.0, 180.0)


def _errors(
    result: trimesh.Trimesh, before: trimesh.Trimesh, target: NDArray[np.float64], *, margin_mm: float = 5.0
) -> NDArray[np.float64]:
    """Deviation of the inner vertices' depth below the old outer surface from the local target."""
    surfaces = split_surfaces(before)
    sheet = np.asarray(before.faces)[surfaces.face_labels == OUTER]
    rim = np.asarray(before.vertices)[surfaces.vertex_labels == WALL]
    after = split_surfaces(result)
    inner = np.asarray(result.vertices)[after.vertex_labels != OUTER]
    squared, face, foot = igl.point_mesh_squared_distance(inner, np.asarray(before.vertices), sheet)[:3]
    weights = trimesh.triangles.points_to_barycentric(before.vertices[sheet[face]], foot)
    away = (cKDTree(rim).query(foot)[0] > margin_mm) & (np.sqrt(squared) > 0.5)
    assert away.sum() > 500
    return np.asarray((np.sqrt(squared) - (weights * target[sheet[face]]).sum(axis=1))[away])


def _screws(mesh: trimesh.Trimesh, off_mm: float = 9.0) -> NDArray[np.float64]:
    """Three places on the outer surface, about `off_mm` from the border."""
    surfaces = split_surfaces(mesh)
    outer = np.asarray(mesh.vertices)[surfaces.vertex_labels == OUTER]
    border = cKDTree(np.asarray(mesh.vertices)[surfaces.vertex_labels == WALL]).query(outer)[0]
    ring = outer[np.abs(border - off_mm) < 1]
    first = int(np.argmax(ring @ (0.3, -0.5, 0.8)))
    second = int(np.argmax(np.linalg.norm(ring - ring[first], axis=1)))
    both = np.minimum(*(np.linalg.norm(ring - ring[n], axis=1) for n in (first, second)))
    return ring[[first, second, int(np.argmax(both))]]


@pytest.mark.parametrize("place", PLACES)
def test_bosses_and_a_feathered_rim_are_made_as_asked_everywhere(place: str) -> None:
    mesh = ellipsoid_cap(place, thin_mm=5, thick_mm=9).mesh
    screws = _screws(mesh)
    target = thicken_at(mesh, feather(mesh, 3.0, width_mm=8, rim_mm=4.5), screws, thickness_mm=6, radius_mm=5)
    result = set_thickness(mesh, target)
    assert check_solid(result).findings == ()
    errors = _errors(result, mesh, target)
    assert np.median(np.abs(errors)) <= 0.03
    assert np.percentile(errors, 95) - np.percentile(errors, 5) <= 0.2
    wall = measure_thickness(result)
    outer = wall.surfaces.vertex_labels == OUTER
    nearest = cKDTree(screws).query(result.vertices)[0]
    np.testing.assert_allclose(wall.thickness_mm[outer & (nearest < 4)], 6, atol=0.15)
    plain = outer & (nearest > 20) & (wall.border_mm > 9)
    assert plain.sum() > 30
    np.testing.assert_allclose(wall.thickness_mm[plain], 3, atol=0.1)


def test_the_map_says_what_was_asked_and_rises_gently() -> None:
    mesh = cap(90, 7, 25, edge_mm=1.0).mesh
    screw = np.array([0.0, 20.0, np.sqrt(90**2 - 20**2)])
    target = thicken_at(mesh, 3.0, screw * 1.05, thickness_mm=6, radius_mm=5)
    away = np.linalg.norm(mesh.vertices - screw, axis=1)
    outer = np.linalg.norm(mesh.vertices, axis=1) > 89.9
    assert (target[outer & (away < 5)] == 6).all()
    assert (target[away > 5 + 1.5 * 3 / 0.43] == 3).all()
    edges = mesh.edges_unique[outer[mesh.edges_unique].all(axis=1)]
    length = np.linalg.norm(np.diff(mesh.vertices[edges], axis=1)[:, 0], axis=1)
    rise = np.abs(np.diff(target[edges], axis=1))[:, 0] / length
    assert 0.4 < rise.max() <= 0.43
    inner = split_surfaces(set_thickness(mesh, target)).vertex_labels == INNER
    assert inner.mean() > 0.35, "a flank must not count as border"


def test_a_thicker_wall_is_not_thinned_by_a_boss() -> None:
    mesh = cap(90, 8, 20).mesh
    np.testing.assert_array_equal(thicken_at(mesh, 6.0, (0, 0, 90), thickness_mm=4), 6.0)


def test_a_feather_fades_from_the_rims_thickness_to_the_target() -> None:
    mesh = cap(90, 8, 25, edge_mm=1.5).mesh
    border = cKDTree(mesh.vertices[split_surfaces(mesh).vertex_labels == WALL]).query(mesh.vertices)[0]
    own = feather(mesh, 4.0, width_mm=10)
    given = feather(mesh, 4.0, width_mm=10, rim_mm=2.0)
    assert (own[border > 10] == 4).all()
    assert (given[border > 10] == 4).all()
    np.testing.assert_allclose(own[border == 0], 8, atol=0.05)
    np.testing.assert_array_equal(given[border == 0], 2)
    np.testing.assert_allclose(given[np.abs(border - 5) < 0.3], 3, atol=0.1)
    np.testing.assert_array_equal(feather(mesh, 4.0, width_mm=0), 4)


def test_a_rigid_motion_moves_the_map_along() -> None:
    here, turn = ellipsoid_cap("frontal").mesh, random_rotation(5)
    there = here.copy()
    there.vertices = here.vertices @ turn.T + FAR_MM
    maps = [
        thicken_at(mesh, feather(mesh, 3.0, width_mm=8), points, thickness_mm=6)
        for mesh, points in ((here, _screws(here)), (there, _screws(here) @ turn.T + FAR_MM))
    ]
    np.testing.assert_allclose(maps[1], maps[0], atol=0.03)


def test_nothing_edits_its_input_and_nan_takes_the_nearest() -> None:
    mesh = cap(90, 8, 20).mesh
    target = np.full(len(mesh.vertices), 3.0)
    target[np.linalg.norm(mesh.vertices, axis=1) < 89] = np.nan
    before = target.copy()
    raised = thicken_at(mesh, target, [(0, 0, 90)], thickness_mm=5)
    np.testing.assert_array_equal(target, before)
    assert np.isfinite(raised).all()
    assert (raised.min(), raised.max()) == (3, 5)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"points_mm": (0, 0, 120)}, InputError, r"\[0\.0, 0\.0, 120\.0\], 30\.0 mm off"),
        ({"points_mm": (0, np.nan, 90)}, InputError, "finite"),
        ({"points_mm": [(0, 90)]}, InputError, r"\(k, 3\)"),
        ({"points_mm": np.zeros((0, 3))}, InputError, r"\(k, 3\)"),
        ({"radius_mm": 0}, InputError, "radius above 0"),
        ({"radius_mm": 0.5}, MeshError, "finer mesh"),
        ({"thickness_mm": 50}, InputError, r"0\.3 to 30"),
        ({"thickness_mm": float("nan")}, InputError, "nan"),
        ({"target_mm": [3.0, 4.0]}, InputError, "one per vertex"),
        ({"target_mm": float("nan")}, InputError, "nan at all"),
    ],
)
def test_impossible_bosses_are_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    wish = {"target_mm": 3.0, "points_mm": (0, 0, 90), "thickness_mm": 5} | changes
    with pytest.raises(error, match=message):
        thicken_at(cap(90, 8, 15).mesh, **wish)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width_mm": -1}, "feather width of 0 mm or more"),
        ({"width_mm": float("nan")}, "feather width of 0 mm or more"),
        ({"rim_mm": 0.1}, r"0\.3 to 30"),
        ({"rim_mm": [2.0]}, "one per vertex"),
        ({"target_mm": np.inf}, r"0\.3 to 30"),
    ],
)
def test_impossible_feathers_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        feather(cap(90, 8, 15).mesh, **({"target_mm": 3.0, "width_mm": 5.0} | changes))
