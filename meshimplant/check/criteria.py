"""`rate`: scores that neurosurgeons give an implant design by eye, estimated from its measures.

Completeness, false positive area, fit and feasibility, with the scores 1, 0.8, 0.75, 0.6, 0.5 and 0.4 and
their meaning, are the scale by which experts rated the eleven clinical designs of the AutoImplant 2021
challenge (from a talk on it; overview: Li et al., Medical Image Analysis 2023). The advice that an implant be
at most half as thick as the skull has the same source. Our own additions are: the criteria thickness,
border, seat and placement tolerance and their scores; the numbers behind "whole", "minimal" and "moderate";
every score of 0 except that of fit; the score of 0.5 of fit; and which finding leads to which score of
feasibility. A fit of 0 and a completeness below 0.8 never pass: the measures behind them are errors of
`check_fit`.

**A mechanical estimate of a human scale**: no surgeon has seen the part, and the scores were not compared
with surgeons' scores. A criterion whose measures are missing is not rated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meshimplant.check.coverage import COVERAGE_FRACTION, OUTSIDE_FRACTION
from meshimplant.check.flushness import (
    ANGLE_MEDIAN_DEG,
    ANGLE_P95_DEG,
    STEP_MEDIAN_MM,
    STEP_P95_MM,
)
from meshimplant.check.gap import DETACHED_MM, PENETRATION_MM, failing_gap_mm, widest_gap_mm
from meshimplant.check.placement import INWARD_MM, SHIFT_MM, TURN_DEG
from meshimplant.check.seat import LEAST_FRACTION
from meshimplant.implant.wall_thickness import least_wall_mm
from meshimplant.report import Criterion, Finding
from meshimplant.runtime.value_text import shown, with_unit
from meshimplant.spec.implant_spec import ImplantSpec

#: Least fraction of the defect for the second score of completeness (the experts' number).
MOSTLY_FRACTION = 0.75
#: Largest fraction of a surface over or under intact bone that is minimal, and moderate.
MINIMAL_FRACTION, MODERATE_FRACTION = 0.05, 0.15
#: Fraction of the border that rests on bone from which the seat is good. No source: our choice.
SEATED_FRACTION = 0.5
#: Thickness relative to that of the bone around, as the experts advise.
THIN_FRACTION = 0.5

#: Depth in bone along the straight path up to which a part needs no modification, mm: less than a voxel.
SHALLOW_MM = 0.3

#: Warnings that are resolved by removing material at the border, or adding it there.
_TO_MODIFY = frozenset(
    {"insertion.blocked", "fit.outside", "fit.gap_min", "fit.gap_p95", "fit.gap_median"}
) | {"fit.gap_region"}


@dataclass(frozen=True)
class _Facts:
    measures: Mapping[str, Any]
    errors: frozenset[str]
    warnings: frozenset[str]
    spec: ImplantSpec


_Judge = Callable[[_Facts], tuple[float, str]]


@dataclass(frozen=True)
class _Rule:
    name: str
    scale: str
    needs: tuple[str, ...]
    judge: _Judge


def rate(
    measures: Mapping[str, Any], findings: Iterable[Finding], spec: ImplantSpec
) -> tuple[Criterion, ...]:
    """Estimate the scores that neurosurgeons would give a design, from its measures and findings.

    Parameters
    ----------
    measures : mapping
        As `check_part` returns them with a skull; without one nothing is rated.
    findings : iterable of Finding
        As `check_part` returns them.
    spec : ImplantSpec, optional
        The prescription that the part was checked against.

    Returns
    -------
    tuple of Criterion
        Always the same eight in the same order; `score` is None where a measure is missing.
    """
    listed = list(findings)
    errors, warnings = (
        frozenset(finding.code for finding in listed if finding.severity == severity)
        for severity in ("error", "warning")
    )
    facts = _Facts(measures, errors, warnings, spec)
    return tuple(_apply(rule, facts) for rule in _RULES)


def _apply(rule: _Rule, facts: _Facts) -> Criterion:
    missing = [name for name in rule.needs if facts.measures.get(name) is None]
    if missing:
        return Criterion(rule.name, None, rule.scale, rule.needs, f"not measured: {', '.join(missing)}")
    score, reason = rule.judge(facts)
    return Criterion(rule.name, score, rule.scale, rule.needs, reason)


def _completeness(facts: _Facts) -> tuple[float, str]:
    covered, of = facts.measures["coverage_fraction"], facts.measures.get("coverage_of", "opening")
    reason = f"{_percent(covered)} of the {of} is covered"
    seen = facts.measures.get("opening_coverage_fraction")
    if of != "opening" and seen is not None:
        reason += f", {_percent(seen)} of the opening in the bone"
        covered = min(covered, seen)
    for name, words in _REFERENCES.items():
        share = facts.measures.get(f"completeness_{name}_fraction")
        if share is None:
            reason += f"; {words}: not measured"
        else:
            reason += f"; {words}: {_percent(share)}"
            covered = min(covered, share)
    return (1.0 if covered >= COVERAGE_FRACTION else 0.8 if covered > MOSTLY_FRACTION else 0.0), reason


def _false_positive_area(facts: _Facts) -> tuple[float, str]:
    over, under = facts.measures["outside_fraction"], facts.measures["under_bone_fraction"]
    limits = ((OUTSIDE_FRACTION, 1.0), (MINIMAL_FRACTION, 0.75), (MODERATE_FRACTION, 0.5))
    score = next((score for limit, score in limits if max(over, under) <= limit), 0.0)
    return score, f"{_percent(over)} of the part lies over intact bone, {_percent(under)} under it"


def _fit(facts: _Facts) -> tuple[float, str]:
    depth, widest = facts.measures["penetration_mm"], facts.measures["gap_p95_mm"]
    widest = facts.measures.get("gap_evened_p95_mm", widest)
    away, limit = facts.measures["nearest_bone_mm"], widest_gap_mm(facts.spec)
    if away > DETACHED_MM:
        return 0.0, f"the nearest bone is {shown(away)} mm away"
    if depth > PENETRATION_MM or "fit.penetration" in facts.errors:
        return 0.0, f"it lies {shown(depth)} mm deep in bone"
    reason = f"its gap to bone exceeds {shown(widest)} mm on 5 % of the border"
    if widest > (fails := failing_gap_mm(facts.spec)):
        return 0.0, f"{reason}, above {shown(fails)} mm it does not fit"
    if widest > limit:
        return 0.5, f"{reason}, of {shown(limit)} mm: it fits with a gap to close"
    return 1.0, f"it touches no bone, and its gap is below {shown(widest)} mm on 95 % of the border"


def _thickness(facts: _Facts) -> tuple[float, str]:
    wall, least = facts.measures["thickness_median_mm"], facts.measures["thickness_min_mm"]
    bone = facts.measures["bone_thickness_median_mm"]
    reason = f"{shown(wall)} mm in the median, {shown(least)} mm at the least"
    reason += f"; the bone around has {shown(bone)} mm"
    if "thickness.too_thin" in facts.errors:
        return 0.0, f"{reason}, and {facts.spec.material} needs {least_wall_mm(facts.spec):g} mm"
    return (1.0 if wall <= THIN_FRACTION * bone else 0.75 if wall <= bone else 0.5), reason


def _border(facts: _Facts) -> tuple[float, str]:
    step, steps, angle, angles = (facts.measures[name] for name in _BORDER)
    flush = abs(step) <= STEP_MEDIAN_MM and steps <= STEP_P95_MM
    smooth = angle <= ANGLE_MEDIAN_DEG and angles <= ANGLE_P95_DEG
    reason = (
        f"steps of {shown(step)} mm in the median and {shown(steps)} mm at the 95th percentile, "
        f"angles of {shown(angle)} and {shown(angles)} degrees"
    )
    return 0.5 * flush + 0.5 * smooth, reason


def _seat(facts: _Facts) -> tuple[float, str]:
    seated, sinks = facts.measures["seat_fraction"], facts.measures.get("sinks_mm")
    reason = f"{_percent(seated)} of the border would rest on bone if the part were pushed in"
    if sinks is not None:
        reason += f", after {sinks:.1f} mm"
    return (1.0 if seated >= SEATED_FRACTION else 0.5 if seated >= LEAST_FRACTION else 0.0), reason


def _placement(facts: _Facts) -> tuple[float, str]:
    gap, step, inward = (facts.measures[name] for name in _PLACEMENT)
    reason = (
        f"placed {SHIFT_MM:g} mm and {TURN_DEG:g} degree off, the gap is at most {gap:.1f} mm on 95 % of "
        f"the border, the step at most {step:.1f} mm on 95 % of the rim, and the part reaches "
        f"{inward:.1f} mm inward"
    )
    added = max((each.clearance_mm or 0.0 for each in facts.spec.regions), default=0.0)
    added = max(added - facts.spec.clearance_mm, 0.0)
    kept = (gap <= failing_gap_mm(facts.spec) + added, inward <= INWARD_MM)
    return (1.0 if all(kept) else 0.5 if any(kept) else 0.0), reason


def _feasibility(facts: _Facts) -> tuple[float, str]:
    useless = {c for c in facts.errors if c == "fit.detached" or c.startswith("solid.")}
    depth = facts.measures["insertion_penetration_mm"]
    to_modify = facts.warnings & (_TO_MODIFY if depth > SHALLOW_MM else _TO_MODIFY - {"insertion.blocked"})
    for score, codes, words in (
        (0.0, useless, "it cannot be made or does not belong to this skull"),
        (0.4, facts.errors, "it needs significant modifications"),
        (0.6, to_modify, "it needs minimal modifications"),
        (0.8, facts.warnings, "it has minor flaws"),
    ):
        if codes:
            return score, f"{words}: {', '.join(sorted(codes))}"
    return 1.0, "no check found anything, and it goes in along a straight line"


def _percent(share: float) -> str:
    return with_unit(share, "fraction")


_PLACEMENT = ("placement_gap_p95_mm", "placement_step_p95_mm", "placement_inward_mm")
#: Coverages of `meshimplant.check.completeness`, and what each refers to.
_REFERENCES = {
    "opening": "opening seen from inside and outside",
    "mirrored": "bone as on the other side",
    "population": "vault as in every skull",
}
_BORDER = ("step_median_mm", "step_p95_mm", "border_angle_median_deg", "border_angle_p95_deg")
_RULES = (
    _Rule(
        "completeness",
        "1 the whole defect (95 %), 0.8 more than 75 %, 0 less",
        ("coverage_fraction",),
        _completeness,
    ),
    _Rule(
        "false positive area",
        "1 none, 0.75 minimal (5 %), 0.5 moderate (15 %), 0 more",
        ("outside_fraction", "under_bone_fraction"),
        _false_positive_area,
    ),
    _Rule(
        "fit",
        "1 it fits, 0.5 with a gap to close, 0 it does not",
        ("nearest_bone_mm", "penetration_mm", "gap_p95_mm"),
        _fit,
    ),
    _Rule(
        "thickness",
        "1 at most half of the bone's, 0.75 at most the bone's, 0.5 more, 0 too thin for its material",
        ("thickness_median_mm", "thickness_min_mm", "bone_thickness_median_mm"),
        _thickness,
    ),
    _Rule("border", "1 flush and without a kink, 0.5 one of the two, 0 neither", _BORDER, _border),
    _Rule(
        "seat",
        "1 half of the border rests on bone or more, 0.5 a quarter or more, 0 less",
        ("seat_fraction",),
        _seat,
    ),
    _Rule(
        "placement tolerance",
        "1 placed a little off, gap and inward reach keep their limits, 0.5 one of them, 0 neither",
        _PLACEMENT,
        _placement,
    ),
    _Rule(
        "feasibility",
        "1 no flaw, 0.8 minor flaws, 0.6 minimal modifications, 0.4 significant modifications, 0 unusable",
        ("insertion_penetration_mm",),
        _feasibility,
    ),
)
