"""Plates, tabs and tangential screws of analytic parts: every size against surfaces known exactly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import trimesh
from analytic_head import AnalyticHead

from meshimplant.check.check_solid import check_solid
from meshimplant.check.gap import measure_penetration
from meshimplant.edit.bevel import bevel
from meshimplant.edit.insertion import find_insertion
from meshimplant.edit.thickness import set_thickness
from meshimplant.errors import InputError
from meshimplant.implant.features import near_features
from meshimplant.implant.site import Site
from meshimplant.mesh.convert import from_manifold, join_meshes, to_manifold
from meshimplant.mesh.cut_away import cut_away
from meshimplant.mesh.deviation import distances_mm
from meshimplant.mesh.rays import RayCaster
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.theatre.fixation import Fixation, fixate
from meshimplant.theatre.plates import PLATE_SIZES
from meshimplant.theatre.screws import SIZES
from meshimplant.voxels.distance import distance_outside
from meshimplant.voxels.fields import sample
from meshimplant.voxels.occupancy import occupancy

PLACES = {
    "vertex": AnalyticHead((0, 0, 1.0)),
    "parietal": AnalyticHead((0.8, 0.2, 0.55), turn_deg=(20, -15), shift_mm=(120, -250, 400)),
    "frontal": AnalyticHead((0, -0.85, 0.5)),
    "temporal": AnalyticHead((0.95, -0.2, 0.1), shift_mm=(-300, 80, 900)),
}


@lru_cache
def _site(head: AnalyticHead) -> Site:
    """Return the site of a head's part; it is computed once, and the tests of a place follow each other."""
    part = head.part(edge_mm=1.5)
    return Site.around(head.mask(0.65, around=part.vertices), part, inside_mm=head.placed(np.zeros(3)))


def _fixed(head: AnalyticHead, **fields) -> tuple[Fixation, Site]:
    return fixate(head.part(edge_mm=1.5), _site(head), spec=FixationSpec(**fields)), _site(head)


def _around(axis: np.ndarray, count: int = 8) -> np.ndarray:
    """Return unit vectors (count, 3) across an axis."""
    right = np.linalg.svd(axis[None])[2][1:]
    turn = np.arange(count) * 2 * np.pi / count
    return np.cos(turn)[:, None] * right[0] + np.sin(turn)[:, None] * right[1]


def _hole_diameters_mm(mesh, screw, along_mm: float) -> np.ndarray:
    """Return twice the distances (8,) from a screw's axis to its hole's wall, `along_mm` from its point."""
    axis = np.asarray(screw.axis)
    sideways = _around(axis)
    start = np.asarray(screw.point_mm) + along_mm * axis
    return 2 * RayCaster(mesh).first(np.broadcast_to(start, sideways.shape), sideways)[0]


def _require_screws_in_bone(head: AnalyticHead, fixation: Fixation) -> None:
    for screw in (each for each in fixation.screws if each.holds == "bone"):
        along = np.linspace(0, screw.length_mm, 400)
        points = np.asarray(screw.point_mm) + along[:, None] * np.asarray(screw.axis)
        unit = (points - np.asarray(head.shift_mm)) @ head.turn
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        beside = unit @ head.axis < np.cos(np.radians(head.half_angle_deg))
        in_bone = beside & (head.heights_mm(points) < 0) & (head.heights_mm(points, 1.0) > 0)
        held_mm = in_bone.mean() * screw.length_mm
        assert held_mm == pytest.approx(screw.held_mm, abs=0.35)
        assert held_mm >= 3.0
        assert in_bone[-1]
        assert head.heights_mm(points[-1:], 1.0) >= 0.3


