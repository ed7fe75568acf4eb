"""What becomes of the files in a folder into which a design is written again."""

from __future__ import annotations

import os
from pathlib import Path

from meshimplant.io.carry_over import Fates, free_name
from meshimplant.io.payload import sha256_of
from meshimplant.runtime.regular_files import parse_json, read_regular

#: Every file that a design can consist of.
DESIGN_FILES = frozenset(
    {
        *("implant.stl", "implant.3mf", "reconstruction.nrrd", "spec.toml", "report.json", "report.html"),
        *("preview.png", "preview.html", "disagreement.csv", "uncertainty.csv"),
    }
)


def fates_of_earlier_files(old: Path, new: Path) -> Fates:
    """Return what becomes of the files of an earlier run that the new run does not write again.

    A file that the earlier report lists with its hash is removed. One with the name of a file of ours but
    other content was changed since then, or is someone else's: it gets another name, so that it is not taken
    for one of the new part. All others are not ours and stay as they are.

    Parameters
    ----------
    old, new : Path
        The folder of the earlier run, and the finished one.

    Returns
    -------
    dict
        Names in `old`; None where the file is removed, otherwise its new name.
    """
    listed = _listed(old / "report.json")
    written = set(os.listdir(new))
    fates: dict[str, str | None] = {}
    for name in sorted({*listed, *DESIGN_FILES} - written):
        if not (old / name).is_file():
            continue
        if listed.get(name) == sha256_of(old / name):
            fates[name] = None
        elif name in DESIGN_FILES:
            fates[name] = free_name(old, name)
    return fates


def _listed(report: Path) -> dict[str, str]:
    """Return the hash of each output that a report lists; empty without a readable report."""
    try:
        outputs = parse_json(read_regular(report))["outputs"]
        listed = {str(output["name"]): str(output["sha256"]) for output in outputs}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {name: digest for name, digest in listed.items() if name == Path(name).name}
