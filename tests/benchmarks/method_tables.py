"""Tables of methods from the records of `run_methods`: one row per method, or per method and kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

import numpy as np
from benchmarks.result_table import Columns, Row, markdown
from numpy.typing import NDArray

from meshimplant.datasets.kinds import CLINICAL
from meshimplant.evaluation.summary import LARGER_IS_BETTER, Statistic, describe

Record = dict[str, Any]

CHALLENGE = "skullfix"
VIRTUAL = ("bilateral", "frontoorbital", "parietotemporal", "random_1", "random_2")
KINDS = (CHALLENGE, *VIRTUAL, *CLINICAL)
FIVE = "the five kinds"
CLINICS = "the five of clinics"
#: Groups of kinds, shown where all of theirs are present.
GROUPS: dict[str, tuple[str, ...]] = {FIVE: VIRTUAL, CLINICS: CLINICAL}
_ROWS = (CHALLENGE, *VIRTUAL, FIVE, *CLINICAL, CLINICS)
#: How a kind is written where it is not its own name.
_TITLES = {CHALLENGE: "challenge defect"}
SHOWN = ("dice", "border_dice", "hausdorff95_mm")
SURFACES = ("outer", "inner", "rim")


_EXTREMES: Columns = {
    "worst coverage %": "{coverage_worst_percent:.1f}",
    "worst opening covered %": "{opening_covered_worst_percent:.1f}",
    "worst protrusion mm": "{protrusion_worst_mm:.1f}",
    "CPU s": "{cpu_median_s:.0f}",
    "GB": "{peak_gb:.1f}",
}
NUMBERS: Columns = {
    "method": "`{method}`",
    "kind": "{kind}",
    "defects": "{defects}",
    "Dice (95 % interval)": "{dice:.3f} ({dice_low:.3f} to {dice_high:.3f})",
    "border Dice": "{border_dice:.3f}",
    "HD95 mm": "{hausdorff95_mm:.2f}",
    "worst Dice": "{dice_worst:.3f} (`{dice_worst_case}`)",
    **_EXTREMES,
}
ERRORS: Columns = {
    "method": "`{method}`",
    "kind": "{kind}",
    **{
        f"{surface} bias, RMS, worst protrusion mm": (
            f"{{{surface}[bias_mm]:+.2f}}, {{{surface}[rms_mm]:.2f}}, {{{surface}[protrusion_mm]:.1f}}"
        )
        for surface in SURFACES
    },
}


def summary_columns(rows: Sequence[Row]) -> Columns:
    """Return the columns of one row per method: the kinds that any row has, and the extremes over all."""
    titles = [_TITLES.get(kind, kind) for kind in _ROWS]
    present = [title for title in titles if any(title in row for row in rows)]
    return {
        "Dice / border Dice / HD95 mm": "`{method}`",
        **{
            t: f"{{{t}[dice]:.3f}} / {{{t}[border_dice]:.3f}} / {{{t}[hausdorff95_mm]:.2f}}{{{t}[fewer]}}"
            for t in present
        },
        **_EXTREMES,
        "refused": "{refused}",
    }


def summary_rows(records: Sequence[Record]) -> list[Record]:
    """Return one row per method: Dice, border Dice and HD95 of each kind and of each group of five.

    A cell that stands for fewer defects than others of its column states how many. A group is shown only
    where all of its kinds are present. A refusal counts as nothing found.
    """
    kinds = [kind for kind in _ROWS if _group(records, kind)]
    most = {kind: max(len(_group(records, kind, method)) for method in _methods(records)) for kind in kinds}
    rows = []
    for method in _methods(records):
        mine = [record for record in records if record["method"] == method]
        groups = {kind: _group(records, kind, method) for kind in kinds}
        cells = {_TITLES.get(kind, kind): _cell(group, most[kind]) for kind, group in groups.items() if group}
        refused = sum(bool(record["error"]) for record in mine)
        rows.append({"method": method, **cells, **_extremes(mine), "refused": refused})
    return rows


def summary_table(records: Sequence[Record]) -> str:
    """Return `summary_rows` as markdown."""
    rows = summary_rows(records)
    return markdown(summary_columns(rows), rows)


def detail_rows(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return one row per method and kind: numbers with intervals over skulls, and errors by surface."""
    groups = [(m, k, _group(records, k, m)) for m in _methods(records) for k in _ROWS]
    groups = [group for group in groups if group[2]]
    return {
        "numbers": [_number_row(*group) for group in groups],
        "errors": [_error_row(*group) for group in groups],
    }


