"""List the cases of SkullBreak: five virtual defects in each skull."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from meshimplant.datasets.case import COMPLETE, DEFECTIVE, IMPLANT, Case, require_same_names, volumes_in
from meshimplant.errors import FileReadError

#: Kinds of defect (Kodym, Li et al., Data in Brief 35:106902, 2021).
SKULLBREAK_KINDS = ("bilateral", "frontoorbital", "parietotemporal", "random_1", "random_2")


def is_skullbreak(folder: Path) -> bool:
    """Return whether the names of a folder's subfolders are those of SkullBreak."""
    return any(
        (folder / place / kind).is_dir() for place in (DEFECTIVE, IMPLANT) for kind in SKULLBREAK_KINDS
    )


def list_skullbreak(folder: str | Path) -> tuple[Case, ...]:
    """List the cases of a folder, one per skull and kind of defect, sorted by skull.

    Expected layout of the training set: ``complete_skull/NNN.nrrd``, ``defective_skull/KIND/NNN.nrrd`` and
    ``implant/KIND/NNN.nrrd`` (or another volume format), with all or some of the kinds; of the test set: only
    the second, and the cases are named ``test-NNN-KIND``. The five cases of a skull are one group.

    Raises
    ------
    FileReadError
        The defective skulls are missing, or the names in two folders that belong together differ.
    """
    folder = Path(folder)
    defective = {kind: volumes_in(folder / DEFECTIVE / kind) for kind in SKULLBREAK_KINDS}
    defective = {kind: files for kind, files in defective.items() if files}
    if not defective:
        raise FileReadError(
            f"expected volumes in {DEFECTIVE}/{SKULLBREAK_KINDS[0]}/ or another kind under {folder.name}/, "
            "got none: pass the folder that holds them"
        )
    if not (folder / COMPLETE).is_dir() and not (folder / IMPLANT).is_dir():
        return _sorted(
            Case(f"test-{n}-{kind}", None, None, path, kind, f"skullbreak-test-{n}", "skullbreak")
            for kind, files in defective.items()
            for n, path in files.items()
        )
    complete = volumes_in(folder / COMPLETE)
    cases = []
    for kind, files in defective.items():
        implant = volumes_in(folder / IMPLANT / kind)
        require_same_names(complete, files, places=(f"{COMPLETE}/", f"{DEFECTIVE}/{kind}/"))
        require_same_names(files, implant, places=(f"{DEFECTIVE}/{kind}/", f"{IMPLANT}/{kind}/"))
        for n, path in files.items():
            cases.append(
                Case(f"{n}-{kind}", complete[n], implant[n], path, kind, f"skullbreak-{n}", "skullbreak")
            )
    return _sorted(cases)


def _sorted(cases: Iterable[Case]) -> tuple[Case, ...]:
    return tuple(sorted(cases, key=lambda case: case.name))
