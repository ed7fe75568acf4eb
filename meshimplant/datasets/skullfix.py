"""List the cases of SkullFix, the AutoImplant challenge's first data set, and its training split."""

from __future__ import annotations

from pathlib import Path

from meshimplant.datasets.case import (
    COMPLETE,
    DEFECTIVE,
    IMPLANT,
    Case,
    require_same_names,
    volumes_in,
)
from meshimplant.errors import FileReadError

#: Skulls reserved for validation, spread over the ids; none resembles another of the set.
VALIDATION = (
    "003", "012", "018", "027", "032", "039", "046", "053", "058", "064", "072", "079", "087", "092", "098",
)  # fmt: skip
#: Skulls for training: the rest, one of each group of look-alikes.
TRAINING = tuple(
    name for name in (f"{n:03d}" for n in range(100)) if name not in (*VALIDATION, "052", "042", "086", "091")
)
#: Skulls of one patient: the first two are the same file, the next three are one patient, the others appear
#: to be.
LOOK_ALIKES = (("000", "052"), ("011", "042", "test-104"), ("019", "086"), ("084", "091"))

#: Folders of the challenge's archives with the training cases, and with the test skulls (without truth).
_TRAINING_SET = "training_set"
_TEST_SETS = ("test_set_for_participants", "additional_test_set_for_participants", "test_defective")


def is_skullfix(folder: Path) -> bool:
    """Return whether the names of a folder's subfolders are those of SkullFix."""
    return has_training(folder) or any((folder / name).is_dir() for name in _TEST_SETS)


def has_training(folder: Path) -> bool:
    """Return whether a folder may hold training cases of SkullFix."""
    return any((folder / name).is_dir() for name in (COMPLETE, IMPLANT, _TRAINING_SET))


def list_skullfix(folder: str | Path) -> tuple[Case, ...]:
    """List the training cases of a folder, sorted by name.

    Expected layout: ``complete_skull/NNN.nrrd`` and ``implant/NNN.nrrd`` (or another volume format) with
    the same names, and optionally ``defective_skull/NNN.nrrd``; or the folder above, which has all this in
    ``training_set/``, as the challenge's archives do. Only names are read. A complete skull
    without an implant, or the reverse, is an error: otherwise a missing file would go unnoticed.

    Raises
    ------
    FileReadError
        The folder or one of its two subfolders is missing or empty, or their names differ.
    """
    folder = Path(folder)
    if (folder / _TRAINING_SET).is_dir():
        folder = folder / _TRAINING_SET
    complete, implant = (volumes_in(folder / name) for name in (COMPLETE, IMPLANT))
    missing = [name for name in (COMPLETE, IMPLANT) if not (folder / name).is_dir()]
    if missing or not complete or not implant:
        raise FileReadError(
            f"expected volumes in {COMPLETE}/ and {IMPLANT}/ under {folder.name}/, got {len(complete)} and "
            f"{len(implant)}: pass the folder that holds both"
        )
    require_same_names(complete, implant, places=(f"{COMPLETE}/", f"{IMPLANT}/"))
    defective = volumes_in(folder / DEFECTIVE)
    return tuple(
        Case(n, complete[n], implant[n], defective.get(n), "challenge", _group(n), "skullfix")
        for n in sorted(complete)
    )


def list_skullfix_tests(folder: str | Path) -> tuple[Case, ...]:
    """List the challenge's test skulls, without truth, as ``test-NNN``; empty if there is no such folder.

    They lie in ``test_set_for_participants/``, ``additional_test_set_for_participants/`` or
    ``test_defective/``. Their numbers are not those of the training skulls. 000 to 099 have the training
    cases' kind of defect, the others have others.
    """
    found = {}
    for name in _TEST_SETS:
        found.update(volumes_in(Path(folder) / name))
    return tuple(
        Case(
            f"test-{n}",
            defective=found[n],
            kind="challenge" if n < "100" else "other",
            group=_group(f"test-{n}"),
            dataset="skullfix",
        )
        for n in sorted(found)
    )


def _group(name: str) -> str:
    """Return the group of a skull: the first of its look-alikes."""
    alike = next((names for names in LOOK_ALIKES if name in names), (name,))
    return f"skullfix-{alike[0]}"
