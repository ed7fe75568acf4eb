"""The rounded border: its radius, what stays where it was, and what the check makes of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from analytic_head import CLEARANCE_MM, AnalyticHead
from shapes import cap, plain_mesh
from theatre_parts import CENTRE, RADIUS, REGIONS, WALL, on_cap, part, turned_to

from meshimplant.check.check_part import check_part
from meshimplant.check.check_solid import check_solid
from meshimplant.edit.bevel import bevel
from meshimplant.edit.round_border import RoundedBorder, _sharp_findings, _without_folds, round_border
from meshimplant.errors import InputError, MeshError
from meshimplant.mesh.cut_away import cut_away
from meshimplant.mesh.deviation import distances_mm
from meshimplant.spec.implant_spec import ImplantSpec

ANGLE = 16.0


@cache
def rounded(region: str, radius_mm: float) -> RoundedBorder:
    return round_border(part(region, angle=ANGLE, edge_mm=1.5).mesh, radius_mm)


def section(points: np.ndarray, region: str) -> tuple[np.ndarray, np.ndarray]:
    """Return how far points of a cap lie below its outer surface, and inside its border wall."""
    arm = (points - CENTRE) @ turned_to(REGIONS[region])
    length = np.linalg.norm(arm, axis=1)
    polar = np.arctan2(np.hypot(arm[:, 0], arm[:, 1]), arm[:, 2])
    return RADIUS - length, length * np.sin(np.radians(ANGLE) - polar)


def circle_radius(first: np.ndarray, second: np.ndarray) -> float:
    """Return the radius of the circle that fits points of a section best."""
    system = np.column_stack([2 * first, 2 * second, np.ones(len(first))])
    a, b, c = np.linalg.lstsq(system, first**2 + second**2, rcond=None)[0]
    return float(np.sqrt(c + a * a + b * b))


@pytest.mark.parametrize(
    ("region", "radius_mm"), [("vertex", 0.3), ("parietal", 0.5), ("frontal", 0.7), ("temporal", 1.0)]
)
def test_both_edges_have_the_radius_and_nothing_else_moves(region, radius_mm):
    before, done = part(region, angle=ANGLE, edge_mm=1.5).mesh, rounded(region, radius_mm)
    assert check_solid(done.mesh).passed
    depth, aside = section(np.asarray(done.mesh.vertices), region)
    for below in (depth, WALL - depth):
        arc = (below < 0.9 * radius_mm) & (aside < 0.9 * radius_mm)
        assert circle_radius(below[arc], aside[arc]) == pytest.approx(radius_mm, rel=0.06)
        assert np.hypot(radius_mm - below[arc], radius_mm - aside[arc]).max() < radius_mm + 0.01
    away = distances_mm(done.mesh.vertices, before)
    beside = (aside > 1.1 * radius_mm) | (np.minimum(depth, WALL - depth) > 1.1 * radius_mm)
    assert away[beside].max() < 1e-6
    assert (aside > -1e-6).all()
    assert (depth > -1e-6).all()
    assert done.measures["border_radius_median_mm"] == pytest.approx(radius_mm, rel=0.03)
    assert done.measures["border_widening_mm"] == pytest.approx(radius_mm, rel=0.05)
    assert not done.findings


def test_the_volume_is_that_without_two_corners():
    before, done = part("parietal", angle=ANGLE, edge_mm=1.5).mesh, rounded("parietal", 0.5)
    rims = 2 * np.pi * np.sin(np.radians(ANGLE)) * (RADIUS + RADIUS - WALL)
    corners = (1 - np.pi / 4) * 0.5**2 * rims
    assert before.volume - done.mesh.volume == pytest.approx(corners, rel=0.15)


def test_a_leaning_border_gets_a_circle_too():
    leaning = bevel(cap(60.0, 5.0, 15.0, edge_mm=1.5).mesh, 30.0, inside_mm=[0, 0, 0]).mesh
    done = round_border(leaning, 0.6, inside_mm=[0, 0, 0])
    assert check_solid(done.mesh).passed
    assert done.measures["border_radius_median_mm"] == pytest.approx(0.6, rel=0.1)


def test_a_wall_too_thin_for_the_radius_gets_less_and_that_is_told():
    done = round_border(cap(60.0, 1.2, 15.0, edge_mm=1.0).mesh, 1.0)
    assert check_solid(done.mesh).passed
    assert done.measures["border_radius_median_mm"] == pytest.approx(0.54, rel=0.05)
    (finding,) = done.findings
    assert (finding.code, finding.limit) == ("border.radius_reduced", 1.0)
    assert finding.location_mm is not None


def test_holes_stay_sharp():
    body = part("parietal", angle=ANGLE, edge_mm=1.5).mesh
    tool = cap(12.0, 12.0, 179.0, edge_mm=4.0).mesh.copy()
    tool.vertices = tool.vertices * 0.25 + on_cap(0, 0)
    holed = cut_away(body, plain_mesh(tool.vertices, tool.faces)).mesh
    done = round_border(holed, 0.5)
    kept = np.linalg.norm(holed.vertices - on_cap(0, 0), axis=1) < 8
    assert distances_mm(holed.vertices[kept], done.mesh).max() == 0


def test_the_check_finds_the_gap_as_wide_as_before():
    head = AnalyticHead((0.5, 0.2, 0.8), axes_mm=(50.0, 60.0, 56.0), thickness_mm=4.0)
    plain = head.part()
    skull = head.mask(0.8, around=plain.vertices)
    spec = ImplantSpec(thickness_mm=4.0, clearance_mm=CLEARANCE_MM, border_radius_mm=1.0)
    done = round_border(plain, 1.0, inside_mm=[0, 0, 0])
    before, after = (
        check_part(mesh, spec=each, skull=skull, inside_mm=[0, 0, 0], directions=[head.axis])
        for mesh, each in ((plain, spec.with_values()), (done.mesh, spec))
    )
    codes = {finding.code for finding in after.findings} - {finding.code for finding in before.findings}
    assert not codes
    for name in ("gap_median_mm", "gap_p95_mm", "coverage_fraction", "step_p95_mm", "nearest_bone_mm"):
        assert after.measures[name] == pytest.approx(before.measures[name], abs=0.06), name


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match=r"0\.3 to 1 mm, got 2"):
        round_border(part().mesh, 2)
    with pytest.raises(MeshError):
        round_border(plain_mesh(part().mesh.vertices, part().mesh.faces[1:]), 0.5)


def test_a_place_that_would_fold_stays_and_is_told():
    mesh = part("parietal", angle=ANGLE, edge_mm=1.5).mesh
    vertices = np.asarray(mesh.vertices)
    middle = int(np.argmin(np.linalg.norm(vertices - on_cap(0, 0), axis=1)))
    moved = vertices + 0.01
    moved[middle] -= 8 * (vertices[middle] - CENTRE) / RADIUS
    unfolded, places = _without_folds(vertices, moved, np.asarray(mesh.faces), 0.5)
    assert check_solid(unfolded).passed
    assert (unfolded.vertices[middle] == vertices[middle]).all()
    assert np.percentile(np.linalg.norm(unfolded.vertices - moved, axis=1), 50) == 0
    (finding,) = _sharp_findings(places, 0.5)
    assert (finding.code, finding.severity) == ("border.sharp", "info")
