"""Tables of results: rows of numbers, kept as JSON and shown as markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
#: Title of each column, and how its cell is formatted from a row, such as ``"{dice:.3f} (`{case}`)"``.
Columns = Mapping[str, str]


def markdown(columns: Columns, rows: Iterable[Row]) -> str:
    """Return rows as a markdown table; a cell whose value is missing or null is a dash."""
    lines = [_line(columns), "|---" * len(columns) + "|"]
    lines += [_line(_cell(form, row) for form in columns.values()) for row in rows]
    return "\n".join(lines)


def save_results(path: Path, command: str, tables: Mapping[str, Sequence[Row]]) -> None:
    """Write tables of one benchmark with the command that made them, one row per line."""
    blocks = []
    for name, rows in tables.items():
        lines = ",\n".join(f"      {json.dumps(row, ensure_ascii=False)}" for row in rows)
        blocks.append(f"    {json.dumps(name)}: [\n{lines}\n    ]")
    body = ",\n".join(blocks)
    text = f'{{\n  "command": {json.dumps(command)},\n  "tables": {{\n{body}\n  }}\n}}\n'
    path.write_text(text, encoding="utf-8")


def read_results(path: Path) -> dict[str, Any]:
    """Return what `save_results` wrote: ``command`` and ``tables``."""
    return json.loads(path.read_text(encoding="utf-8"))


def _cell(form: str, row: Row) -> str:
    try:
        return form.format_map(row)
    except (KeyError, TypeError):
        return "-"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