def detail_tables(records: Sequence[Record]) -> str:
    """Return `detail_rows` as markdown, and the refusals."""
    rows = detail_rows(records)
    refused = [f"`{r['case']}` {r['kind']} {r['method']}: {r['error']}" for r in records if r["error"]]
    tables = [markdown(NUMBERS, rows["numbers"]), markdown(ERRORS, rows["errors"])]
    return "\n\n".join([*tables, f"Refused: {'; '.join(refused) or 'none'}."])


def _methods(records: Iterable[Record]) -> list[str]:
    """Return the methods in order of first appearance."""
    return list(dict.fromkeys(record["method"] for record in records))


def _group(records: Iterable[Record], kind: str, method: str | None = None) -> list[Record]:
    """Return records of one kind, or of a group if all its kinds are present; of one method or of all."""
    kinds = GROUPS.get(kind, (kind,))
    mine = [record for record in records if method in (None, record["method"]) and record["kind"] in kinds]
    return mine if {record["kind"] for record in mine} == set(kinds) else []


def _statistics(group: Sequence[Record]) -> dict[str, Statistic]:
    values = {name: _values(group, name) for name in SHOWN}
    skulls = [record["case"] for record in group]
    return describe(values, larger_is_better=LARGER_IS_BETTER, clusters=skulls)


def _values(group: Sequence[Record], name: str) -> NDArray[np.float64]:
    """Return one metric of each record; what is null (nothing was found) is infinitely far off."""
    read = [record["metrics"][name] for record in group]
    return np.array([np.inf if value is None else value for value in read])


def _cell(group: Sequence[Record], most: int) -> Record:
    statistics = _statistics(group)
    fewer = f" ({len(group)} of {most})" if len(group) < most else ""
    return {name: statistics[name].mean for name in SHOWN} | {"fewer": fewer}


def _extremes(group: Sequence[Record]) -> Record:
    """Return worst coverage of bone and opening, worst protrusion, median CPU seconds, and largest memory."""
    return {
        "coverage_worst_percent": float(100 * _values(group, "coverage_fraction").min()),
        "opening_covered_worst_percent": 100 * min(record["opening_covered_fraction"] for record in group),
        "protrusion_worst_mm": _protrusion(group, SURFACES),
        "cpu_median_s": median(record["cpu_s"] for record in group),
        "peak_gb": max(record["peak_gb"] for record in group),
    }


def _protrusion(group: Sequence[Record], surfaces: Iterable[str]) -> float | None:
    """Return the farthest reach beyond the truth's surfaces; None where no record holds it."""
    names = [f"{surface}_protrusion_mm" for surface in surfaces]
    values = [record["surfaces"].get(name) for record in group for name in names]
    return max((value for value in values if value is not None), default=None)


def _number_row(method: str, kind: str, group: Sequence[Record]) -> Record:
    statistics = _statistics(group)
    dice = statistics["dice"]
    low, high = dice.mean_interval
    return {
        "method": method,
        "kind": _TITLES.get(kind, kind),
        "defects": len(group),
        **{name: statistics[name].mean for name in SHOWN},
        "dice_low": low,
        "dice_high": high,
        "dice_worst": dice.worst,
        "dice_worst_case": group[dice.worst_case or 0]["case"],
        **_extremes(group),
    }


def _error_row(method: str, kind: str, group: Sequence[Record]) -> Record:
    errors = {
        surface: {
            "bias_mm": _mean(group, f"{surface}_bias_mm"),
            "rms_mm": _mean(group, f"{surface}_rms_mm"),
            "protrusion_mm": _protrusion(group, [surface]),
        }
        for surface in SURFACES
    }
    return {"method": method, "kind": _TITLES.get(kind, kind), **errors}


def _mean(group: Sequence[Record], name: str) -> float | None:
    """Return the mean of an error by surface over the records that have it; None where none has."""
    known = [v for v in (record["surfaces"].get(name) for record in group) if v is not None]
    return float(np.mean(known)) if known else None
