"""The whole check of a part: solid, thickness, and fit when a skull is given."""

from __future__ import annotations

import numpy as np
import pytest
from defects import conical_defect
from shapes import cap, grid_around, joined, plain_mesh, random_rotation

from meshimplant.check.check_part import PartCheck, check_part
from meshimplant.edit.trim import trim
from meshimplant.report import Finding
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume

SPEC = ImplantSpec().with_values(thickness_mm=4.0)


def _finding(check: PartCheck, code: str) -> Finding:
    found = [finding for finding in check.findings if finding.code == code]
    assert found, [finding.code for finding in check.findings]
    return found[0]


def test_a_good_part_passes_with_all_its_measures() -> None:
    defect = conical_defect()
    skull = defect.bone.mask((0.5, 0.5, 0.65))
    part = cap(80, 4, 18 - np.degrees(0.8 / 78), edge_mm=1.0).mesh
    check = check_part(part, spec=SPEC, skull=skull)
    assert check.passed
    assert [finding.code for finding in check.findings] == ["shape.no_reference"]
    assert check.measures["thickness_median_mm"] == pytest.approx(4, abs=0.02)
    assert check.measures["volume_mm3"] == pytest.approx(part.volume)
    assert check.measures["gap_median_mm"] == pytest.approx(0.8, abs=0.1)
    assert check.gap_mm.shape == check.thickness_mm.shape == (len(part.vertices),)
    assert np.isfinite(check.gap_mm).any()
    assert check.measures["insertion_penetration_mm"] <= 0.05
    assert check.measures["insertion_undercut_mm2"] == 0
    assert check.measures["insertion_direction"] @ np.array([0, 0, 1]) > np.cos(np.radians(6))
    assert [criterion.score for criterion in check.criteria] == [1, 1, 1, 0.75, 1, 1, 1, 1]
    assert check.measures["seat_fraction"] > 0.99
    assert 1.2 < check.measures["sinks_mm"] < 3.0
    assert check.measures["placement_gap_p95_mm"] > check.measures["gap_p95_mm"]


def test_without_a_skull_there_is_no_fit() -> None:
    check = check_part(cap(90, 4, 25).mesh, spec=SPEC)
    assert check.passed
    assert np.isnan(check.gap_mm).all()
    assert "gap_median_mm" not in check.measures
    assert "insertion_penetration_mm" not in check.measures
    assert check.criteria == ()


def test_an_undercut_is_told_but_does_not_fail_the_part() -> None:
    defect = conical_defect(lean_deg=-35, half_angle_deg=12, around_mm=11)
    skull = defect.bone.mask((0.5, 0.5, 0.65))
    part = trim(defect.plug().mesh, skull)
    check = check_part(part, spec=SPEC.with_values(thickness_mm=6.0), skull=skull)
    finding = _finding(check, "insertion.blocked")
    assert finding.severity == "warning"
    assert finding.value == pytest.approx(check.measures["insertion_penetration_mm"])
    assert check.measures["insertion_penetration_mm"] > 0.5
    assert check.measures["insertion_undercut_mm2"] > 20
    assert check.passed
    assert {c.name: c.score for c in check.criteria}["feasibility"] == 0.6


def test_each_body_goes_its_own_way() -> None:
    defect = conical_defect(half_angle_deg=12, around_mm=11)
    turn = np.array([[1, 0, 0], [0, np.cos(1.6), -np.sin(1.6)], [0, np.sin(1.6), np.cos(1.6)]])
    grid = grid_around((-32, -80, -34), (32, 32, 80), 0.9)
    both = [body.mask(1.0, grid=grid).array for body in (defect.bone, defect.bone.moved(turn))]
    skull = Volume(both[0] & both[1], grid.affine)
    part = cap(80, 4, 12 - np.degrees(0.8 / 78), edge_mm=1.5).mesh
    mesh = joined(part, plain_mesh(part.vertices @ turn.T, part.faces))
    check = check_part(mesh, spec=SPEC.with_values(bodies=2), skull=skull, inside_mm=(0, 0, 0))
    assert check.measures["insertion_penetration_mm"] <= 0.05
    for direction, axis in zip(check.measures["insertion_direction"], ((0, 0, 1), turn[:, 2]), strict=True):
        assert np.array(direction) @ axis > np.cos(np.radians(8))


def test_a_thin_spot_fails_with_its_place() -> None:
    body = cap(90, 4, 25, edge_mm=1.0).moved(random_rotation(5), (200, 100, -300))
    mesh, middle = body.mesh, random_rotation(5) @ [0, 0, 86] + [200, 100, -300]
    away = np.linalg.norm(mesh.vertices - middle, axis=1)
    centre = np.array([200.0, 100, -300])
    inner = np.linalg.norm(mesh.vertices - centre, axis=1) < 86.5
    arms = mesh.vertices - centre
    mesh.vertices = centre + arms * (1 + inner * np.exp(-((away / 4) ** 2)) * 2.8 / 86)[:, None]
    check = check_part(mesh, spec=SPEC)
    finding = _finding(check, "thickness.too_thin")
    assert finding.severity == "error"
    assert finding.value == pytest.approx(1.2, abs=0.1)
    assert finding.limit == 2.0
    assert np.linalg.norm(np.array(finding.location_mm) - middle) < 6
    assert not check.passed


def test_the_material_sets_the_least_wall() -> None:
    mesh = cap(90, 2.5, 25).mesh
    spec = ImplantSpec().with_values(thickness_mm=2.5)
    assert check_part(mesh, spec=spec).passed
    brittle = check_part(mesh, spec=spec.with_values(material="PMMA"))
    assert _finding(brittle, "thickness.too_thin").limit == 3.0


def test_a_thick_part_is_named_but_printable() -> None:
    check = check_part(cap(90, 8, 25).mesh, spec=SPEC)
    assert check.passed
    assert _finding(check, "thickness.too_thick").value == pytest.approx(8, abs=0.05)
    assert _finding(check, "thickness.median").value == pytest.approx(8, abs=0.05)


def test_what_is_no_solid_is_measured_no_further() -> None:
    mesh = cap(90, 4, 20).mesh
    mesh.update_faces(np.arange(len(mesh.faces)) > 3)
    check = check_part(mesh, spec=SPEC)
    assert not check.passed
    assert "thickness_median_mm" not in check.measures
    assert _finding(check, "solid.boundary_edges")
