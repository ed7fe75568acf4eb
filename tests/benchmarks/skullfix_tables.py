"""Tables of the whole line on real skulls, made from the records of `run_skullfix`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from benchmarks.result_table import Columns, markdown

from meshimplant.datasets.skullfix import VALIDATION

Record = dict[str, Any]

#: Limits for one case on two cores.
MAX_SECONDS, MAX_GB = 300, 6
METRICS: dict[str, Callable[..., Any]] = {"dice": max, "border_dice": max, "hausdorff95_mm": min}
GROUPS = (("training defects", True), ("test skulls", False))

COLUMNS: dict[str, Columns] = {
    "cases": {
        "": "{group}",
        "cases": "{cases}",
        "exit 0": "{exit_0}",
        "solid, one body": "{solid} of {written} written",
        "no bone inside": "{no_bone_inside} of {written}",
        "seconds": "median {seconds_median:.0f}, worst {seconds_worst:.0f}",
        "GB": "median {gb_median:.1f}, worst {gb_worst:.1f}",
    },
    "parts": {
        "every part written": "{demand}",
        "required": "{sign} {limit:g} {unit}",
        "parts that meet it": "{met} of {parts}",
        "median": "{median:.2f}",
        "worst": "{worst:.2f} (`{worst_case}`)",
    },
    "metrics": {
        "training defects": "{metric}",
        "cases": "{which}, {cases}",
        "mean": "{mean:.3f}",
        "median": "{median:.3f}",
        "worst": "{worst:.3f} (`{worst_case}`)",
    },
}


@dataclass(frozen=True)
class Bar:
    """One requirement on a part: its title, the number measured, its limit, and which direction is worse."""

    title: str
    value: Callable[[Record], float]
    limit: float
    unit: str
    worse: Callable[..., Any] = max

    def met(self, record: Record) -> bool:
        """Return whether a record meets the limit."""
        return self.worse(self.value(record), self.limit) == self.limit


BARS = (
    Bar(
        "median gap, error against the clearance",
        lambda r: abs(_m(r, "gap_median_mm") - _prescribed(r, "clearance_mm")),
        0.15,
        "mm",
    ),
    Bar(
        "gap (p95) above the clearance",
        lambda r: _m(r, "gap_p95_mm") - _prescribed(r, "clearance_mm"),
        0.5,
        "mm",
    ),
    Bar(
        "median thickness, error against the prescription",
        lambda r: abs(_m(r, "thickness_median_mm") - _prescribed(r, "thickness_mm")),
        0.1,
        "mm",
    ),
    Bar("thickness, p5 to p95", lambda r: _m(r, "thickness_p95_mm") - _m(r, "thickness_p5_mm"), 0.6, "mm"),
    Bar("opening covered", lambda r: 100 * _m(r, "coverage_fraction"), 95.0, "%", min),
    Bar("over intact bone", lambda r: 100 * _m(r, "outside_fraction"), 1.0, "%"),
    Bar("step at the border, median", lambda r: _m(r, "step_median_mm"), 0.3, "mm"),
    Bar("step at the border, p95", lambda r: _m(r, "step_p95_mm"), 0.8, "mm"),
    Bar("reaches inward of bone", lambda r: _m(r, "inward_protrusion_mm"), 2.0, "mm"),
    Bar("depth in bone along the insertion path", lambda r: r["insertion_mm"], 0.05, "mm"),
)


def tables(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return the rows of the tables: outcome of all cases, fit of the parts, and metrics."""
    groups = [(title, [r for r in records if r["truth"] is truth]) for title, truth in GROUPS]
    written = [record for record in records if "measures" in record]
    known = [record for record in records if record["truth"]]
    validation = [record for record in known if record["case"] in VALIDATION]
    return {
        "cases": [_group_row(title, group) for title, group in groups if group],
        "parts": [_bar_row(bar, written) for bar in BARS if written],
        "metrics": [_metric_row(name, "all", known) for name in METRICS if known]
        + [_metric_row(name, "held out for validation", validation) for name in METRICS if validation],
    }


