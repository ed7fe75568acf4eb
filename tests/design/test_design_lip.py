"""The step `lip` of the line: what it makes of the prescription, and what report and folder keep of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from analytic_head import AnalyticHead

from meshimplant.check.check_solid import check_solid
from meshimplant.datasets.case import read_case
from meshimplant.datasets.skullfix import list_skullfix
from meshimplant.design.design_implant import design_implant
from meshimplant.design.make_part import _lipped
from meshimplant.design.step_runner import StepRunner
from meshimplant.implant.site import Site
from meshimplant.io.meshes import read_mesh
from meshimplant.report import Report
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.implant_spec import ImplantSpec


def test_the_part_gets_its_lip_as_prescribed():
    head = AnalyticHead((0.5, 0.2, 0.8), axes_mm=(50.0, 60.0, 56.0), half_angle_deg=20.0)
    part = head.part()
    site = Site.around(head.mask(0.9, around=part.vertices), part, inside_mm=[0, 0, 0])
    line = StepRunner(Report())
    assert _lipped(part, site, ImplantSpec(), line, features=()) is None
    spec = ImplantSpec(material="titanium", lip_mm=3.0, lip_thickness_mm=1.2)
    lip = _lipped(part, site, spec, line, features=())
    assert lip is not None
    (step,) = line.report.steps
    assert (step.name, step.parameters["lip_mm"], step.parameters["thickness_mm"]) == ("lip", 3.0, 1.2)
    assert step.parameters["lip_width_mm"] == pytest.approx(3.0, abs=0.3)
    assert step.volume_after_mm3 > step.volume_before_mm3
    assert line.report.findings == list(lip.findings)


@pytest.mark.realdata
def test_a_titanium_part_with_tabs_and_lip_on_a_real_skull_passes(data_folder: Path, tmp_path: Path):
    case = next(case for case in list_skullfix(data_folder / "skullfix") if case.name == "003")
    volumes = read_case(case)
    spec = ImplantSpec(
        material="titanium",
        thickness_mm=2.5,
        thickness_min_mm=1.5,
        lip_mm=5.0,
        fixation=FixationSpec("tabs"),
    )
    design = design_implant(volumes.defective, spec=spec, complete=volumes.complete)
    assert [step.name for step in design.report.steps][-3:] == ["fixation", "lip", "check"]
    assert design.lip is not None
    assert design.implant is design.lip.mesh
    assert design.lip.plain is design.fixed
    assert check_solid(design.implant).passed
    assert {f.code for f in design.report.findings if f.severity == "error"} == set()
    measures = design.report.measures
    assert measures["penetration_mm3"] == 0.0
    assert measures["insertion_penetration_mm"] <= 0.05
    assert measures["lip_width_mm"] == pytest.approx(5.0, abs=0.3)
    assert measures["lip_share"] > 0.9
    design.save(tmp_path / "case")
    plain = read_mesh(tmp_path / "case" / "implant-without-lip.stl")
    assert plain.volume == pytest.approx(design.fixed.volume, rel=1e-4)
    report = json.loads((tmp_path / "case" / "report.json").read_text())
    assert "implant-without-lip.stl" in {each["name"] for each in report["outputs"]}
