"""Values of a report as text: the label and the unit in a measure's name, and its value as people read it."""

from __future__ import annotations

import math
import re
from typing import Any

_UNITS = {"mm": "mm", "mm2": "mm²", "mm3": "mm³", "deg": "°", "hu": "HU", "s": "s", "g": "g", "fraction": "%"}
#: Labels of names that do not explain themselves.
_LABELS = {
    "aspect_p99": "aspect ratio, 99th percentile",
    "asked": "requested method",
    "name": "method",
    "nonmanifold_edges": "non-manifold edges",
    "nonmanifold_vertices": "non-manifold vertices",
    "ssm": "shape model",
    "winding": "inconsistently wound faces",
}
_STATISTICS = {"median": ", median", "min": ", minimum", "max": ", maximum"}


def shown(value: Any) -> str:
    """Format a value: significant digits, grouped thousands, yes or no, a dash for a missing value."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if isinstance(value, float):
        return _shown_float(value)
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value) or "-"
    if isinstance(value, dict):
        return "; ".join(_shown_pair(key, item) for key, item in value.items()) or "-"
    return str(value)


def _shown_pair(name: str, value: Any) -> str:
    """Format a named value, with its unit."""
    words, unit = label_and_unit(name)
    return f"{words} {in_unit(value, unit)} {unit}".rstrip()


def in_unit(value: Any, unit: str) -> str:
    """Format a value in its unit; fractions become percent."""
    if unit == "%" and isinstance(value, int | float) and not isinstance(value, bool):
        value = 100.0 * value
    return shown(value)


def with_unit(value: Any, unit: str | None) -> str:
    """Format a value with its unit behind it; a fraction becomes percent."""
    sign = _UNITS.get(unit, unit) if unit else ""
    return f"{in_unit(value, sign)} {sign}".rstrip()


def _shown_float(value: float) -> str:
    """Format a number: none to two decimals by its size, two significant digits below 0.01."""
    size = abs(value)
    if 0 < size < 0.01:
        return f"{value:.2g}"
    digits = 0 if size >= 1000 else 1 if size >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", "\u202f")


def label_and_unit(name: str) -> tuple[str, str]:
    """Split a name into a label and a unit: ``gap_p95_mm`` becomes ("gap, 95th percentile", "mm")."""
    stem, _, suffix = name.rpartition("_")
    unit = _UNITS.get(suffix, "") if stem else ""
    stem = stem if unit else name
    if stem in _LABELS:
        return _LABELS[stem], unit
    words, _, last = stem.replace("_", " ").rpartition(" ")
    if words and (last in _STATISTICS or re.fullmatch(r"p\d+", last)):
        return words + _STATISTICS.get(last, f", {last[1:]}th percentile"), unit
    return stem.replace("_", " "), unit


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one: "1 case", "2 cases"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
