"""Write the tables of the edits, and their JSON schema, for the docs: ``python tests/edit_reference.py``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from inspect import cleandoc
from pathlib import Path
from typing import Any

from meshimplant.spec.edit_schema import edit_schema
from meshimplant.spec.edits import SHAPE_VERBS
from meshimplant.spec.spec_table import SpecTable

GUIDE = Path(__file__).resolve().parent.parent / "meshimplant" / "edit_log" / "README.md"
SCHEMA = GUIDE.with_name("edits.schema.json")


def verbs() -> str:
    """Return a section for each verb of the shape: what it does, and its parameters."""
    return "\n\n".join(_section(verb, kind) for verb, kind in SHAPE_VERBS.items())


def schema() -> str:
    """Return the JSON schema of an edit as text."""
    return json.dumps(edit_schema(), indent=1) + "\n"


def _section(verb: str, kind: type[SpecTable]) -> str:
    said = cleandoc(kind.__doc__ or "").partition("\n")[0]
    return "\n".join(
        [f"### {verb}", "", said, "", "| parameter | | default | |", "|---|---|---|---|", *_rows(kind)]
    )


def _rows(kind: type[SpecTable], before: str = "") -> list[str]:
    rows = []
    for field in fields(kind):
        inner = field.metadata.get("table")
        rows.append(
            f"| `{before}{field.name}` | {_kind(field.metadata)} | {_default(field)} "
            f"| {field.metadata['meaning']} |"
        )
        rows += [] if inner is None else _rows(inner, f"{field.name}.")
    return rows


def _kind(metadata: Mapping[str, Any]) -> str:
    if "points" in metadata:
        return f"{metadata['points']} or more points" if metadata["points"] else "point"
    if "range" in metadata:
        return "{:g} to {:g}".format(*metadata["range"])
    return "table" if "table" in metadata else " ".join(metadata["choices"])


def _default(field: Any) -> str:
    if field.metadata.get("needed"):
        return "required"
    return "" if field.default is None else f"{field.default:g}"


def updated(text: str) -> str:
    """Return the guide with what stands between its markers made anew."""
    start, stop = "<!-- verbs -->", "<!-- /verbs -->"
    before, _, rest = text.partition(start)
    return f"{before}{start}\n\n{verbs()}\n\n{stop}{rest.partition(stop)[2]}"


if __name__ == "__main__":
    GUIDE.write_text(updated(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.write_text(schema(), encoding="utf-8")
