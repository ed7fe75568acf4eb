"""The six numbers that decide on a part, each with its limit and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from meshimplant.check.coverage import COVERAGE_FRACTION
from meshimplant.check.criteria import SHALLOW_MM
from meshimplant.check.flushness import STEP_P95_MM
from meshimplant.check.gap import PENETRATION_MM, widest_gap_mm
from meshimplant.errors import SpecError
from meshimplant.implant.wall_thickness import least_wall_mm
from meshimplant.report import Report, verdict_of
from meshimplant.runtime.value_text import in_unit, label_and_unit
from meshimplant.spec.implant_spec import ImplantSpec

NumberVerdict = Literal["within", "review", "beyond", "not measured"]
#: Style of each verdict, as of the whole part.
KINDS: dict[NumberVerdict, str] = {
    "within": "pass",
    "review": "warn",
    "beyond": "fail",
    "not measured": "none",
}


@dataclass(frozen=True)
class DecidingNumber:
    """A number that decides on a part.

    Attributes
    ----------
    name : str
        What was measured, in words.
    value, limit : str
        Both with their unit; a dash where there is none.
    verdict : str
        What the findings about it amount to: ``within``, ``review`` (a warning), ``beyond`` (an error), or
        ``not measured``.
    measure : str
        The name of the measure, with its unit; ``covered_fraction`` for the smallest of several.
    measured, bound : float or None
        Value and limit as numbers; None where there is none.
    at_least : bool
        Whether the limit is the smallest value, and not the largest, that passes.
    """

    name: str
    value: str
    limit: str
    verdict: NumberVerdict
    measure: str
    measured: float | None
    bound: float | None
    at_least: bool


@dataclass(frozen=True)
class _Rule:
    name: str
    measures: tuple[str, ...]  # the smallest of those that were measured decides
    limit: Callable[[ImplantSpec], float]
    word: str
    codes: tuple[str, ...]  # beginnings of the codes of findings about it
    of_several: str = ""  # what the number is called where more than one measure decides


_RULES = (
    _Rule("Thinnest wall", ("thickness_min_mm",), least_wall_mm, "at least", ("thickness.",)),
    _Rule(
        "Gap to bone, 95th percentile",
        ("gap_p95_mm", "gap_evened_p95_mm"),
        widest_gap_mm,
        "at most",
        ("fit.gap", "fit.detached"),
    ),
    _Rule("Depth in bone", ("penetration_mm",), lambda _: PENETRATION_MM, "at most", ("fit.penetration",)),
    _Rule(
        "Opening covered",
        (
            "coverage_fraction",
            "opening_coverage_fraction",
            "completeness_opening_fraction",
            "completeness_mirrored_fraction",
            "completeness_population_fraction",
        ),
        lambda _: COVERAGE_FRACTION,
        "at least",
        ("fit.coverage", "completeness."),
        "covered_fraction",
    ),
    _Rule(
        "Step to bone, 95th percentile",
        ("step_p95_mm",),
        lambda _: STEP_P95_MM,
        "at most",
        ("fit.step", "fit.kink", "shape."),
    ),
    _Rule(
        "Depth in bone on the way in",
        ("insertion_penetration_mm",),
        lambda _: SHALLOW_MM,
        "at most",
        ("insertion.",),
    ),
)


def deciding_numbers(report: Report) -> tuple[DecidingNumber, ...]:
    """Return the six numbers that decide on a part: wall, gap, overlap, coverage, step, way in.

    Each verdict is what the findings about the number amount to, so that it never contradicts them. Source:
    our choice.

    Parameters
    ----------
    report : Report
        The report of a part.

    Returns
    -------
    tuple of DecidingNumber
        Always six, in the same order.
    """
    try:
        spec = ImplantSpec.from_dict(report.spec) if report.spec else None
    except SpecError:
        spec = None
    return tuple(_number(rule, report, spec) for rule in _RULES)


def _number(rule: _Rule, report: Report, spec: ImplantSpec | None) -> DecidingNumber:
    value = _smallest(report.measures, rule.measures)
    unit = label_and_unit(rule.measures[0])[1]
    bound = None if spec is None else float(rule.limit(spec))
    limit = "-" if bound is None else f"{rule.word} {in_unit(bound, unit)} {unit}"
    about = [finding for finding in report.findings if finding.code.startswith(rule.codes)]
    verdict = _VERDICTS[verdict_of(about)]
    if value is None and verdict == "within":
        verdict = "not measured"
    words = "-" if value is None else f"{in_unit(value, unit)} {unit}"
    at_least = rule.word == "at least"
    measure = rule.of_several or rule.measures[0]
    return DecidingNumber(rule.name, words, limit, verdict, measure, value, bound, at_least)


_VERDICTS: Mapping[str, NumberVerdict] = {
    "passed": "within",
    "passed with warnings": "review",
    "failed": "beyond",
}


def _smallest(measures: Mapping[str, Any], names: Iterable[str]) -> float | None:
    known = [measures[name] for name in names if isinstance(measures.get(name), int | float)]
    return float(min(known)) if known else None
