"""The step `round` of the line: what it makes of the prescription, and what the report keeps of it."""

from __future__ import annotations

import pytest
from analytic_head import AnalyticHead

from meshimplant.design.make_part import _rounded
from meshimplant.design.step_runner import StepRunner
from meshimplant.errors import SpecError
from meshimplant.implant.site import Site
from meshimplant.report import Report
from meshimplant.spec.implant_spec import ImplantSpec


def test_the_border_is_rounded_as_prescribed():
    head = AnalyticHead((0.5, 0.2, 0.8), axes_mm=(50.0, 60.0, 56.0), thickness_mm=1.2, half_angle_deg=15.0)
    part = head.part()
    site = Site.around(head.mask(1.5), part, inside_mm=[0, 0, 0])
    line = StepRunner(Report())
    assert _rounded(part, site, ImplantSpec(), line) is None
    rounded = _rounded(part, site, ImplantSpec(border_radius_mm=0.8), line)
    assert rounded is not None
    (step,) = line.report.steps
    assert (step.name, step.parameters["radius_mm"]) == ("round", 0.8)
    assert step.parameters["border_radius_median_mm"] == pytest.approx(0.54, abs=0.04)
    assert step.volume_after_mm3 < step.volume_before_mm3
    assert [finding.code for finding in line.report.findings] == ["border.radius_reduced"]


def test_a_radius_out_of_range_is_refused():
    with pytest.raises(SpecError, match="border_radius_mm"):
        ImplantSpec(border_radius_mm=2.0)