@pytest.mark.parametrize("where", PLACES)
def test_plates_lie_in_recesses_of_their_depth_and_nowhere_proud(where):
    head = PLACES[where]
    fixation, _ = _fixed(head, plate="straight" if where == "vertex" else "dog-bone")
    size, screw_size = PLATE_SIZES[1.5], SIZES[1.5]
    assert check_solid(fixation.mesh).passed
    assert len(fixation.places) == 4
    assert not fixation.left_out
    _require_screws_in_bone(head, fixation)
    solid = to_manifold(fixation.mesh)
    rays = RayCaster(fixation.mesh)
    for plate, (held, own) in zip(
        fixation.plates, zip(*[iter(fixation.screws)] * 2, strict=True), strict=True
    ):
        assert (held.holds, own.holds) == ("bone", "part")
        assert head.heights_mm(plate.vertices).max() <= 0.3
        assert to_manifold(plate).volume() > 5
        assert (to_manifold(plate) ^ solid).volume() < 0.03 * to_manifold(plate).volume()
        axis = np.asarray(own.axis)
        floor = np.asarray(own.point_mm) - 3 * axis + 1.5 * _around(axis)
        depth = rays.first(floor, np.broadcast_to(axis, floor.shape))[0][:, None]
        np.testing.assert_allclose(head.heights_mm(floor + depth * axis), -size.thickness_mm, atol=0.05)
        np.testing.assert_allclose(_hole_diameters_mm(fixation.mesh, own, 2.0), screw_size.core_mm, atol=0.08)
        assert own.tip_to_inner_mm >= 0.3


@pytest.mark.parametrize("where", PLACES)
def test_tabs_follow_the_bone_and_the_part_still_goes_in(where):
    head = PLACES[where]
    fixation, site = _fixed(head, style="tabs", screw_mm=2.0 if where == "frontal" else 1.5)
    assert check_solid(fixation.mesh).passed
    assert len(fixation.places) == 4
    _require_screws_in_bone(head, fixation)
    assert find_insertion(fixation.mesh, site).free
    rays = RayCaster(fixation.mesh)
    for screw in fixation.screws:
        axis, hole_mm = np.asarray(screw.axis), SIZES[screw.diameter_mm].hole_mm
        ring = np.asarray(screw.point_mm) + (SIZES[screw.diameter_mm].head_mm / 2 + 0.8) * _around(axis)
        down, up = np.broadcast_to(axis, ring.shape), np.broadcast_to(-axis, ring.shape)
        top = ring - 3 * axis + rays.first(ring - 3 * axis, down)[0][:, None] * axis
        low = ring + 2 * axis - rays.first(ring + 2 * axis, up)[0][:, None] * axis
        np.testing.assert_allclose(np.linalg.norm(top - low, axis=1), 1.5, atol=0.03)
        np.testing.assert_allclose(head.heights_mm(low), 0.2, atol=0.05)
        np.testing.assert_allclose(_hole_diameters_mm(fixation.mesh, screw, 1.3), hole_mm, atol=0.08)
    over = near_features(fixation.mesh.vertices, [f for f in fixation.features if f.kind == "tab"])
    assert head.heights_mm(fixation.mesh.vertices[over]).max() <= 1.7 + 0.06


@pytest.mark.parametrize("where", PLACES)
def test_tangential_screws_cross_the_border_with_their_heads_sunk(where):
    head = PLACES[where]
    fixation, site = _fixed(head, style="tangential")
    assert check_solid(fixation.mesh).passed
    assert len(fixation.screws) == len(fixation.places) == 4
    _require_screws_in_bone(head, fixation)
    assert find_insertion(fixation.mesh, site).free
    size = SIZES[1.5]
    for screw in fixation.screws:
        point, axis = np.asarray(screw.point_mm), np.asarray(screw.axis)
        step = 0.01 * axis
        rise = np.diff(head.heights_mm(np.stack([point, point + step])))[0] / 0.01
        assert 28 <= np.degrees(np.arcsin(-rise)) <= 47
        rim = point - size.head_height_mm * axis + size.head_mm / 2 * _around(axis)
        assert head.heights_mm(rim).max() <= 0.1
        np.testing.assert_allclose(_hole_diameters_mm(fixation.mesh, screw, 0.4), size.hole_mm, atol=0.08)
    assert fixation.mesh.volume < head.part(edge_mm=1.5).volume - 4 * 3


