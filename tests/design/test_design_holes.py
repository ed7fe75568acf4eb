"""A prescription with the tables [mark] and [perforation]: the part, its report, its page and its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from analytic_head import AnalyticHead

from meshimplant.check.check_part import check_part
from meshimplant.check.check_solid import check_solid
from meshimplant.design.design import Design
from meshimplant.design.design_implant import design_implant
from meshimplant.design.step_runner import StepRunner
from meshimplant.design.steps import mark_part
from meshimplant.errors import DesignRefused, SpecError
from meshimplant.implant.features_file import read_features
from meshimplant.implant.site import Site
from meshimplant.io.meshes import read_mesh
from meshimplant.mesh.topology import handles
from meshimplant.report import Report
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.mark_spec import MarkSpec
from meshimplant.spec.perforation_spec import PerforationSpec

HEAD = AnalyticHead((0.5, 0.2, 0.8), axes_mm=(50.0, 60.0, 56.0), half_angle_deg=27.0)
VOXEL_MM = 1.8
SPEC = ImplantSpec(
    mark=MarkSpec(text="7", size_mm=3.0),
    perforation=PerforationSpec(diameter_mm=1.5, spacing_mm=6, border_mm=4),
)


def designed(spec: ImplantSpec) -> Design:
    return design_implant(HEAD.mask(VOXEL_MM), spec=spec, complete=HEAD.mask(VOXEL_MM, whole=True))


@pytest.fixture(scope="module")
def design() -> Design:
    return designed(SPEC)


@pytest.fixture(scope="module")
def saved(design, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("holes") / "case"
    design.save(folder)
    return folder


def test_the_part_is_marked_and_then_perforated(design):
    assert [step.name for step in design.report.steps][-4:] == ["simplify", "mark", "perforate", "check"]
    assert design.implant is design.perforated.mesh
    assert check_solid(design.implant).passed
    kinds = [feature.kind for feature in design.features]
    assert kinds == ["mark"] + ["drainage"] * (len(kinds) - 1)
    assert handles(design.implant) == len(kinds) - 1 > 5
    assert design.implant.volume < design.marked.mesh.volume < design.simplified.volume


def test_what_was_asked_for_is_no_finding(design):
    plain = check_part(design.simplified, spec=SPEC, skull=design.skull, directions=design.directions)
    assert {f.code for f in design.check.findings} - {"shape.no_reference"} <= {
        f.code for f in plain.findings
    }
    for name in ("thickness_median_mm", "gap_median_mm", "gap_p95_mm", "coverage_fraction", "step_p95_mm"):
        assert design.check.measures[name] == pytest.approx(plain.measures[name], abs=0.05), name
    assert len(design.check.thickness_mm) == len(design.implant.vertices)


def test_numbers_and_places_are_written(design, saved):
    report = json.loads((saved / "report.json").read_text())
    assert (
        report["measures"]["perforation_count"]
        == report["measures"]["holes_asked"]
        == len(design.features) - 1
    )
    assert report["measures"]["mark_depth_mm"] == 0.4
    assert report["spec"]["mark"]["text"] == "7"
    page = (saved / "report.html").read_text()
    assert "Holes and text" in page
    assert "Perforation weight saved" in page
    assert read_features(saved / "features.json") == design.features
    assert {"features.json", "features.mrk.json", "features.csv"} <= {
        each["name"] for each in report["outputs"]
    }
    assert ImplantSpec.read(saved / "spec.toml") == SPEC


def test_the_written_part_passes_its_check_with_its_features_only(saved):
    part, features = read_mesh(saved / "implant.stl"), read_features(saved / "features.json")
    assert not [f for f in check_part(part, spec=SPEC, features=features).findings if "holes" in f.code]
    fewer = check_part(part, spec=SPEC, features=features[:-1])
    assert "holes.unasked" in {f.code for f in fewer.findings}


def test_a_text_that_does_not_fit_stops_the_line_with_a_sentence(design):
    long = MarkSpec(text="ABCDEFGHIJKLMNOPQRST", size_mm=12.0)
    site = Site.around(design.skull, design.simplified)
    with pytest.raises(DesignRefused, match=r"the line stopped at mark: expected room for a text"):
        StepRunner(Report()).run(
            "mark",
            mark_part,
            design.simplified,
            site,
            long,
            features=(),
            least_wall_mm=2.0,
            max_faces=SPEC.max_faces,
        )


def test_a_table_with_a_wrong_value_names_it():
    with pytest.raises(SpecError, match=r"perforation\.diameter_mm to be a number between 1 and 5"):
        ImplantSpec.from_dict({"perforation": {"diameter_mm": 9}})
    with pytest.raises(SpecError, match=r"mark\.text"):
        ImplantSpec.from_dict({"mark": {}})
