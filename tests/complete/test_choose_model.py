"""choose_model: which model is used and why; which heads are refused; where methods differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from meshimplant.complete.choose_model import (
    Disagreement,
    choose_model,
    disagreement_findings,
    measure_disagreement,
    require_head_of_population,
    residual_findings,
)
from meshimplant.complete.estimate_vault import Estimate
from meshimplant.errors import InputError
from meshimplant.head.chart import Chart
from meshimplant.head.mean_vault import FittedVault
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere
from meshimplant.skull.defect import Defect

TOP = np.array([0.0, 0.0, 1.0])
POSE = HeadPose(np.array([5.0, -3.0, 100.0]), np.eye(3), 0.5)


def defect(*, midline: bool = True) -> Defect:
    members = np.flatnonzero(direction_sphere()[0] @ TOP > 0.95)
    return Defect(members, TOP, 2000.0, np.zeros(3), midline)


def estimate(**residuals: float) -> Estimate:
    """Return spheres of 80 mm, 6 mm thick, by each name; names hold a residual."""
    chart = Chart.around(TOP, half_width_mm=40, spacing_mm=1)
    flat = np.full((len(residuals), *chart.shape), 80.0)
    none = np.zeros(1)
    fitted = tuple(FittedVault(none, none, residual) for residual in residuals.values())
    return Estimate(
        chart, tuple(name.replace("_", "-") for name in residuals), fitted, flat, flat * 0 + 6.0, 0.4
    )


def test_the_shape_model_is_used_where_it_fits_the_head() -> None:
    name, reason = choose_model(estimate(ssm=0.6, template=1.2, mirror=9.0), defect())
    assert name == "ssm"
    assert "up to 1 mm (RMS distance from the intact bone: ssm 0.6 mm, template 1.2 mm)" in reason
    assert "crosses the midline" in reason
    assert "mirror" not in reason


def test_the_mean_is_used_where_the_modes_do_not_fit_the_head() -> None:
    name, reason = choose_model(estimate(ssm=1.1, template=2.4, mirror=9.0), defect(midline=False))
    assert name == "template"
    assert "the scaled mean, since the shape model does not fit this head" in reason
    assert "up to 1 mm (RMS distance from the intact bone: ssm 1.1 mm, template 2.4 mm)" in reason
    assert "other side is intact" in reason


@pytest.mark.parametrize("name", ["ssm", "ssm_image", "template", "mirror"])
def test_a_single_model_is_used(name) -> None:
    assert choose_model(estimate(**{name: 2.0}), defect())[0] == name.replace("_", "-")


def test_a_head_unlike_the_population_gives_a_warning_or_is_refused() -> None:
    assert residual_findings(estimate(ssm=1.4, mirror=9.0), "ssm") == []
    (finding,) = residual_findings(estimate(ssm=1.6, template=4.0, mirror=0.1), "ssm")
    assert (finding.code, finding.severity, finding.value) == ("complete.unlike_model", "warning", 1.6)
    (finding,) = residual_findings(estimate(ssm=1.4, template=4.0), "template")
    assert finding.value == 4.0
    assert "method template lies 4.0 mm (RMS) from the intact bone" in finding.message
    require_head_of_population(estimate(ssm=2.9, template=9.0))
    require_head_of_population(estimate(mirror=9.0))
    with pytest.raises(InputError, match=r"within 3 mm .* got 3\.2 mm: .* mirror"):
        require_head_of_population(estimate(ssm=3.2, template=9.0, mirror=0.1))


def test_methods_that_differ_in_the_opening_are_reported_with_the_place() -> None:
    both = estimate(ssm=0.5, template=0.5, mirror=9.0)
    outer, thickness = both.outer_mm.copy(), both.thickness_mm.copy()
    a, b = np.meshgrid(*[np.arange(both.chart.shape[0]) - both.chart.shape[0] // 2] * 2, indexing="ij")
    outer[1] += 4.0 * np.exp(-((a - 10) ** 2 + b**2) / 200)
    thickness[2] += 1.0
    both = replace(both, outer_mm=outer, thickness_mm=thickness)
    disagreement = measure_disagreement(both, "ssm", defect(), POSE)
    assert disagreement is not None
    assert disagreement.methods == ("ssm", "template")
    assert disagreement.distance_mm.max() == pytest.approx(4.0, abs=0.05)
    assert np.linalg.norm(disagreement.points_mm - POSE.centre_mm, axis=1) == pytest.approx(80.0)
    (finding,) = disagreement_findings(disagreement)
    assert (finding.severity, finding.limit) == ("warning", 3.0)
    assert finding.value == disagreement.p95_mm > 3.0
    farthest = both.chart.directions[both.chart.shape[0] // 2 + 10, both.chart.shape[0] // 2]
    assert finding.location_mm == pytest.approx(POSE.centre_mm + 80 * farthest, abs=2.5)
    assert (
        disagreement_findings(
            measure_disagreement(both, "ssm", replace(defect(), members=defect().members[:1]), POSE)
        )
        == []
    )


def test_a_single_method_has_no_disagreement() -> None:
    assert measure_disagreement(estimate(template=0.5), "template", defect(), POSE) is None
    assert disagreement_findings(None) == []
    near = Disagreement(("ssm", "mirror"), np.zeros((4, 3)), np.full(4, 2.9))
    assert disagreement_findings(near) == []
