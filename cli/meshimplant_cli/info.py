"""The verb `info`: describe a file, or list the series of a DICOM study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshimplant_cli.exit_codes import DONE, FAILED
from meshimplant_cli.options import PrintOptions, SkullOptions
from meshimplant_cli.terminal import describe_finding, measure_table, say, show, table, working

if TYPE_CHECKING:
    from meshimplant.io.dicom.read_series import StudyContents
    from meshimplant.io.dicom.series_summary import SeriesSummary

_SERIES_HEADER = (
    *("no.", "description", "kernel", "kind", "slices", "step mm", "thick mm", "tilt deg"),
    *("field mm", "head", "default"),
)


def info(
    file: Path,
    /,
    *,
    skull_options: SkullOptions = SkullOptions(),
    print_options: PrintOptions = PrintOptions(),
) -> int:
    """Describe a voxel file, DICOM study or mesh: size, spacing, position, values, and the skull in it.

    All CT series of a DICOM study are listed, and the one that is read is described. Exit code 1 if there are
    series and none of them can be read.

    Parameters
    ----------
    file
        Voxel file, mesh, or DICOM study (a folder, a .zip of one, a DICOMDIR or a .dcm file).
    """
    with working("reading"):
        from meshimplant import describe_file

        described = describe_file(file, **vars(skull_options))
    sections = {"": described.facts, **described.sections}
    lines = [] if described.study is None else [_series_table(described.study)]
    lines += [_section(title, facts) for title, facts in sections.items()]
    lines += [describe_finding(finding) for finding in described.findings]
    show(described.to_dict(), as_json=print_options.json, text="\n".join(lines))
    if described.error is None:
        return DONE
    say(f"meshimplant: error: {described.error}", as_error=True)
    return FAILED


def _section(title: str, facts: Mapping[str, Any]) -> str:
    """Return facts as a table under their title; steps of a grid are shown with all their digits."""
    from meshimplant.runtime.value_text import shown

    rows = [(name, _exact(value) if name == "spacing_mm" else value) for name, value in facts.items()]
    short = [(name, value) for name, value in rows if not _is_long(value)]
    lines = [f"\n{title}"] * bool(title) + ([measure_table(short)] if short else [])
    for name, value in rows:
        if _is_long(value):
            entries = value if isinstance(value, list) else [value]
            lines += [f"{name.replace('_', ' ').removesuffix('s')}: {shown(entry)}" for entry in entries]
    return "\n".join(lines)


def _is_long(value: object) -> bool:
    """Return whether a value has its own lines: a sentence, or a list of things with several facts each."""
    return (isinstance(value, str) and " " in value) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )


def _exact(steps: list[float]) -> list[str]:
    return [f"{step:.4g}" for step in steps]


def _series_table(study: StudyContents) -> str:
    """Return the series as a table, with the files that are no slices below it."""
    rows: list[tuple[object, ...]] = [_SERIES_HEADER, *map(_series_row, study.series)]
    if len({item.study for item in study.series}) > 1:
        numbers = ["study", *(str(item.study) for item in study.series)]
        rows = [(*row, number) for row, number in zip(rows, numbers, strict=True)]
    left_out = ", ".join(f"{kind} ({count})" for kind, count in study.left_out.items())
    return "\n".join([table(rows), *([f"no slices: {left_out}"] if left_out else []), ""])


def _series_row(item: SeriesSummary) -> tuple[object, ...]:
    values = (item.step_mm, item.thickness_mm, item.tilt_deg)
    numbers = ["-" if value is None else f"{value:.4g}" for value in values]
    field = " x ".join(f"{length:.0f}" for length in item.extent_mm)
    use = "yes" if item.chosen else "no" if item.problem is None else "unreadable"
    words = (str(item.number), item.description or "-", item.kernel or "-", item.kind)
    return (*words, item.slices, *numbers, field, f"{item.head_fraction:.0%}", use)
