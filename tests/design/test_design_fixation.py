"""A prescription with the table [fixation]: the part, its report, its page and its files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from analytic_head import AnalyticHead

from meshimplant.check.check_solid import check_solid
from meshimplant.design.design import Design
from meshimplant.design.design_implant import design_implant
from meshimplant.errors import SpecError
from meshimplant.io.meshes import read_mesh
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.implant_spec import ImplantSpec

HEAD = AnalyticHead((0.5, 0.2, 0.8), axes_mm=(50.0, 60.0, 56.0), half_angle_deg=27.0)


@pytest.fixture(scope="module")
def design() -> Design:
    spec = ImplantSpec(fixation=FixationSpec("plates", count=4))
    return design_implant(HEAD.mask(1.2), spec=spec, complete=HEAD.mask(1.2, whole=True))


def test_the_part_is_fixed_after_it_was_simplified(design):
    assert design.fixation is not None
    assert len(design.fixation.places) == 4
    assert design.implant is design.fixed
    assert design.implant.volume < design.simplified.volume
    assert check_solid(design.implant).passed
    assert [step.name for step in design.report.steps][-3:] == ["simplify", "fixation", "check"]
    assert {f.code for f in design.report.findings if f.severity == "error"} == set()


def test_screws_are_in_the_report_and_plates_in_the_folder(design, tmp_path: Path):
    design.save(tmp_path / "case")
    report = json.loads((tmp_path / "case" / "report.json").read_text())
    assert report["fixation"]["style"] == "plates"
    assert [screw["label"] for screw in report["fixation"]["screws"]] == [f"S{n}" for n in range(1, 9)]
    assert report["spec"]["fixation"] == design.spec.fixation.to_dict()
    page = (tmp_path / "case" / "report.html").read_text()
    assert "Fixation: plates" in page
    assert '<td class="w">S8</td>' in page
    plates = read_mesh(tmp_path / "case" / "plates.stl")
    assert plates.body_count == 4
    assert np.isclose(plates.volume, sum(plate.volume for plate in design.fixation.plates), rtol=1e-3)
    assert ImplantSpec.read(tmp_path / "case" / "spec.toml") == design.spec


def test_a_table_with_a_wrong_value_names_it():
    with pytest.raises(SpecError, match=r"fixation\.screw_mm to be 1\.5 or 2\.0"):
        ImplantSpec.from_dict({"fixation": {"screw_mm": 1.8}})
    with pytest.raises(SpecError, match=r"fixation\.style"):
        ImplantSpec.from_dict({"fixation": {"style": "glue"}})
