"""resection_template: gap, thickness, edge and sleeves as asked on an analytic head; its seat."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_head import AnalyticHead, _frame

from meshimplant.edit.repair import is_solid
from meshimplant.errors import SpecError
from meshimplant.head.pose import HeadPose
from meshimplant.manufacture.resection_template import _held, _sleeves, resection_template
from meshimplant.manufacture.template_place import template_place
from meshimplant.manufacture.template_seat import LIFT_MM
from meshimplant.mesh.deviation import distances_mm
from meshimplant.skull.resect import resect
from meshimplant.spec.resection_spec import ResectionSpec
from meshimplant.theatre.screws import Screw

POSE = HeadPose(np.zeros(3), np.eye(3), 0.0)
HALF_DEG, KERF_MM = 17.0, 2.0
SPHERE = (80.0, 80.0, 80.0)


def circle(head: AnalyticHead, half_deg: float = HALF_DEG) -> np.ndarray:
    """Return points of a circle about the axis of a head on its outer surface."""
    right, up, axis = _frame(head.axis)
    turn = np.arange(16)[:, None] * 2 * np.pi / 16
    polar = np.radians(half_deg)
    unit = np.cos(polar) * axis + np.sin(polar) * (np.cos(turn) * right + np.sin(turn) * up)
    return head.radius_mm(unit)[:, None] * unit


@pytest.fixture(scope="module")
def cut():
    """A round resection of a spherical head."""
    head = AnalyticHead((0.7, 0.3, 0.7), axes_mm=SPHERE)
    return resect(head.mask(1.0, whole=True), circle(head), kerf_mm=KERF_MM, pose=POSE)


@pytest.fixture(scope="module")
def screws(cut):
    """Six screws 4.6 mm beside the line, and one that holds in the part."""
    made = []
    for number, place in enumerate(np.linspace(0, len(cut.line.points_mm), 6, endpoint=False).astype(int)):
        unit = cut.line.points_mm[place] + 4.6 * cut.line.across[place]
        unit /= np.linalg.norm(unit)
        point = tuple(80.2 * unit)
        axis = tuple(-unit)
        made.append(
            Screw(f"S{2 * number + 1}", f"P{number + 1}", "bone", point, axis, 1.5, 4.0, 3.5, 6.0, 1.5)
        )
    part = Screw("S2", "P1", "part", (70.0, 0.0, 0.0), (-1.0, 0.0, 0.0), 1.5, 4.0, 3.5, None, 1.0)
    return [*made, part]


@pytest.fixture(scope="module")
def template(cut, screws):
    return resection_template(cut, screws, ResectionSpec(kerf_mm=KERF_MM))


def test_it_is_a_solid_with_a_hole_for_each_of_four_drills_and_the_ring(template):
    assert is_solid(template.mesh)
    assert len(template.sleeves) == 4
    assert template.mesh.euler_number == 2 - 2 * (4 + 1)


def test_gap_and_thickness_are_those_asked_for_as_measured_from_the_sphere(template):
    radius = np.linalg.norm(template.mesh.vertices, axis=1)
    low, high = radius < 82, radius > 82
    inward = np.einsum("ij,ij->i", template.mesh.vertex_normals, template.mesh.vertices) / radius
    under, top = radius[low & (inward < -0.95)], radius[high & (inward > 0.95)]
    assert np.median(under) - 80 == pytest.approx(0.3, abs=0.05)
    assert np.percentile(np.abs(under - 80.3), 95) < 0.2  # voxels of 1 mm
    assert np.median(top) - np.median(under) == pytest.approx(4.0, abs=0.1)
    assert template.measures["template_thickness_median_mm"] == pytest.approx(4.0, abs=0.1)
    assert template.measures["template_gap_median_mm"] == pytest.approx(0.3, abs=0.05)
    assert template.measures["template_gap_p95_mm"] < 0.4


def test_its_inner_edge_is_the_outer_side_of_the_kerf_and_it_is_wide_enough(template):
    points = template.mesh.vertices
    unit = points / np.linalg.norm(points, axis=1)[:, None]
    axis = _frame(AnalyticHead((0.7, 0.3, 0.7)).axis)[2]
    beside = 80 * (np.arccos(unit @ axis) - np.radians(HALF_DEG))
    assert beside.min() == pytest.approx(KERF_MM / 2, abs=0.3)
    wall = np.einsum("ij,ij->i", template.mesh.vertex_normals, unit)
    edge = beside[(np.abs(wall) < 0.2) & (beside < 3)]
    assert np.percentile(np.abs(edge - KERF_MM / 2), 95) < 0.3
    assert template.measures["template_width_min_mm"] == pytest.approx(10.0, abs=0.6)


def test_sleeves_are_coaxial_with_screws_in_bone_and_as_high_as_asked(template, screws):
    by_label = {screw.label: screw for screw in screws}
    for sleeve in template.sleeves:
        screw = by_label[sleeve.label]
        assert screw.holds == "bone"
        axis = np.asarray(screw.axis)
        arm = np.asarray(template.mesh.vertices) - np.asarray(screw.point_mm)
        high = -(arm @ axis)
        beside = np.linalg.norm(arm + high[:, None] * axis, axis=1)
        near = (beside < 0.8) & (np.abs(high) < 9)
        assert beside[near].min() > 0.58  # a drill of 1.1 mm with 0.1 mm play
        bore = near & (beside < 0.62)
        assert bore.sum() > 0.8 * near.sum()
        middle = arm[bore] + high[bore, None] * axis
        assert np.linalg.norm((middle.max(axis=0) + middle.min(axis=0)) / 2) < 0.05
        assert np.ptp(high[bore]) == pytest.approx(6.0, abs=0.3)


def test_it_comes_off_and_is_marked(template):
    assert template.measures["template_lift_penetration_mm"] == 0.0
    assert not {"template.lift", "template.unmarked", "template.width", "template.sleeves"} & {
        finding.code for finding in template.findings
    }


def test_on_a_sphere_its_seat_is_not_the_only_one_and_the_report_says_so(template):
    lifts = template.measures["template_seat_lift"]
    assert len(lifts) == 10
    assert max(lifts.values()) < 0.25  # what is left of voxels
    found = [finding for finding in template.findings if finding.code == "template.seat"]
    assert found[0].severity == "warning"
    assert found[0].value == min(lifts.values())
    assert template.measures["template_seat_least_motion"] in found[0].message


def test_a_knob_beside_the_cut_makes_it_the_only_one_by_a_flange_on_that_side():
    head = AnalyticHead((0.7, 0.3, 0.7), axes_mm=SPHERE)
    right, _, axis = _frame(head.axis)
    polar = np.radians(HALF_DEG) + 24 / 80
    middle = 70 * (np.cos(polar) * axis + np.sin(polar) * right)
    mask = head.mask(1.5, whole=True)
    points = mask.to_mm(np.indices(mask.shape).reshape(3, -1).T)
    away = np.linalg.norm(points - middle, axis=1)
    knob = (away < 18) & (away > 11) & (np.linalg.norm(points, axis=1) > 76)
    mask = mask.with_array(mask.array | knob.reshape(mask.shape).astype(np.uint8))
    cut = resect(mask, circle(head), kerf_mm=KERF_MM, pose=POSE)
    alone = template_place(cut, ResectionSpec(flange_mm=0.0))
    assert alone.flange is None
    assert min(alone.lifts_mm.values()) < LIFT_MM
    place = template_place(cut, ResectionSpec(flange_mm=30.0))
    assert min(place.lifts_mm.values()) >= LIFT_MM
    assert place.flange.across @ right > 0.6


def test_on_a_long_ellipsoid_it_cannot_be_turned():
    head = AnalyticHead((0.5, 0.7, 0.5), axes_mm=(50.0, 100.0, 60.0))
    cut = resect(head.mask(1.5, whole=True), circle(head, 26.0), kerf_mm=KERF_MM, pose=POSE)
    lifts = template_place(cut, ResectionSpec()).lifts_mm
    assert min(lifts["clockwise"], lifts["counter-clockwise"]) >= LIFT_MM


def test_few_screws_in_bone_and_sizes_out_of_range_are_told(cut, screws):
    only_part = _sleeves(cut, screws[-1:], ResectionSpec())
    assert [finding.code for finding in _held(only_part)] == ["template.sleeves"]
    assert [each.label for each in _sleeves(cut, screws[:2], ResectionSpec())] == ["S1", "S3"]
    with pytest.raises(SpecError, match="template_width_mm to be a number between 8 and 25, got 5"):
        ResectionSpec(template_width_mm=5)


def test_its_cut_edge_runs_parallel_to_the_cut(template, cut):
    for height in (0.8, 2.0, 3.8):
        line = cut.line.points_mm + KERF_MM / 2 * cut.line.across + height * cut.line.outward
        assert np.percentile(distances_mm(line, template.mesh), 95) < 0.3
