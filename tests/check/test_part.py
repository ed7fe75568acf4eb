"""The whole check of a part: solid, thickness, and fit when a skull is given."""

from __future__ import annotations

import numpy as np
import pytest
from defects import conical_defect
from shapes import cap, random_rotation

from meshimplant.check.part import PartCheck, check_part
from meshimplant.report import Finding
from meshimplant.spec import ImplantSpec

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
    assert check.findings == ()
    assert check.measures["thickness_median_mm"] == pytest.approx(4, abs=0.02)
    assert check.measures["volume_mm3"] == pytest.approx(part.volume)
    assert check.measures["gap_median_mm"] == pytest.approx(0.8, abs=0.1)
    assert check.gap_mm.shape == check.thickness_mm.shape == (len(part.vertices),)
    assert np.isfinite(check.gap_mm).any()


def test_without_a_skull_there_is_no_fit() -> None:
    check = check_part(cap(90, 4, 25).mesh, spec=SPEC)
    assert check.passed
    assert np.isnan(check.gap_mm).all()
    assert "gap_median_mm" not in check.measures


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
