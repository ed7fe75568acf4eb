"""`BatchSummary`: all cases of a batch, worst first, how each number is distributed, and findings counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from meshimplant.batch.case_record import OUTCOMES, CaseRecord
from meshimplant.report import plain_values
from meshimplant.runtime.versions import installed_versions

#: Version of the layout of summary.json, MAJOR.MINOR, as `schema_version` of a report.
SCHEMA_VERSION = "1.0"
#: Fields of a record that differ from run to run.
RUN_FIELDS = ("seconds", "memory_mb", "attempts")
#: Metrics in the summary; all are in the records.
METRICS = (
    *("dice", "border_dice", "hausdorff_mm", "hausdorff95_mm"),
    *("coverage_fraction", "protrusion_mm"),
)
_SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class BatchSummary:
    """All cases of a batch.

    Attributes
    ----------
    verb : str
        The verb that was run.
    cases : tuple of CaseRecord
        Worst first: by verdict, then by how many numbers are beyond or near their limits and how far, then by
        name.
    run : dict
        What differs from run to run: ``workers``, ``seconds``, and ``kept``, the number of cases that an
        earlier run had finished.
    """

    verb: str
    cases: tuple[CaseRecord, ...]
    run: dict[str, Any]

    @classmethod
    def of(cls, verb: str, records: Sequence[CaseRecord], *, run: dict[str, Any]) -> BatchSummary:
        """Sort the records of a batch."""
        return cls(verb, tuple(sorted(records, key=_badness)), run)

    @property
    def counts(self) -> dict[str, int]:
        """The number of cases of each outcome that occurs, worst first."""
        found = Counter(case.outcome for case in self.cases)
        return {outcome: found[outcome] for outcome in OUTCOMES if found[outcome]}

    @property
    def failures(self) -> tuple[CaseRecord, ...]:
        """The cases without a result."""
        return tuple(case for case in self.cases if case.failed)

    @cached_property
    def distributions(self) -> dict[str, dict[str, Any]]:
        """For each number of the cases: count, mean, and five of its percentiles."""
        values: dict[str, list[float]] = {}
        for case in self.cases:
            for name, value in numbers_of(case).items():
                if value is not None:
                    values.setdefault(name, []).append(value)
        return {name: _distribution(values[name]) for name in sorted(values, key=self._place)}

    @cached_property
    def findings(self) -> list[dict[str, Any]]:
        """Each code of a finding with its severity and the number of cases that have it, errors first."""
        found = Counter(
            pair for case in self.cases for pair in {(f["severity"], f["code"]) for f in case.findings}
        )
        order = sorted(found, key=lambda pair: (_SEVERITIES.index(pair[0]), -found[pair], pair[1]))
        return [
            {"code": code, "severity": severity, "cases": found[severity, code]} for severity, code in order
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values; runs differ in ``run`` and in the fields `RUN_FIELDS` only."""
        return plain_values(
            {
                "schema_version": SCHEMA_VERSION,
                "verb": self.verb,
                "counts": self.counts,
                "cases": [case.to_dict() for case in self.cases],
                "distributions": self.distributions,
                "findings": self.findings,
                "versions": installed_versions(),
                "run": self.run,
            }
        )

    def _place(self, name: str) -> int:
        """Return where a number stands: in the order of the first case that has it, metrics last."""
        names = [name for case in self.cases for name in numbers_of(case)]
        return names.index(name) + (len(names) if name in METRICS else 0)


def numbers_of(case: CaseRecord) -> dict[str, float | None]:
    """Return the numbers of a case by the name of the measure, and its metrics."""
    numbers = {number["measure"]: number["value"] for number in case.numbers}
    return {**numbers, **{name: case.metrics[name] for name in METRICS if name in case.metrics}}


def _badness(case: CaseRecord) -> tuple[Any, ...]:
    """Return the place of a case in a row that begins with the worst."""
    verdicts = [number.get("verdict") for number in case.numbers]
    return (
        OUTCOMES.index(case.outcome),
        -verdicts.count("beyond"),
        -verdicts.count("review"),
        -max([_share_of_limit(number) for number in case.numbers], default=0.0),
        case.metrics.get("dice", 1.0),
        case.name,
    )


def _share_of_limit(number: dict[str, Any]) -> float:
    """Return how far a number is towards its limit: 1 at the limit, more beyond it; 0 without one."""
    value, limit = number["value"], number.get("limit")
    if value is None or not limit:
        return 0.0
    if not number["at_least"]:
        return round(float(value / limit), 6)
    return round(float(limit / value), 6) if value > 0 else float("inf")


def _distribution(values: list[float]) -> dict[str, Any]:
    low, p25, median, p75, high = np.percentile(values, (0, 25, 50, 75, 100))
    return {
        "cases": len(values),
        "mean": float(np.mean(values)),
        "min": float(low),
        "p25": float(p25),
        "median": float(median),
        "p75": float(p75),
        "max": float(high),
    }
