"""The tables of methods, made from the records of `run_methods`: one for the README, and one with every number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.evaluation.summary import LARGER_IS_BETTER, Statistic, describe

Record = dict[str, Any]

CHALLENGE = "skullfix"
VIRTUAL = ("bilateral", "frontoorbital", "parietotemporal", "random_1", "random_2")
KINDS = (CHALLENGE, *VIRTUAL)
FIVE = "the five kinds"
#: How a kind is written where it is not its own name.
_TITLES = {CHALLENGE: "challenge defect"}
SHOWN = ("dice", "border_dice", "hausdorff95_mm")
SURFACES = ("outer", "inner", "rim")


def summary_table(records: Sequence[Record]) -> str:
    """Return markdown of one row per method: Dice / border Dice / HD95 of each kind and of the five together.

    A cell that stands for fewer defects than others of its column says for how many. The five kinds are shown
    only where all of them are there. A refusal counts as nothing found.
    """
    columns = [kind for kind in (*KINDS, FIVE) if any(_group(records, kind))]
    most = {kind: max(len(_group(records, kind, method)) for method in _methods(records)) for kind in columns}
    heads = [
        *(_TITLES.get(kind, kind) for kind in columns),
        "worst coverage %",
        "worst opening covered %",
        "worst protrusion mm",
        "CPU s",
        "GB",
        "refused",
    ]
    lines = [_line(["Dice / border Dice / HD95 mm", *heads]), _rule(1 + len(heads))]
    for method in _methods(records):
        mine = [record for record in records if record["method"] == method]
        cells = [_cell(_group(records, kind, method), most[kind]) for kind in columns]
        refused = sum(bool(record["error"]) for record in mine)
        lines.append(_line([f"`{method}`", *cells, *_extremes(mine), str(refused)]))
    return "\n".join(lines)


def detail_tables(records: Sequence[Record]) -> str:
    """Return markdown of one row per method and kind: the numbers with intervals over skulls, and the errors by surface."""
    numbers = [
        *("method", "kind", "defects", "Dice (95 % interval)", "border Dice", "HD95 mm", "worst Dice"),
        *("worst coverage %", "worst opening covered %", "worst protrusion mm", "CPU s", "GB"),
    ]
    errors = ["method", "kind", *(f"{surface} bias, RMS, worst protrusion mm" for surface in SURFACES)]
    groups = [(m, k, _group(records, k, m)) for m in _methods(records) for k in (*KINDS, FIVE)]
    groups = [group for group in groups if group[2]]
    lines = [_line(numbers), _rule(len(numbers)), *(_number_row(*group) for group in groups)]
    lines += ["", _line(errors), _rule(len(errors)), *(_error_row(*group) for group in groups)]
    refused = [f"`{r['case']}` {r['kind']} {r['method']}: {r['error']}" for r in records if r["error"]]
    return "\n".join([*lines, "", f"Refused: {'; '.join(refused) or 'none'}."])


def _methods(records: Iterable[Record]) -> list[str]:
    """Methods in the order in which they first come."""
    return list(dict.fromkeys(record["method"] for record in records))


def _group(records: Iterable[Record], kind: str, method: str | None = None) -> list[Record]:
    """Records of one kind, or of the five together where all five are there; of one method or of all."""
    mine = [record for record in records if method in (None, record["method"])]
    if kind != FIVE:
        return [record for record in mine if record["kind"] == kind]
    virtual = [record for record in mine if record["kind"] in VIRTUAL]
    return virtual if {record["kind"] for record in virtual} == set(VIRTUAL) else []


def _statistics(group: Sequence[Record]) -> dict[str, Statistic]:
    values = {name: _values(group, name) for name in SHOWN}
    skulls = [record["case"] for record in group]
    return describe(values, larger_is_better=LARGER_IS_BETTER, clusters=skulls)


def _values(group: Sequence[Record], name: str) -> NDArray[np.float64]:
    """Return one metric of each record; what is null (nothing was found) is infinitely far off."""
    read = [record["metrics"][name] for record in group]
    return np.array([np.inf if value is None else value for value in read])


def _cell(group: Sequence[Record], most: int) -> str:
    if not group:
        return "-"
    found = _statistics(group)
    count = f" ({len(group)} of {most})" if len(group) < most else ""
    return f"{found['dice'].mean:.3f} / {found['border_dice'].mean:.3f} / {found['hausdorff95_mm'].mean:.2f}{count}"


def _extremes(group: Sequence[Record]) -> list[str]:
    """Worst coverage of the bone and of the opening, worst protrusion, median CPU seconds, and largest memory."""
    return [
        f"{100 * _values(group, 'coverage_fraction').min():.1f}",
        f"{100 * min(record['opening_covered_fraction'] for record in group):.1f}",
        _reach(group, SURFACES),
        f"{median(record['cpu_s'] for record in group):.0f}",
        f"{max(record['peak_gb'] for record in group):.1f}",
    ]


def _reach(group: Sequence[Record], surfaces: Iterable[str]) -> str:
    """Farthest reach beyond the truth's surfaces; a dash where no record tells."""
    names = [f"{surface}_protrusion_mm" for surface in surfaces]
    read = [record["surfaces"].get(name) for record in group for name in names]
    known = [value for value in read if value is not None]
    return f"{max(known):.1f}" if known else "-"


def _number_row(method: str, kind: str, group: Sequence[Record]) -> str:
    found = _statistics(group)
    low, high = found["dice"].mean_interval
    worst = group[found["dice"].worst_case or 0]["case"]
    cells = [
        *(
            f"`{method}`",
            _TITLES.get(kind, kind),
            str(len(group)),
            f"{found['dice'].mean:.3f} ({low:.3f} to {high:.3f})",
        ),
        *(f"{found['border_dice'].mean:.3f}", f"{found['hausdorff95_mm'].mean:.2f}"),
        f"{found['dice'].worst:.3f} (`{worst}`)",
    ]
    return _line([*cells, *_extremes(group)])


def _error_row(method: str, kind: str, group: Sequence[Record]) -> str:
    cells = []
    for surface in SURFACES:
        bias, rms = (_mean(group, f"{surface}_{name}_mm") for name in ("bias", "rms"))
        cells.append("-" if np.isnan(rms) else f"{bias:+.2f}, {rms:.2f}, {_reach(group, [surface])}")
    return _line([f"`{method}`", _TITLES.get(kind, kind), *cells])


def _mean(group: Sequence[Record], name: str) -> float:
    """Mean of an error by surface over the records that have it; NaN where none has."""
    known = [v for v in (record["surfaces"].get(name) for record in group) if v is not None]
    return float(np.mean(known)) if known else float("nan")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(count: int) -> str:
    return "|---" * count + "|"
