"""The verb `cases`: list the cases of a data set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from meshimplant_cli.options import PrintOptions
from meshimplant_cli.terminal import (
    show,
    table,
)


def cases(folder: Path, /, *, print_options: PrintOptions = PrintOptions()) -> None:
    """List the cases of a data set: SkullFix, SkullBreak or MUG500+, recognised by its folders.

    Cases of one group belong to one patient: keep them on one side of every split.

    Parameters
    ----------
    folder
        Folder of the data set, or a folder up to two levels above.
    """
    from meshimplant import list_cases
    from meshimplant.runtime.value_text import count_of

    listed = list_cases(folder)
    files = ("complete", "defective", "implant")
    rows: list[tuple[object, ...]] = [("case", "kind", "group", "files")]
    result = []
    for case in listed:
        paths = {name: str(path) for name in files if (path := getattr(case, name)) is not None}
        rows.append((case.name, case.kind or "-", case.group, ", ".join(paths)))
        result.append(
            {"name": case.name, "dataset": case.dataset, "kind": case.kind, "group": case.group, **paths}
        )
    counts = ", ".join(f"{count} of {name}" for name, count in Counter(c.dataset for c in listed).items())
    groups = len({case.group for case in listed})
    show(
        {"cases": result, "groups": groups},
        as_json=print_options.json,
        text=f"{table(rows)}\n{count_of(len(listed), 'case')} ({counts}), {count_of(groups, 'group')}",
    )
