"""A prescription with the table [strength]: what the report, its page and the folder hold of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from analytic_head import AnalyticHead

from meshimplant.design.design_implant import design_implant
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.spec.strength_spec import StrengthSpec

HEAD = AnalyticHead((0.5, 0.2, 0.8), axes_mm=(50.0, 60.0, 56.0), half_angle_deg=27.0)


def test_a_screened_design_says_what_it_bears_and_under_which_assumptions(tmp_path: Path) -> None:
    spec = ImplantSpec(
        fixation=FixationSpec("plates", count=4),
        perforation=PerforationSpec(),
        strength=StrengthSpec(load_n=80.0, voxel_mm=1.25),
    )
    design = design_implant(HEAD.mask(1.2), spec=spec, complete=HEAD.mask(1.2, whole=True))
    assert design.screening is not None
    own = [screw for screw in design.fixation.screws if screw.holds == "part"]
    np.testing.assert_allclose(design.screening.fixation_mm, [screw.point_mm for screw in own])
    assert [case.load for case in design.screening.cases] == [80.0, 80.0, 2.0]
    assert design.report.steps[-1].name == "strength"
    (holes,) = [each for each in design.report.findings if each.code == "strength.holes"]
    most_mpa = max(case.stress_mpa for case in design.screening.cases)
    assert holes.unit == "MPa"
    assert 0.1 * most_mpa < holes.value <= 3.1 * most_mpa
    design.save(tmp_path / "case")
    report = json.loads((tmp_path / "case" / "report.json").read_text())
    assert report["strength"]["note"].startswith("A screening under these assumptions")
    assert report["measures"]["strength_load_n"] == 80.0
    assert (tmp_path / "case" / "strength.png").is_file()
    page = (tmp_path / "case" / "report.html").read_text()
    assert "Screening under load" in page
    assert "not a proof of strength" in page
    assert ImplantSpec.read(tmp_path / "case" / "spec.toml") == spec