def test_a_thin_part_gets_bosses_that_stay_behind_its_border():
    head = AnalyticHead((0, 0, 1.0), thickness_mm=5.0)
    part = set_thickness(head.part(edge_mm=1.5), 2.2, inside_mm=(0, 0, 0))
    fixation = fixate(part, _site(head), least_wall_mm=2.0)
    assert fixation.bosses == len(fixation.places) == 4
    assert check_solid(fixation.mesh).passed
    assert find_insertion(fixation.mesh, _site(head)).free
    rays = RayCaster(fixation.mesh)
    for screw in (each for each in fixation.screws if each.holds == "part"):
        axis = np.asarray(screw.axis)
        start = np.asarray(screw.point_mm) + 10 * axis + 1.2 * _around(axis)
        reach = rays.first(start, np.broadcast_to(-axis, start.shape))[0]
        assert (10 - reach).min() >= 3.25
        assert screw.held_mm >= 2.5


def test_thin_bone_is_passed_over_with_a_reason():
    head = AnalyticHead((0, 0, 1.0), thickness_mm=2.8)
    fixation = fixate(head.part(edge_mm=1.5), _site(head))
    assert fixation.places == ()
    assert len(fixation.left_out) == 4
    assert all("mm thick, 3.5 are needed" in each.reason for each in fixation.left_out)
    assert {finding.code for finding in fixation.findings} == {"fixation.left_out", "fixation.few"}


def test_a_part_of_two_bodies_is_fixed_in_both():
    heads = [AnalyticHead((side, 0, 0.3), axes_mm=(50.0, 60.0, 56.0)) for side in (1.0, -1.0)]
    masks = [head.mask(1.2) for head in heads]
    skull = masks[0].with_array(masks[0].array & masks[1].array)
    part = join_meshes([head.part(edge_mm=2.0) for head in heads])
    fixation = fixate(part, skull, spec=FixationSpec(count=3), inside_mm=(0, 0, 0))
    assert [place.label for place in fixation.places] == [f"P{number}" for number in range(1, 7)]
    assert [place.point_mm[0] > 0 for place in fixation.places] == [True] * 3 + [False] * 3
    assert len({feature.label for feature in fixation.features}) == 6 + 12
    assert check_solid(fixation.mesh, bodies=2).passed


def test_places_over_an_air_cell_are_moved_or_left_out():
    head = PLACES["vertex"]
    part, site = head.part(edge_mm=1.5), _site(head)
    mask = site.bone.mask
    points = mask.to_mm(np.argwhere(np.ones(mask.shape, bool)))
    sinus = (points[:, 0] > 0) & (np.abs(head.heights_mm(points) + 3.2) < 1.4)
    hollow = mask.with_array(np.where(sinus.reshape(mask.shape), 0, mask.array))
    fixation = fixate(part, hollow, inside_mm=(0, 0, 0))
    assert all(place.point_mm[0] < 1 for place in fixation.places)
    assert any("air cell" in each.reason for each in (*fixation.left_out, *fixation.places))


def test_given_points_are_kept_where_they_are():
    head = PLACES["vertex"]
    part = head.part(edge_mm=1.5)
    given = np.array([[31.0, 0, 78], [0, 32.0, 80], [-31.0, 1, 78]])
    fixation = fixate(part, _site(head), points_mm=given)
    made = np.array([place.point_mm for place in fixation.places])
    assert np.linalg.norm(made - given, axis=1).max() < 2
    with pytest.raises(InputError, match="within 10 mm of the part's border"):
        fixate(part, _site(head), points_mm=[[0, 0, 85]])
    with pytest.raises(InputError, match="finite"):
        fixate(part, _site(head), points_mm=[[0, np.nan, 85]])


