"""A part with the holes that were asked for is judged as without them; a hole more or fewer is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analytic_head import AnalyticHead

from meshimplant.check.check_part import PartCheck, check_part
from meshimplant.implant.site import Site
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.mark_spec import MarkSpec
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.theatre.mark import mark
from meshimplant.theatre.perforate import Perforated, perforate

HEAD = AnalyticHead((1.0, 0.2, 0.8), half_angle_deg=20.0, shift_mm=(20.0, -30.0, 50.0))
SPEC = ImplantSpec(thickness_mm=6.0, thickness_max_mm=7.0)


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.around(HEAD.mask(1.0), HEAD.part(edge_mm=1.5))


@pytest.fixture(scope="module")
def holed() -> Perforated:
    return perforate(HEAD.part(edge_mm=1.5), PerforationSpec(spacing_mm=8))


@pytest.fixture(scope="module")
def before(site: Site) -> PartCheck:
    return check_part(HEAD.part(edge_mm=1.5), spec=SPEC, skull=site)


@pytest.fixture(scope="module")
def after(site: Site, holed: Perforated) -> PartCheck:
    return check_part(holed.mesh, spec=SPEC, skull=site, features=holed.features)


def codes(check: PartCheck) -> list[str]:
    return sorted(finding.code for finding in check.findings)


def test_holes_that_were_asked_for_cause_no_finding(before, after, holed):
    assert len(holed.features) > 15
    assert codes(after) == codes(before)
    assert after.measures["holes"] == after.measures["holes_asked"] == len(holed.features)
    solid = {"volume_mm3", "area_mm2", "faces", "vertices", "euler_number", "aspect_p99", "extents_mm"}
    for name, value in before.measures.items():
        if isinstance(value, float) and name not in solid:
            assert after.measures[name] == pytest.approx(value, abs=0.06, rel=0.05), name


def test_thickness_and_gap_are_known_beside_holes_and_not_in_them(before, after, holed):
    assert len(after.thickness_mm) == len(after.gap_mm) == len(holed.mesh.vertices)
    points = np.array([feature.point_mm for feature in holed.features])
    axes = np.array([feature.axis for feature in holed.features])
    arms = holed.mesh.vertices[:, None] - points
    aside = np.linalg.norm(arms - (arms * axes).sum(axis=2)[..., None] * axes, axis=2).min(axis=1)
    assert np.isnan(after.thickness_mm[aside < 1.1]).all()
    around = (aside > 2) & (aside < 4)
    assert np.isfinite(after.thickness_mm[around]).mean() > 0.95
    assert np.nanmax(np.abs(after.thickness_mm[around] - 6)) < 0.4
    assert np.isfinite(after.gap_mm).sum() == np.isfinite(before.gap_mm).sum()


def test_without_features_nothing_is_said_of_holes(before):
    assert "holes" not in before.measures


@pytest.mark.parametrize("seed", [0, 1])
def test_a_hole_fewer_is_named(holed, seed):
    absent = replace(holed.features[seed], label="D99", point_mm=(*HEAD.placed([0.0, 0, 0]),))
    check = check_part(holed.mesh, spec=SPEC, features=[*holed.features, absent])
    (finding,) = (each for each in check.findings if each.code.startswith("holes"))
    assert (finding.code, finding.severity) == ("holes.missing", "error")
    assert "D99" in finding.message


def test_a_hole_more_is_found_at_its_place(holed):
    known = [*holed.features[:4], *holed.features[5:]]
    check = check_part(holed.mesh, spec=SPEC, features=known)
    (finding,) = (each for each in check.findings if each.code.startswith("holes"))
    assert (finding.code, finding.severity, finding.value) == ("holes.unasked", "error", len(holed.features))
    np.testing.assert_allclose(finding.location_mm, holed.features[4].point_mm, atol=0.6)


def test_a_part_that_should_have_no_holes_has_none(holed):
    assert not [
        f for f in check_part(HEAD.part(edge_mm=1.5), spec=SPEC, features=()).findings if "holes" in f.code
    ]
    assert "holes.unasked" in codes(check_part(holed.mesh, spec=SPEC, features=()))


def test_the_wall_under_a_text_is_measured_and_its_steep_strokes_are_no_finding(before):
    marked = mark(HEAD.part(edge_mm=1.5), MarkSpec(text="AB 7"))
    check = check_part(marked.mesh, spec=SPEC, features=marked.features)
    assert {f.code for f in check.findings} == {
        f.code for f in check_part(HEAD.part(edge_mm=1.5), spec=SPEC).findings
    }
    assert check.measures["thickness_under_marks_min_mm"] == pytest.approx(5.6, abs=0.05)
    assert check.measures["thickness_min_mm"] == pytest.approx(before.measures["thickness_min_mm"], abs=0.02)
    strict = ImplantSpec(thickness_min_mm=5.8, thickness_mm=6.0, thickness_max_mm=7.0)
    (finding,) = check_part(marked.mesh, spec=strict, features=marked.features).findings
    assert (finding.code, finding.severity) == ("thickness.too_thin", "error")
    assert "under a text" in finding.message
