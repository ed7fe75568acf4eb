"""The experts' criteria: each note follows from its measures, and none is made up."""

from __future__ import annotations

from typing import Any

import pytest

from meshimplant.check.criteria import rate
from meshimplant.report import Criterion, Finding
from meshimplant.spec.implant_spec import ImplantSpec

SPEC = ImplantSpec()
NAMES = (
    *("completeness", "false positive area", "fit", "thickness", "border"),
    *("seat", "placement tolerance", "feasibility"),
)
GOOD: dict[str, Any] = {
    "coverage_fraction": 0.998,
    "coverage_of": "reconstruction",
    "opening_coverage_fraction": 0.99,
    "outside_fraction": 0.0,
    "under_bone_fraction": 0.0,
    "nearest_bone_mm": 0.8,
    "penetration_mm": 0.0,
    "gap_p95_mm": 0.95,
    "thickness_median_mm": 3.0,
    "thickness_min_mm": 2.9,
    "bone_thickness_median_mm": 6.5,
    "step_median_mm": 0.05,
    "step_p95_mm": 0.4,
    "border_angle_median_deg": 2.5,
    "border_angle_p95_deg": 7.0,
    "insertion_penetration_mm": 0.0,
    "seat_fraction": 0.9,
    "placement_gap_p95_mm": 2.1,
    "placement_step_p95_mm": 1.8,
    "placement_inward_mm": 0.9,
}


def _finding(code: str, severity: Any = "warning") -> Finding:
    return Finding(code, severity, "Something.", location_mm=(0, 0, 0))


def _rated(*findings: Finding, **changed: Any) -> dict[str, Criterion]:
    return {criterion.name: criterion for criterion in rate(GOOD | changed, findings, SPEC)}


def test_a_flawless_part_has_full_notes_in_a_fixed_order() -> None:
    criteria = rate(GOOD, [], SPEC)
    assert tuple(criterion.name for criterion in criteria) == NAMES
    assert [criterion.score for criterion in criteria] == [1.0] * 8
    assert all(criterion.reason and criterion.scale.startswith("1 ") for criterion in criteria)
    assert {name for criterion in criteria for name in criterion.measures} <= set(GOOD)


@pytest.mark.parametrize(
    ("name", "changed", "score"),
    [
        ("completeness", {"coverage_fraction": 0.94}, 0.8),
        ("completeness", {"coverage_fraction": 0.75}, 0.0),
        ("completeness", {"opening_coverage_fraction": 0.8}, 0.8),
        ("completeness", {"opening_coverage_fraction": None}, 1.0),
        ("false positive area", {"outside_fraction": 0.03}, 0.75),
        ("false positive area", {"under_bone_fraction": 0.12}, 0.5),
        ("false positive area", {"outside_fraction": 0.2}, 0.0),
        ("fit", {"penetration_mm": 0.2}, 0.0),
        ("fit", {"gap_p95_mm": 1.5}, 0.5),
        ("fit", {"gap_p95_mm": 3.1}, 0.0),
        ("fit", {"nearest_bone_mm": 4.0}, 0.0),
        ("thickness", {"thickness_median_mm": 4.0}, 0.75),
        ("thickness", {"thickness_median_mm": 8.0}, 0.5),
        ("seat", {"seat_fraction": 0.3}, 0.5),
        ("seat", {"seat_fraction": 0.0}, 0.0),
        ("placement tolerance", {"placement_gap_p95_mm": 3.4}, 0.5),
        ("placement tolerance", {"placement_gap_p95_mm": 3.4, "placement_inward_mm": 4.1}, 0.0),
        ("border", {"step_p95_mm": 1.2}, 0.5),
        ("border", {"border_angle_median_deg": 8.0}, 0.5),
        ("border", {"step_median_mm": -0.6, "border_angle_p95_deg": 30.0}, 0.0),
    ],
)
def test_each_note_follows_from_its_measures_alone(name: str, changed: dict[str, Any], score: float) -> None:
    rated = _rated(**changed)
    assert rated.pop(name).score == score
    assert [criterion.score for criterion in rated.values()] == [1.0] * 7


@pytest.mark.parametrize(
    ("finding", "depth_mm", "score"),
    [
        (_finding("fit.step"), 0.0, 0.8),
        (_finding("preview.missing", "info"), 0.0, 1.0),
        (_finding("insertion.blocked"), 0.1, 0.8),
        (_finding("insertion.blocked"), 0.6, 0.6),
        (_finding("fit.gap_p95"), 0.0, 0.6),
        (_finding("fit.coverage", "error"), 0.0, 0.4),
        (_finding("solid.self_intersections", "error"), 0.0, 0.0),
        (_finding("fit.detached", "error"), 0.0, 0.0),
    ],
)
def test_feasibility_follows_the_worst_finding(finding: Finding, depth_mm: float, score: float) -> None:
    flaw = _finding("thickness.median")
    worst = min(score, 0.8)
    assert _rated(finding, insertion_penetration_mm=depth_mm)["feasibility"].score == score
    both = _rated(flaw, finding, insertion_penetration_mm=depth_mm)["feasibility"]
    assert both.score == worst
    if score < 0.8:
        assert finding.code in both.reason


def test_a_wall_too_thin_for_its_material_has_no_note_for_thinness() -> None:
    rated = _rated(_finding("thickness.too_thin", "error"), thickness_min_mm=0.9)
    assert rated["thickness"].score == 0
    assert "PEEK needs 2 mm" in rated["thickness"].reason


@pytest.mark.parametrize("name", sorted(set(GOOD) - {"coverage_of", "opening_coverage_fraction"}))
def test_what_was_not_measured_is_not_rated(name: str) -> None:
    for measures in (GOOD | {name: None}, {key: GOOD[key] for key in GOOD if key != name}):
        unrated = [criterion for criterion in rate(measures, [], SPEC) if criterion.score is None]
        assert [name in criterion.measures for criterion in unrated] == [True]
        assert name in unrated[0].reason


def test_nothing_measured_is_nothing_rated() -> None:
    assert [criterion.score for criterion in rate({}, [], SPEC)] == [None] * 8


def test_the_gap_of_a_bevelled_border_may_widen_inwards() -> None:
    wide = GOOD | {"gap_p95_mm": 2.3}
    scores = [
        {criterion.name: criterion.score for criterion in rate(wide, [], spec)}["fit"]
        for spec in (SPEC, SPEC.with_values(bevel_deg=20.0))
    ]
    assert scores == [0.5, 1.0]