def table(records: Sequence[Record]) -> str:
    """Return the tables as markdown, and the cases that do not meet the requirements."""
    parts = [markdown(COLUMNS[name], rows) for name, rows in tables(records).items() if rows]
    failed = [f"`{r['case']}`: {why(r)}" for r in records if not good(r)]
    return "\n\n".join([*parts, f"Cases that do not meet the requirements: {'; '.join(failed) or 'none'}."])


def _m(record: Record, name: str) -> float:
    """Return a measure; a missing one counts as infinitely bad, because a part that fits has all of them."""
    value = record["measures"].get(name)
    if value is not None:
        return float(value)
    return -float("inf") if name == "coverage_fraction" else float("inf")


def _prescribed(record: Record, name: str) -> float:
    return float(record["spec"][name])


def _bar_row(bar: Bar, written: Sequence[Record]) -> Record:
    values = {record["case"]: bar.value(record) for record in written}
    worst = bar.worse(values, key=lambda case: values[case])
    return {
        "demand": bar.title,
        "sign": ">=" if bar.worse is min else "<=",
        "limit": bar.limit,
        "unit": bar.unit,
        "met": sum(bar.met(record) for record in written),
        "parts": len(written),
        "median": median(values.values()),
        "worst": values[worst],
        "worst_case": worst,
    }


def _group_row(title: str, group: Sequence[Record]) -> Record:
    written = [record for record in group if "closed" in record]
    seconds, peak = zip(*((record["seconds"], record["peak_gb"]) for record in group), strict=True)
    return {
        "group": title,
        "cases": len(group),
        "exit_0": sum(record["exit_code"] == 0 for record in group),
        "written": len(written),
        "solid": sum(_solid(record) for record in written),
        "no_bone_inside": sum(record["bone_inside_mm3"] == 0 for record in written),
        "seconds_median": median(seconds),
        "seconds_worst": max(seconds),
        "gb_median": median(peak),
        "gb_worst": max(peak),
    }


def _metric_row(name: str, which: str, known: Sequence[Record]) -> Record:
    """Return one metric's statistics; without a reconstruction an overlap is 0 and a distance is left out."""
    best = METRICS[name]
    row: Record = {"metric": name, "which": which, "cases": len(known)}
    values = {r["case"]: r.get("metrics", {}).get(name, 0.0 if best is max else None) for r in known}
    numbers = {case: value for case, value in values.items() if value is not None}
    if not numbers:
        return row
    worst = (min if best is max else max)(numbers, key=lambda case: numbers[case])
    statistics = {"mean": mean(numbers.values()), "median": median(numbers.values())}
    return row | statistics | {"worst": numbers[worst], "worst_case": worst}


def _solid(record: Record) -> bool:
    closed = record["closed"] and record["wound"] and record["volume_mm3"] > 0 and record["bodies"] == 1
    return bool(closed)


def good(record: Record) -> bool:
    """Return whether a case meets the requirements: exit code 0, time, memory, a solid free of bone."""
    fast = record["seconds"] <= MAX_SECONDS and record["peak_gb"] <= MAX_GB
    fits = "closed" in record and _solid(record) and record["bone_inside_mm3"] == 0
    return bool(record["exit_code"] == 0 and fast and fits)


def why(record: Record) -> str:
    """Return in a few words why a case does not meet the requirements."""
    reasons = [f"exit code {record['exit_code']}"] if record["exit_code"] else []
    reasons += record.get("errors", [])
    if "closed" not in record:
        reasons += record["words"].splitlines()[:1]
    elif not _solid(record):
        reasons.append(f"closed {record['closed']}, wound {record['wound']}, {record['bodies']} bodies")
    elif record["bone_inside_mm3"] > 0:
        reasons.append(f"{record['bone_inside_mm3']:.2f} mm3 of bone inside")
    return ", ".join(reasons) or f"{record['seconds']:.0f} s, {record['peak_gb']:.1f} GB"
