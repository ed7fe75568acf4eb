"""What becomes of the files in a folder into which a design is written again."""

from __future__ import annotations

import os
from pathlib import Path

from meshimplant.design.kept_design import ARRAYS_FILE, FACTS_FILE, LOG_FILE, STEPS_FOLDER
from meshimplant.io.carry_over import Fates, free_name
from meshimplant.io.payload import sha256_of
from meshimplant.runtime.regular_files import parse_json, read_regular

#: The reports, which no report lists; every run writes the first two.
_REPORTS = frozenset({"report.json", "report.html", "report.pdf"})
#: The files in the folder of the steps.
_STEPS = (ARRAYS_FILE, FACTS_FILE)
#: Every other file that a design can consist of.
DESIGN_FILES = frozenset(
    {
        *("implant.stl", "implant-without-lip.stl", "implant.3mf", "reconstruction.nrrd", "spec.toml"),
        *("preview.png", "preview.html", "slices.png", "drawing.png", "strength.png"),
        *("disagreement.csv", "uncertainty.csv", "skull.stl"),
        *("fit.3mf", LOG_FILE),
        *("plates.stl", "features.json", "features.mrk.json", "features.csv"),
        *("mould-outer.stl", "mould-inner.stl", "mould-ring.stl", "mould-positive.stl", "mould.3mf"),
        *("defective.nrrd", "cut.mrk.json", "template.stl", "template.png"),
    }
)


def fates_of_earlier_files(old: Path, new: Path) -> Fates:
    """Return what becomes of the files in a folder that are, or could be taken for, files of a design.

    A file that the earlier report lists with its hash is removed, and so are the earlier reports. One that
    has the name of a file of ours but other content was changed since then, or is someone else's: it is kept
    under another name, so that it is neither lost nor taken for one of the new part. All others stay.

    Parameters
    ----------
    old, new : Path
        The folder of the earlier run, and the finished one.

    Returns
    -------
    dict
        Names in `old`; None where the file, or the folder of the steps, is removed, otherwise its new name.
    """
    listed = _listed(old / "report.json")
    fates: dict[str, str | None] = {}
    for name in sorted({*listed, *DESIGN_FILES, *os.listdir(new)} - _REPORTS):
        if not (old / name).is_file():
            continue
        if listed.get(name) == sha256_of(old / name) or (name == LOG_FILE and _is_copied(name, old, new)):
            fates[name] = None
        elif name in DESIGN_FILES or (new / name).exists():
            fates[name] = free_name(old, name)
    if (old / STEPS_FOLDER).is_dir():
        fates[STEPS_FOLDER] = None if _are_ours(old / STEPS_FOLDER, listed) else free_name(old, STEPS_FOLDER)
    return fates


def _is_copied(name: str, old: Path, new: Path) -> bool:
    """Return whether the finished folder has the same file."""
    return (new / name).is_file() and sha256_of(old / name) == sha256_of(new / name)


def _are_ours(steps: Path, listed: dict[str, str]) -> bool:
    """Return whether a folder holds the steps that the earlier report lists, and nothing else."""
    return set(os.listdir(steps)) == set(_STEPS) and all(
        listed.get(f"{STEPS_FOLDER}/{name}") == sha256_of(steps / name) for name in _STEPS
    )


def _listed(report: Path) -> dict[str, str]:
    """Return the hash of each output that a report lists; empty without a readable report."""
    try:
        outputs = parse_json(read_regular(report))["outputs"]
        listed = {str(output["name"]): str(output["sha256"]) for output in outputs}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    inside = {f"{STEPS_FOLDER}/{name}" for name in _STEPS}
    return {name: digest for name, digest in listed.items() if name == Path(name).name or name in inside}
