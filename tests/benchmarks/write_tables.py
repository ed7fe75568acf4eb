"""Write the tables of tests/benchmarks/README.md from the JSON files in tests/benchmarks/results.

    python tests/benchmarks/write_tables.py

Each benchmark writes its file with ``--save tests/benchmarks/results/NAME.json``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import (
    bone_tables,
    expected_tables,
    method_tables,
    network_tables,
    skullfix_tables,
    speed_tables,
    theatre_tables,
)
from benchmarks.result_table import Columns, Row, markdown, read_results
from cli_reference import replace_between

README = Path(__file__).resolve().parent / "README.md"
RESULTS = README.parent / "results"

POINTS: Columns = {
    "points": "{points}",
    "3 000": "{n3000:.3f}",
    "30 000": "{n30000:.3f}",
    "100 000": "{n100000:.3f}",
    "Poisson reconstruction, 30 000": "{poisson30000:.3f}",
}
LEFT_OUT: Columns = {
    "frontoorbital defects": "{training}",
    "frontoorbital: mm, Dice, closer in": (
        "{frontoorbital[error_mm]:.2f}, {frontoorbital[dice]:.3f}{frontoorbital[nearer]}"
    ),
    "the five others: mm, Dice": "{others[error_mm]:.2f}, {others[dice]:.3f}",
}

#: For each marker of the README: its file of results, and the columns of each table in it.
MARKERS: dict[str, tuple[str, dict[str, Columns | Callable[[Sequence[Any]], Columns]]]] = {
    "skullfix": ("skullfix", dict(skullfix_tables.COLUMNS)),
    "methods-auto": ("methods_auto", {"numbers": method_tables.NUMBERS, "errors": method_tables.ERRORS}),
    "methods-clinical": (
        "methods_clinical",
        {"numbers": method_tables.NUMBERS, "errors": method_tables.ERRORS},
    ),
    "methods-all": ("methods_all", {"summary": method_tables.summary_columns}),
    "methods-network": (
        "methods_network",
        {"numbers": method_tables.NUMBERS, "errors": method_tables.ERRORS},
    ),
    "expected": ("expected", dict(expected_tables.COLUMNS)),
    "network-scores": ("network_scores", {"scores": network_tables.score_columns}),
    "network-costs": ("network_costs", {"costs": network_tables.COSTS}),
    "left-out": ("left_out", {"scores": LEFT_OUT}),
    "points": ("points", {"dice": POINTS}),
    "bone-threshold": ("bone_threshold", {"errors": bone_tables.ERRORS}),
    "bone-thin": ("bone_threshold", {"errors": bone_tables.THIN}),
    "theatre": ("theatre", {"designs": theatre_tables.COLUMNS["designs"]}),
    "theatre-verbs": ("theatre", {"verbs": theatre_tables.COLUMNS["verbs"]}),
    "speed": ("speed", {"overview": speed_tables.OVERVIEW}),
    "speed-errors": ("speed", {"errors": speed_tables.ERRORS}),
}


def updated(text: str) -> str:
    """Return the README with the tables between its markers replaced by those of the results."""
    for marker, (name, columns) in MARKERS.items():
        results = read_results(RESULTS / f"{name}.json")
        shown = [_table(columns[key], results["tables"][key]) for key in columns]
        text = replace_between(text, marker, "\n\n".join([*shown, f"Made by `{results['command']}`."]))
    return text


def _table(columns: Columns | Callable[[Sequence[Any]], Columns], rows: Sequence[Row]) -> str:
    return markdown(columns(rows) if callable(columns) else columns, rows)


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
