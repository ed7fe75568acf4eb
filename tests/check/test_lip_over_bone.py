"""check_part of a part with a lip: the part is measured without it, the lip by itself."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_head import AnalyticHead

from meshimplant.check.check_part import PartCheck, check_part
from meshimplant.implant.site import Site
from meshimplant.mesh.convert import new_mesh
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.theatre.lip import OnlayLip, add_lip

HEAD = AnalyticHead((0, 0, 1.0), thickness_mm=5.0, half_angle_deg=15.0)
SPEC = ImplantSpec(thickness_mm=5.0, material="titanium", lip_mm=5.0)


@pytest.fixture(scope="module")
def site() -> Site:
    part = HEAD.part(edge_mm=1.5)
    return Site.around(HEAD.mask(0.8, around=part.vertices), part, inside_mm=(0, 0, 0))


@pytest.fixture(scope="module")
def lipped(site) -> OnlayLip:
    return add_lip(HEAD.part(edge_mm=1.5), site, 5.0)


def _check(mesh, site, without_lip=None, spec=SPEC) -> PartCheck:
    return check_part(mesh, spec=spec, skull=site, without_lip=without_lip, directions=[(0, 0, 1)])


def _codes(check: PartCheck) -> set[str]:
    return {finding.code for finding in check.findings if finding.severity != "info"}


def test_a_lip_that_was_asked_for_is_no_finding_and_an_unasked_one_is(site, lipped):
    plain = _check(lipped.plain, site, spec=SPEC.with_values(material="titanium"), without_lip=lipped.plain)
    check = _check(lipped.mesh, site, without_lip=lipped.plain)
    assert _codes(check) == _codes(plain)
    for name in ("thickness_median_mm", "gap_median_mm", "gap_p95_mm", "step_median_mm", "coverage_fraction"):
        assert check.measures[name] == pytest.approx(plain.measures[name], abs=1e-6), name
    assert check.measures["insertion_penetration_mm"] <= 0.05
    assert check.measures["lip_height_max_mm"] == pytest.approx(1.2, abs=0.2)
    assert check.measures["lip_gap_min_mm"] == pytest.approx(0.2, abs=0.2)
    assert len(check.gap_mm) == len(check.thickness_mm) == len(lipped.mesh.vertices)
    assert np.nanmedian(check.thickness_mm) == pytest.approx(5.0, abs=0.05)
    unasked = _codes(_check(lipped.mesh, site))
    assert {"lip.unknown", "fit.outside"} <= unasked


def test_a_lip_in_bone_off_it_or_of_another_part_is_found(site, lipped):
    away = np.linalg.norm(np.asarray(lipped.mesh.vertices)[:, :2], axis=1)
    over = away > 25.0
    for shift_mm, code in ((-0.8, "fit.penetration"), (1.5, "lip.proud")):
        moved = np.array(lipped.mesh.vertices)
        moved[over, 2] += shift_mm
        bent = new_mesh(moved, lipped.mesh.faces)
        assert code in _codes(_check(bent, site, without_lip=lipped.plain))
    other = lipped.plain.copy().apply_translation((0, 0, 2.0))
    assert "lip.mismatch" in _codes(_check(lipped.mesh, site, without_lip=other))
