"""The README's tables of results, made from the records of `run_skullfix`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from meshimplant.datasets.skullfix import VALIDATION

Record = dict[str, Any]

#: One case may take this long and this much on two cores.
MAX_SECONDS, MAX_GB = 300, 6
METRICS: dict[str, Callable[..., Any]] = {"dice": max, "border_dice": max, "hausdorff95_mm": min}
GROUPS = (("training defects", True), ("test skulls", False))


@dataclass(frozen=True)
class Bar:
    """One demand on a part: how it reads, the number that counts, its limit, and which way is worse."""

    title: str
    value: Callable[[Record], float]
    limit: float
    unit: str
    worse: Callable[..., Any] = max

    def met(self, record: Record) -> bool:
        """Return whether a record keeps the limit."""
        return self.worse(self.value(record), self.limit) == self.limit


BARS = (
    Bar("median gap off the clearance", lambda r: abs(_m(r, "gap_median_mm") - _asked(r, "clearance_mm")), 0.15, "mm"),
    Bar("gap (p95) beyond the clearance", lambda r: _m(r, "gap_p95_mm") - _asked(r, "clearance_mm"), 0.5, "mm"),
    Bar("median thickness off the asked", lambda r: abs(_m(r, "thickness_median_mm") - _asked(r, "thickness_mm")), 0.1, "mm"),
    Bar("thickness, p5 to p95", lambda r: _m(r, "thickness_p95_mm") - _m(r, "thickness_p5_mm"), 0.6, "mm"),
    Bar("opening covered", lambda r: 100 * _m(r, "coverage_fraction"), 95.0, "%", min),
    Bar("over intact bone", lambda r: 100 * _m(r, "outside_fraction"), 1.0, "%"),
    Bar("step at the rim, median", lambda r: _m(r, "step_median_mm"), 0.3, "mm"),
    Bar("step at the rim, p95", lambda r: _m(r, "step_p95_mm"), 0.8, "mm"),
    Bar("reaches inward of bone", lambda r: _m(r, "inward_protrusion_mm"), 2.0, "mm"),
    Bar("depth in bone on a straight way in", lambda r: r["insertion_mm"], 0.05, "mm"),
)  # fmt: skip


def table(records: Sequence[Record]) -> str:
    """Return the markdown tables: what happened to all cases, how the parts fit, the metrics of those with a truth."""
    lines = [
        "| | cases | exit 0 | solid, one body | no bone inside | seconds | GB |",
        "|---|---|---|---|---|---|---|",
    ]
    groups = [(title, [r for r in records if r["truth"] is truth]) for title, truth in GROUPS]
    lines += [_group_row(title, group) for title, group in groups if group]
    written = [record for record in records if "measures" in record]
    if written:
        lines += [
            "",
            "| every part written | asked | parts that keep it | median | worst |",
            "|---|---|---|---|---|",
        ]
        lines += [_bar_row(bar, written) for bar in BARS]
    known = [record for record in records if record["truth"]]
    aside = [record for record in known if record["case"] in VALIDATION]
    if known:
        lines += ["", "| training defects | cases | mean | median | worst |", "|---|---|---|---|---|"]
        lines += [_metric_row(name, "all", known) for name in METRICS]
    if aside:
        lines += [_metric_row(name, "kept aside for validation", aside) for name in METRICS]
    failed = [f"`{r['case']}`: {why(r)}" for r in records if not good(r)]
    return "\n".join([*lines, "", f"Not as asked: {'; '.join(failed) or 'none'}."])


def _m(record: Record, name: str) -> float:
    """Return a measure; one that could not be taken counts as infinitely bad, for a part that fits has them all."""
    value = record["measures"].get(name)
    if value is not None:
        return float(value)
    return -float("inf") if name == "coverage_fraction" else float("inf")


def _asked(record: Record, name: str) -> float:
    return float(record["spec"][name])


def _bar_row(bar: Bar, written: Sequence[Record]) -> str:
    values = {record["case"]: bar.value(record) for record in written}
    worst = bar.worse(values, key=lambda case: values[case])
    kept = sum(bar.met(record) for record in written)
    sign = ">=" if bar.worse is min else "<="
    return (
        f"| {bar.title} | {sign} {bar.limit:g} {bar.unit} | {kept} of {len(written)} | "
        f"{median(values.values()):.2f} | {values[worst]:.2f} (`{worst}`) |"
    )


def _group_row(title: str, group: Sequence[Record]) -> str:
    written = [record for record in group if "closed" in record]
    done = sum(record["exit_code"] == 0 for record in group)
    solid = sum(_solid(record) for record in written)
    free = sum(record["bone_inside_mm3"] == 0 for record in written)
    columns = [(record["seconds"], record["peak_gb"]) for record in group]
    seconds, peak = zip(*columns, strict=True)
    return (
        f"| {title} | {len(group)} | {done} | {solid} of {len(written)} written | {free} of {len(written)} | "
        f"median {median(seconds):.0f}, worst {max(seconds):.0f} | "
        f"median {median(peak):.1f}, worst {max(peak):.1f} |"
    )


def _metric_row(name: str, which: str, known: Sequence[Record]) -> str:
    """A case without a reconstruction counts as 0 (overlaps) or is named below and left out (distances)."""
    best = METRICS[name]
    values = {r["case"]: r.get("metrics", {}).get(name, 0.0 if best is max else None) for r in known}
    numbers = {case: value for case, value in values.items() if value is not None}
    if not numbers:
        return f"| {name} | {which} | - | - | - |"
    worst = (min if best is max else max)(numbers, key=lambda case: numbers[case])
    return (
        f"| {name} | {which}, {len(known)} | {mean(numbers.values()):.3f} | {median(numbers.values()):.3f} | "
        f"{numbers[worst]:.3f} (`{worst}`) |"
    )


def _solid(record: Record) -> bool:
    closed = record["closed"] and record["wound"] and record["volume_mm3"] > 0 and record["bodies"] == 1
    return bool(closed)


def good(record: Record) -> bool:
    """Return whether a case ended as it must: exit code 0, in time and memory, a solid free of bone."""
    fast = record["seconds"] <= MAX_SECONDS and record["peak_gb"] <= MAX_GB
    fits = "closed" in record and _solid(record) and record["bone_inside_mm3"] == 0
    return bool(record["exit_code"] == 0 and fast and fits)


def why(record: Record) -> str:
    """Return in a few words why a case did not end well."""
    reasons = [f"exit code {record['exit_code']}"] if record["exit_code"] else []
    reasons += record.get("errors", [])
    if "closed" not in record:
        reasons += record["words"].splitlines()[:1]
    elif not _solid(record):
        reasons.append(f"closed {record['closed']}, wound {record['wound']}, {record['bodies']} bodies")
    elif record["bone_inside_mm3"] > 0:
        reasons.append(f"{record['bone_inside_mm3']:.2f} mm3 of bone inside")
    return ", ".join(reasons) or f"{record['seconds']:.0f} s, {record['peak_gb']:.1f} GB"
