"""The distribution of one number over the cases, as it is drawn: columns by verdict, limit, quartiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meshimplant.preview.colour_scales import round_step
from meshimplant.preview.deciding_numbers import KINDS
from meshimplant.runtime.value_text import in_unit, label_and_unit

#: Fixed ranges, so that batches can be compared by eye; values beyond them are drawn at the ends. Our choice.
_RANGES = {
    "thickness_min_mm": (0.0, 6.0),
    "gap_p95_mm": (0.0, 3.0),
    "penetration_mm": (0.0, 1.0),
    "covered_fraction": (0.8, 1.0),
    "step_p95_mm": (0.0, 3.0),
    "insertion_penetration_mm": (0.0, 1.0),
    "dice": (0.5, 1.0),
    "border_dice": (0.5, 1.0),
    "hausdorff_mm": (0.0, 10.0),
    "hausdorff95_mm": (0.0, 5.0),
    "coverage_fraction": (0.5, 1.0),
    "protrusion_mm": (0.0, 10.0),
}
#: Size of the drawing, and the room at its left and right, px.
WIDTH, HEIGHT, MARGIN = 300, 104, 12
_BASE, _TALLEST, _MOST_PX_PER_CASE = 66, 54, 9
_COLUMNS = 30
#: Names in the hint of a column.
_NAMED = 6


@dataclass(frozen=True)
class Column:
    """Cases of one verdict in one column: place, size (px), style, and the names of the cases."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    names: str


@dataclass(frozen=True)
class Plot:
    """A distribution as it is drawn, px.

    Attributes
    ----------
    label, unit : str
        What was measured.
    columns : tuple of Column
        Bars of a histogram, one for each verdict in each.
    ticks : tuple of (float, str)
        Place and text of the labels of the axis.
    limit : float or None
        Place of the limit; None where there is none or cases differ in it.
    limit_text : str
        The limit in words.
    box : tuple of float
        Places of the 25th, 50th and 75th percentile.
    summary : str
        Number of cases, median and range in words.
    """

    label: str
    unit: str
    columns: tuple[Column, ...]
    ticks: tuple[tuple[float, str], ...]
    limit: float | None
    limit_text: str
    box: tuple[float, float, float]
    summary: str


def plot_of(
    measure: str, values: Sequence[tuple[str, float, dict[str, Any]]], spread: dict[str, Any]
) -> Plot:
    """Return the drawing of one number.

    Parameters
    ----------
    measure : str
        Name of the measure, which ends in its unit.
    values : sequence of (str, float, dict)
        Name of the case, its value, and what is known of the number (label, limit, verdict).
    spread : dict
        Count and percentiles of the values.
    """
    label, unit = label_and_unit(measure)
    label = next((str(facts["label"]) for _, _, facts in values if facts.get("label")), label)
    low, high, is_fixed = _range_of(measure, [value for _, value, _ in values])

    def place(value: float) -> float:
        return round(MARGIN + min(max((value - low) / (high - low), 0.0), 1.0) * (WIDTH - 2 * MARGIN), 1)

    limits = {facts.get("limit") for _, _, facts in values}
    limit = limits.pop() if len(limits) == 1 else None
    word = "at least" if values[0][2].get("at_least") else "at most"
    texts = {name: f"{in_unit(spread[name], unit)} {unit}".rstrip() for name in ("median", "min", "max")}
    return Plot(
        label[:1].upper() + label[1:],
        unit,
        tuple(_columns(values, low, high)),
        _ticks(low, high, unit, beyond=is_fixed),
        None if limit is None else place(limit),
        "" if limit is None else f"{word} {in_unit(float(limit), unit)} {unit}".rstrip(),
        (place(spread["p25"]), place(spread["median"]), place(spread["p75"])),
        f"median {texts['median']}, {texts['min']} to {texts['max']}, n = {spread['cases']}",
    )


def _range_of(measure: str, values: list[float]) -> tuple[float, float, bool]:
    if measure in _RANGES:
        return (*_RANGES[measure], True)
    low, high = min(0.0, *values), max(values)
    step = round_step((high - low) / 3, least=1e-9)
    return low, low + step * max(1, -int(-(high - low) // step)), False


def _columns(values: Sequence[tuple[str, float, dict[str, Any]]], low: float, high: float) -> list[Column]:
    groups: dict[int, dict[str, list[str]]] = {}
    for name, value, facts in values:
        column = min(max(int((value - low) / (high - low) * _COLUMNS), 0), _COLUMNS - 1)
        kind = KINDS.get(facts.get("verdict"), "none")  # type: ignore[arg-type]
        groups.setdefault(column, {}).setdefault(kind, []).append(name)
    most = max(sum(map(len, kinds.values())) for kinds in groups.values())
    px = min(_MOST_PX_PER_CASE, _TALLEST / most)
    width = (WIDTH - 2 * MARGIN) / _COLUMNS
    columns = []
    for column, kinds in sorted(groups.items()):
        y = float(_BASE)
        for kind in ("pass", "none", "warn", "fail"):
            if names := kinds.get(kind):
                height = px * len(names)
                y -= height
                more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
                columns.append(
                    Column(
                        round(MARGIN + column * width + 0.5, 1),
                        round(y, 1),
                        round(width - 1, 1),
                        round(height, 1),
                        kind,
                        ", ".join(names[:_NAMED]) + more,
                    )
                )
    return columns


def _ticks(low: float, high: float, unit: str, *, beyond: bool) -> tuple[tuple[float, str], ...]:
    places = (MARGIN, WIDTH / 2, WIDTH - MARGIN)
    texts = [in_unit(value, unit) for value in (low, (low + high) / 2, high)]
    if beyond and low > 0:
        texts[0] = f"\u2264{texts[0]}"
    if beyond and (low == 0 or unit != "%") and high != 1.0:
        texts[2] = f"\u2265{texts[2]}"
    return tuple(zip(places, texts, strict=True))
