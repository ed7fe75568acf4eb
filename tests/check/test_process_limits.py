"""What a way of making a part cannot make is told, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import box, cap, oblique

from meshimplant.check.check_part import check_part
from meshimplant.check.process_limits import length_of, process_findings
from meshimplant.errors import SpecError
from meshimplant.implant.wall_thickness import least_wall_mm
from meshimplant.spec.implant_spec import MATERIALS_MIN_THICKNESS_MM, ImplantSpec
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.spec.processes import PROCESSES


def spec(process, **values):
    return ImplantSpec(process=process, material=PROCESSES[process].material, **values)


def test_every_process_makes_a_known_material():
    assert {process.material for process in PROCESSES.values()} <= MATERIALS_MIN_THICKNESS_MM.keys()


@pytest.mark.parametrize("turn", [np.eye(3), oblique()])
def test_the_length_is_the_longest_diagonal_in_any_position(turn):
    part = box((40, 30, 12)).moved(turn, (120, -250, 400)).mesh
    assert length_of(part) == pytest.approx(np.linalg.norm((40, 30, 12)), rel=1e-3)
    assert length_of(cap(80, 4, 30, edge_mm=4.0).mesh) == pytest.approx(80, rel=2e-3)


@pytest.mark.parametrize(
    ("process", "half_angle_deg", "code"),
    [
        ("peek-fff", 30, None),
        ("peek-fff", 80, "process.size"),
        ("peek-fff", 10, "process.size"),
        ("peek-milled", 80, None),
        ("titanium-slm", 80, None),
    ],
)
def test_a_part_beyond_the_known_sizes_is_told(process, half_angle_deg, code):
    part = cap(80, 4, half_angle_deg, edge_mm=4.0).mesh
    findings = process_findings(part, spec(process, clearance_mm=0.9))
    assert [each.code for each in findings] == ([] if code is None else [code])
    assert all(each.severity == "warning" and each.location_mm is not None for each in findings)


def test_clearance_and_edges_below_what_a_process_makes_are_told():
    part = cap(80, 4, 30, edge_mm=4.0).mesh
    fine = spec("peek-fff", clearance_mm=0.8, perforation=PerforationSpec(edge_mm=0.4))
    assert process_findings(part, fine) == []
    poor = fine.with_values(clearance_mm=0.7, perforation=PerforationSpec(edge_mm=0.3))
    assert [each.code for each in process_findings(part, poor)] == ["process.clearance", "process.radius"]
    assert process_findings(part, ImplantSpec(clearance_mm=0.0)) == []


def test_the_wall_must_be_as_thick_as_the_process_needs():
    part = cap(80, 2.5, 25, edge_mm=2.0).mesh
    thin = {"thickness_mm": 2.5, "thickness_min_mm": 2.0}
    assert least_wall_mm(spec("peek-fff", **thin)) == 3.0
    assert least_wall_mm(spec("peek-milled", **thin)) == 2.0
    found = {
        process: {each.code for each in check_part(part, spec=spec(process, **thin)).findings}
        for process in ("peek-milled", "peek-fff")
    }
    assert "thickness.too_thin" in found["peek-fff"]
    assert "thickness.too_thin" not in found["peek-milled"]


def test_a_process_of_another_material_is_refused():
    with pytest.raises(SpecError, match="material titanium with process titanium-slm, got PEEK"):
        ImplantSpec(process="titanium-slm")
    with pytest.raises(SpecError, match="process to be one of"):
        ImplantSpec(process="glue")


def test_holes_are_drawn_larger_by_what_they_shrink():
    holes = PerforationSpec(diameter_mm=2.0)
    grown = spec("peek-fff", perforation=holes).drawn_perforation
    assert grown is not None
    assert grown.diameter_mm == pytest.approx(2.3)
    assert ImplantSpec(perforation=holes).drawn_perforation == holes
    assert ImplantSpec(process="peek-fff").drawn_perforation is None
    with pytest.raises(SpecError, match=r"perforation\.diameter_mm"):
        spec("peek-fff", perforation=PerforationSpec(diameter_mm=4.9, spacing_mm=12))