def test_two_points_in_one_place_give_one_fixture():
    head = PLACES["vertex"]
    fixation = fixate(
        head.part(edge_mm=1.5), _site(head), points_mm=[[31.0, 0, 78], [31.0, 3, 78], [-31, 0, 78]]
    )
    assert len(fixation.places) == 2
    assert "P1 is" in fixation.left_out[0].reason


def test_the_same_part_is_fixed_the_same_way_twice():
    first, second = (_fixed(PLACES["temporal"], style="tabs")[0] for _ in range(2))
    assert first.mesh.vertices.tobytes() == second.mesh.vertices.tobytes()
    assert first.features == second.features


def test_places_are_even_and_symmetric_about_the_long_axis():
    fixation, _ = _fixed(PLACES["vertex"], count=6)
    points = np.array([place.point_mm for place in fixation.places])[:, :2]
    turn = np.sort(np.degrees(np.arctan2(*points.T)))
    assert np.ptp(np.diff(turn)) < 12
    mirrored = points * (-1, 1)
    assert np.linalg.norm(mirrored[:, None] - points, axis=2).min(axis=1).max() < 3


def test_tabs_stay_clear_of_every_voxel_of_rough_bone():
    head = AnalyticHead((0, 0, 1.0), thickness_mm=5.0)
    part = head.part(edge_mm=1.5)
    mask = head.mask(0.65, around=part.vertices)
    points = mask.to_mm(np.argwhere(np.ones(mask.shape, bool)))
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    bumps = 0.3 * np.prod(np.sin(2 * np.pi * points[:, :2] / 3.0), axis=1)
    rough = (head.heights_mm(points) < bumps) & (head.heights_mm(points, 1.0) > 0)
    rough &= unit @ head.axis < np.cos(np.radians(head.half_angle_deg))
    site = Site.around(mask.with_array(rough.reshape(mask.shape)), part, inside_mm=(0, 0, 0))
    fixation = fixate(part, site, spec=FixationSpec("tabs"))
    assert len(fixation.places) == 4
    away = -sample(site.bone.distance, fixation.mesh.vertices, fill=-1e3)
    measures, findings = measure_penetration(fixation.mesh, site.bone.mask, site.bone.distance, away)
    assert (measures["penetration_mm3"], findings) == (0.0, [])
    assert 1.7 < fixation.proud_mm < 1.85


def _surrounded(head: AnalyticHead, part: trimesh.Trimesh) -> Site:
    """Return the site of a part in a head whose bone keeps a clearance from the part on all sides."""
    whole = head.mask(0.65, whole=True, around=part.vertices)
    room = distance_outside(occupancy(part, whole), whole.spacing_mm) <= 0.8
    return Site.around(whole.with_array(whole.array * ~room), part, inside_mm=(0, 0, 0))


def test_the_root_of_a_tab_stays_behind_a_leaning_border():
    head = PLACES["vertex"]
    part = bevel(head.part(edge_mm=1.5), 40.0, inside_mm=(0, 0, 0)).mesh
    fixation = fixate(part, _surrounded(head, part), spec=FixationSpec("tabs", count=2))
    assert len(fixation.places) == 2
    added = from_manifold(to_manifold(fixation.mesh) - to_manifold(part))
    below = np.asarray(added.vertices)[head.heights_mm(added.vertices) < -0.3]
    assert not len(below) or distances_mm(below, part).max() < 0.1


def test_no_tab_is_rooted_across_an_acute_corner_of_the_part():
    head = PLACES["vertex"]
    part = head.part(edge_mm=1.5)
    for turn_deg in (0.0, 150.0):
        beside = trimesh.creation.box((60, 200, 100)).apply_translation((30, 0, 80))
        beside.apply_transform(trimesh.transformations.rotation_matrix(np.radians(turn_deg), (0, 0, 1)))
        part = cut_away(part, beside).mesh
    fixation = fixate(part, _surrounded(head, part), spec=FixationSpec("tabs"), points_mm=[[0, -14.0, 84]])
    assert not fixation.places
    assert "its border turns" in fixation.left_out[0].reason
