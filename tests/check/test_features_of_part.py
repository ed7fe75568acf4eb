"""check_part of fixed parts: what was asked for is no finding, and what a tab does to bone is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analytic_head import AnalyticHead

from meshimplant.check.check_part import PartCheck, check_part
from meshimplant.implant.site import Site
from meshimplant.mesh.convert import new_mesh
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.theatre.fixation import Fixation, fixate

HEAD = AnalyticHead((0, 0, 1.0), thickness_mm=5.0)
SPEC = ImplantSpec(thickness_mm=5.0)


@pytest.fixture(scope="module")
def site() -> Site:
    part = HEAD.part(edge_mm=1.5)
    return Site.around(HEAD.mask(0.8, around=part.vertices), part, inside_mm=(0, 0, 0))


@pytest.fixture(scope="module")
def plain(site) -> PartCheck:
    return check_part(HEAD.part(edge_mm=1.5), spec=SPEC, skull=site, directions=[(0, 0, 1)])


@pytest.fixture(scope="module")
def tabbed(site) -> Fixation:
    return fixate(HEAD.part(edge_mm=1.5), site, spec=FixationSpec("tabs"))


def _codes(check: PartCheck) -> set[str]:
    return {finding.code for finding in check.findings if finding.severity != "info"}


def _check(fixation: Fixation, site: Site, **more) -> PartCheck:
    features = more.pop("features", fixation.features)
    return check_part(fixation.mesh, spec=SPEC, skull=site, features=features, directions=[(0, 0, 1)], **more)


@pytest.mark.parametrize("style", ["plates", "tangential"])
def test_recesses_and_pockets_that_were_asked_for_are_no_findings(site, plain, style):
    fixation = fixate(HEAD.part(edge_mm=1.5), site, spec=FixationSpec(style))
    check = _check(fixation, site)
    assert _codes(check) == _codes(plain)
    for name in ("thickness_median_mm", "gap_median_mm", "gap_p95_mm", "gap_max_mm", "coverage_fraction"):
        assert check.measures[name] == pytest.approx(plain.measures[name], abs=0.06), name


def test_tabs_that_were_asked_for_are_no_findings_and_unasked_ones_are(site, plain, tabbed):
    check = _check(tabbed, site)
    assert _codes(check) == _codes(plain)
    assert check.measures["tab_height_max_mm"] == pytest.approx(1.7, abs=0.15)
    assert check.measures["tab_gap_min_mm"] == pytest.approx(0.2, abs=0.2)
    assert len(check.gap_mm) == len(check.thickness_mm) == len(tabbed.mesh.vertices)
    assert np.nanmedian(check.thickness_mm) == pytest.approx(5.0, abs=0.05)
    assert {"fit.outside"} <= _codes(_check(tabbed, site, features=())) - _codes(plain)


def test_a_tab_that_reaches_into_bone_or_stands_off_it_is_found(site, plain, tabbed):
    over = np.zeros(len(tabbed.mesh.vertices), bool)
    away = np.linalg.norm(np.asarray(tabbed.mesh.vertices)[:, :2], axis=1)
    over[away > 32.5] = True
    for shift_mm, code in ((-1.0, "fit.penetration"), (1.2, "fit.tab_proud")):
        moved = np.array(tabbed.mesh.vertices)
        moved[over, 2] += shift_mm
        bent = replace(tabbed, mesh=new_mesh(moved, tabbed.mesh.faces))
        assert code in _codes(_check(bent, site)) - _codes(plain)


def test_features_of_another_part_are_an_error(site, tabbed):
    moved = [
        replace(feature, point_mm=(feature.point_mm[0], feature.point_mm[1], -50.0))
        for feature in tabbed.features
        if feature.kind == "screw"
    ]
    check = _check(replace(tabbed, mesh=HEAD.part(edge_mm=2.0)), site, features=moved)
    assert "features.elsewhere" in _codes(check)
