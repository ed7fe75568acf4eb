"""Holes through caps whose surfaces, border and volume are known, in several places far from the origin."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial import cKDTree
from shapes import cap, oblique, random_rotation
from theatre_parts import ANGLE, CENTRE, RADIUS, REGIONS, WALL, on_cap, part, polar_mm, turned_to
from trimesh import Trimesh

from meshimplant.check.check_solid import check_solid
from meshimplant.errors import InputError, MeshError
from meshimplant.implant.features import Feature
from meshimplant.mesh.rays import RayCaster
from meshimplant.mesh.topology import handles
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.theatre.perforate import Perforated, perforate


def points_of(result: Perforated) -> np.ndarray:
    return np.array([feature.point_mm for feature in result.features])


def hole_mm3(diameter: float, edge: str = "rounded", size: float = 0.3) -> float:
    """Return the exact volume of a hole along a radius of the cap."""
    a = diameter / 2

    def wall(r: float) -> float:
        return 2 * np.pi * r * (np.sqrt(RADIUS**2 - r * r) - np.sqrt((RADIUS - WALL) ** 2 - r * r))

    straight = quad(wall, 0, a)[0]
    if edge == "sharp":
        return straight
    if edge == "countersunk":
        return straight + 2 * np.pi * (a + size / 3) * size**2
    middle = a + size * (10 - 3 * np.pi) / (12 - 3 * np.pi)
    return straight + 2 * 2 * np.pi * middle * size**2 * (1 - np.pi / 4)


@pytest.fixture(scope="module")
def drained() -> dict[str, Perforated]:
    return {region: perforate(part(region).mesh) for region in REGIONS}


@pytest.mark.parametrize("region", REGIONS)
def test_holes_are_even_along_the_normal_and_of_exact_volume(drained, region):
    result = drained[region]
    points, count = points_of(result), len(result.features)
    assert check_solid(result.mesh).passed
    assert handles(result.mesh) == count == result.measures["perforation_count"] > 15
    removed = part(region).mesh.volume - result.mesh.volume
    assert removed == pytest.approx(count * hole_mm3(2.0), rel=0.01)
    assert result.measures["perforation_removed_mm3"] == pytest.approx(removed, rel=1e-3)
    assert result.measures["perforation_weight_saved_g"] == pytest.approx(removed / 1000 * 1.3, rel=1e-3)
    np.testing.assert_allclose(np.linalg.norm(points - CENTRE, axis=1), RADIUS, atol=0.02)
    axes = np.array([feature.axis for feature in result.features])
    inward = (CENTRE - points) / RADIUS
    assert np.degrees(np.arccos((axes * inward).sum(axis=1).min())) < 1.0
    lengths = np.array([feature.length_mm for feature in result.features])
    np.testing.assert_allclose(lengths, WALL, atol=0.02)
    assert not RayCaster(result.mesh).blocked(points - 5 * axes, axes, reach_mm=20).any()
    assert result.findings == ()


@pytest.mark.parametrize("region", REGIONS)
def test_holes_keep_their_distances_and_leave_no_place_empty(drained, region):
    result = drained[region]
    points = points_of(result)
    nearest = cKDTree(points).query(points, 2)[0][:, 1]
    assert nearest.min() >= 10.0
    assert nearest.std() < 0.1 * nearest.mean()
    assert result.measures["perforation_spacing_min_mm"] == pytest.approx(nearest.min(), abs=1e-3)
    wall = nearest.min() * (RADIUS - WALL) / RADIUS - 2
    assert result.measures["perforation_ligament_min_mm"] == pytest.approx(wall, abs=0.02)
    border = np.radians(ANGLE) * RADIUS
    assert polar_mm(points, region).max() <= border - 9 + 0.05
    vertices = np.asarray(part(region).mesh.vertices)
    outer = vertices[np.linalg.norm(vertices - CENTRE, axis=1) > RADIUS - 0.1]
    region_points = outer[polar_mm(outer, region) <= border - 9]
    assert cKDTree(points).query(region_points)[0].max() <= 10.0


def test_the_same_part_gives_the_same_bytes(drained):
    again = perforate(part("parietal").mesh)
    np.testing.assert_array_equal(again.mesh.vertices, drained["parietal"].mesh.vertices)
    np.testing.assert_array_equal(again.mesh.faces, drained["parietal"].mesh.faces)


def test_labels_run_from_the_top_row_to_the_bottom_one(drained):
    features = drained["parietal"].features
    assert [feature.label for feature in features] == [f"D{n}" for n in range(1, len(features) + 1)]
    heights = points_of(drained["parietal"])[:, 2]
    assert heights[0] > heights.mean() > heights[-1]


@pytest.mark.parametrize("edge", ["rounded", "countersunk", "sharp"])
def test_the_ends_of_holes_have_the_prescribed_shape(edge):
    spec = PerforationSpec(diameter_mm=3, spacing_mm=14, edge=edge, edge_mm=0.5)
    before = part().mesh
    result = perforate(before, spec)
    removed = before.volume - result.mesh.volume
    assert removed == pytest.approx(len(result.features) * hole_mm3(3.0, edge, 0.5), rel=0.01)
    wall_to_surface = {"rounded": 35.0, "countersunk": 50.0, "sharp": 91.0}
    assert sharpest_deg(result) == pytest.approx(wall_to_surface[edge], abs=8)


def sharpest_deg(result: Perforated) -> float:
    """Return the largest angle between neighbouring faces at the rims of the holes."""
    mesh = result.mesh
    middles = mesh.vertices[mesh.face_adjacency_edges].mean(axis=1)
    near = cKDTree(points_of(result)).query(middles)[0] < 3.5
    return float(np.degrees(mesh.face_adjacency_angles[near].max()))


def test_edges_are_round_where_the_wall_tapers():
    mesh = cap(RADIUS, 6.0, 25.0, edge_mm=2.0).moved(oblique(), CENTRE).mesh
    arm = mesh.vertices - CENTRE
    radius = np.linalg.norm(arm, axis=1)
    lean = 0.08 * (arm @ oblique()[:, 0]) * (RADIUS - radius) / 6.0
    mesh.vertices = mesh.vertices + (lean / radius)[:, None] * arm
    result = perforate(mesh, PerforationSpec(diameter_mm=3, edge_mm=0.5))
    assert check_solid(result.mesh).passed
    exits = [np.add(f.point_mm, np.multiply(f.length_mm, f.axis)) for f in result.features]
    middles = result.mesh.vertices[result.mesh.face_adjacency_edges].mean(axis=1)
    near = cKDTree(exits).query(middles)[0] < 2.5
    assert np.degrees(result.mesh.face_adjacency_angles[near].max()) < 43


def test_slots_run_along_the_border_and_have_exact_volume():
    before = part().mesh
    result = perforate(before, PerforationSpec(slot_mm=8, spacing_mm=12, edge="sharp"))
    assert check_solid(result.mesh).passed
    assert {feature.kind for feature in result.features} == {"slot"}
    length = 6.0
    exact = hole_mm3(2.0, "sharp") + 2 * length * WALL
    removed = (before.volume - result.mesh.volume) / len(result.features)
    assert removed == pytest.approx(exact, rel=0.02)
    for feature in result.features:
        assert np.linalg.norm(feature.span_mm) == pytest.approx(length)
        assert abs(np.dot(feature.span_mm, feature.axis)) < 1e-6
        middle = CENTRE + RADIUS * turned_to(REGIONS["parietal"])[:, 2]
        towards_middle = middle - feature.point_mm
        if np.linalg.norm(towards_middle) > 15:
            cosine = np.dot(feature.span_mm, towards_middle) / length / np.linalg.norm(towards_middle)
            assert abs(cosine) < 0.1


def test_suture_pairs_follow_the_border_and_two_holes_lie_at_the_middle():
    result = perforate(part(angle=35).mesh, PerforationSpec(pattern="border", tenting=2))
    points = points_of(result)
    kinds = [feature.kind for feature in result.features]
    assert kinds[:2] == ["tenting", "tenting"]
    assert set(kinds[2:]) == {"suture"}
    np.testing.assert_allclose(polar_mm(points[:2], "parietal"), 2.5, atol=0.6)
    assert np.linalg.norm(points[1] - points[0]) == pytest.approx(5, abs=0.05)
    border = np.radians(35) * RADIUS
    np.testing.assert_allclose(border - polar_mm(points[2:], "parietal"), 9, atol=0.6)
    pairs = points[2:].reshape(-1, 2, 3)
    np.testing.assert_allclose(np.linalg.norm(pairs[:, 1] - pairs[:, 0], axis=1), 5, atol=0.3)
    middles = pairs.mean(axis=1)
    apart = np.linalg.norm(np.roll(middles, -1, axis=0) - middles, axis=1)
    assert len(pairs) == int(2 * np.pi * RADIUS * np.sin((border - 9) / RADIUS) / 25)
    assert apart.std() < 0.5
    assert handles(result.mesh) == len(result.features)


def test_places_of_the_user_are_used_and_those_that_cannot_be_are_named():
    border = np.radians(ANGLE) * RADIUS
    places = [on_cap(5, 0), on_cap(border - 4, 90), on_cap(6.9, 0), on_cap(border - 2, 180), on_cap(20, 270)]
    away = CENTRE + 1.2 * (on_cap(20, 45) - CENTRE)
    result = perforate(part().mesh, places_mm=[*places, away])
    assert [feature.label for feature in result.features] == ["D1", "D2", "D5"]
    np.testing.assert_allclose(points_of(result), np.array(places)[[0, 1, 4]], atol=0.05)
    named = [(finding.code, finding.message.split()[2]) for finding in result.findings]
    assert named == [("perforation.left_out", label) for label in ("D3", "D4", "D6")]
    reasons = ["wall to another hole", "too near to the border", "away from the outer surface"]
    assert all(reason in f.message for reason, f in zip(reasons, result.findings, strict=True))


def test_holes_along_a_curve_are_evenly_spaced():
    curve = np.array([on_cap(25, turn) for turn in np.linspace(0, 120, 30)])
    result = perforate(part().mesh, PerforationSpec(spacing_mm=8), places_mm=curve, along="curve")
    points = points_of(result)
    apart = np.linalg.norm(np.diff(points, axis=0), axis=1)
    length = 2 * np.pi * RADIUS * np.sin(25 / RADIUS) / 3
    assert len(points) == int(length / 8) + 1
    np.testing.assert_allclose(apart, length / int(length / 8), rtol=0.02)
    assert {feature.kind for feature in result.features} == {"suture"}


def test_holes_keep_away_from_what_the_part_has_already():
    first = perforate(part(edge_mm=3.0).mesh, places_mm=[on_cap(10, 0), on_cap(20, 120)])
    again = perforate(first.mesh, PerforationSpec(), features=first.features)
    old, new = points_of(first), points_of(again)
    assert cKDTree(old).query(new)[0].min() >= 2 + 1 + 1 - 0.05
    assert {feature.label for feature in again.features}.isdisjoint(f.label for f in first.features)
    assert handles(again.mesh) == len(first.features) + len(again.features)
    unknown = perforate(first.mesh, PerforationSpec())
    assert cKDTree(old).query(points_of(unknown))[0].min() >= 2 + 1 + 1 - 0.3


def test_a_part_that_is_mostly_open_is_named():
    place = [on_cap(25, 0)]
    axis = -turned_to(REGIONS["parietal"])[:, 2]
    window = Feature("drainage", "D9", (*on_cap(0, 0),), (*axis,), 40.0, WALL)
    area = 2 * np.pi * RADIUS**2 * (1 - np.cos(np.radians(ANGLE)))
    few, many = (
        perforate(part().mesh, places_mm=place, features=[each])
        for each in (replace(window, diameter_mm=30.0), replace(window, diameter_mm=42.0))
    )
    assert not few.findings
    assert [finding.code for finding in many.findings] == ["perforation.open"]
    open_mm2 = np.pi * (21**2 + 1)
    assert many.measures["perforation_open_fraction"] == pytest.approx(open_mm2 / area, rel=0.01)


def test_a_part_without_room_is_refused():
    with pytest.raises(MeshError, match="room for a hole"):
        perforate(part(angle=6).mesh)


def test_places_far_from_the_part_are_refused():
    with pytest.raises(InputError, match="one frame"):
        perforate(part().mesh, places_mm=[[0.0, 0, 0]])
    with pytest.raises(InputError, match=r"shape \(2,\)"):
        perforate(part().mesh, places_mm=[1.0, 2.0])


def test_an_open_mesh_is_refused():
    mesh = part().mesh
    with pytest.raises(MeshError):
        perforate(Trimesh(mesh.vertices, mesh.faces[5:], process=False))


def test_a_part_that_crosses_itself_is_refused():
    mesh = part().mesh
    inner = np.linalg.norm(mesh.vertices - CENTRE, axis=1) < RADIUS - 3
    crossing = np.linalg.norm(mesh.vertices - on_cap(0, 0), axis=1) < 8
    mesh.vertices = mesh.vertices + 7.0 * (inner & crossing)[:, None] * turned_to(REGIONS["parietal"])[:, 2]
    with pytest.raises(MeshError, match="repair it first"):
        perforate(mesh, places_mm=[on_cap(20, 0)])


def test_the_face_budget_is_kept():
    result = perforate(part(edge_mm=3.0).mesh, places_mm=[on_cap(0, 0), on_cap(20, 90)], max_faces=3_000)
    assert len(result.mesh.faces) <= 3_000
    assert check_solid(result.mesh).passed
    assert handles(result.mesh) == len(result.features)


@pytest.mark.slow
def test_two_hundred_holes_take_seconds():
    mesh = cap(RADIUS, WALL, 38, edge_mm=1.0).moved(random_rotation(3), CENTRE).mesh
    start = time.process_time()
    result = perforate(mesh, PerforationSpec(spacing_mm=5))
    assert time.process_time() - start < 15
    assert len(result.features) > 190
