"""The verb `info`: describe a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshimplant_cli.options import PrintOptions, SkullOptions
from meshimplant_cli.terminal import describe_finding, measure_table, show, working


def info(
    file: Path,
    /,
    *,
    skull_options: SkullOptions = SkullOptions(),
    print_options: PrintOptions = PrintOptions(),
) -> None:
    """Describe a voxel file, DICOM folder or mesh: size, spacing, position, values, and the skull in it.

    Parameters
    ----------
    file
        Voxel file, DICOM folder, or mesh.
    """
    with working("reading"):
        from meshimplant import describe_file

        described = describe_file(file, **vars(skull_options))
    sections = {"": described.facts, **described.sections}
    lines = [_section(title, facts) for title, facts in sections.items()]
    lines += [describe_finding(finding) for finding in described.findings]
    show(described.to_dict(), as_json=print_options.json, text="\n".join(lines))


def _section(title: str, facts: Mapping[str, Any]) -> str:
    """Return facts as a table under their title; steps of a grid are shown with all their digits."""
    rows = [(name, _exact(value) if name == "spacing_mm" else value) for name, value in facts.items()]
    return "\n".join([f"\n{title}"] * bool(title) + [measure_table(rows)])


def _exact(steps: list[float]) -> list[str]:
    return [f"{step:.4g}" for step in steps]
