"""One case of a data set: its files, and their masks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.volumes import VOLUME_SUFFIXES, read_volume, volume_suffix
from meshimplant.values.read_values import read_mask
from meshimplant.voxels.volume import Volume

COMPLETE, IMPLANT, DEFECTIVE = "complete_skull", "implant", "defective_skull"
#: Fraction of the implant's voxels that may disagree with the skulls, in data sets not cut voxel by voxel.
_SLACK_FRACTION = 0.01


@dataclass(frozen=True)
class Case:
    """The files of one case of any data set.

    Attributes
    ----------
    name : str
        Unique within one listing, such as ``"007"``, ``"test-007"``, ``"007-bilateral"`` or ``"B0007"``.
    complete, implant, defective : Path or None
        None if the data set has no such file. The implant of MUG500+ is a mesh, all others are voxels.
    kind : str
        Kind of defect: ``"challenge"``, one of SkullBreak's, ``"other"``, ``"clinical"``; empty for a
        complete skull.
    group : str
        Patient. All cases of one group, including look-alikes, must be on the same side of every split.
    dataset : str
        ``"skullfix"``, ``"skullbreak"`` or ``"mug500"``; empty if constructed by hand.
    """

    name: str
    complete: Path | None = None
    implant: Path | None = None
    defective: Path | None = None
    kind: str = ""
    group: str = ""
    dataset: str = ""

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", self.name)

    @property
    def has_truth(self) -> bool:
        """Whether complete skull and implant exist, so that `read_case` can read the case."""
        return self.complete is not None and self.implant is not None


@dataclass(frozen=True, eq=False)
class CaseVolumes:
    """One case as masks (uint8 0/1) on one grid; defective and implant are disjoint."""

    complete: Volume
    implant: Volume
    defective: Volume


def read_case(case: Case) -> CaseVolumes:
    """Read a case with a known truth; a missing defective skull is the complete one minus the implant.

    SkullFix was made in exactly this way (checked on the 100 training cases of the source), so its three
    files must agree to the voxel. Those of other data sets may differ by 1 % of the implant; then the
    defective skull's file decides.

    Parameters
    ----------
    case : Case

    Returns
    -------
    CaseVolumes

    Raises
    ------
    InputError
        The case has no complete skull or no implant; the implant is empty or not part of the complete skull;
        the defective skull is not the remainder; or a file is no mask.
    GeometryError
        The volumes are not on one grid.
    """
    if case.complete is None or case.implant is None:
        raise InputError(
            f"expected a case with a complete skull and an implant, got {case.name} without one of them: "
            "read its files with read_volume or read_mesh"
        )
    complete, implant = read_mask_file(case.complete), read_mask_file(case.implant)
    complete.require_same_grid(implant, names=("complete skull", "implant"))
    volume = np.count_nonzero(implant.array)
    slack = 0 if case.dataset in ("", "skullfix") else int(_SLACK_FRACTION * volume)
    outside = np.count_nonzero(implant.array & ~complete.array & 1)
    if outside > slack or not volume:
        raise InputError(
            f"expected the implant of {case.name} inside its complete skull, got {outside} voxels outside "
            f"and {volume} in all: do the two files belong together?"
        )
    rest = complete.with_array(complete.array & ~implant.array & 1)
    if case.defective is None:
        return CaseVolumes(complete, implant, rest)
    defective = read_mask_file(case.defective)
    complete.require_same_grid(defective, names=("complete skull", "defective skull"))
    wrong = np.count_nonzero(defective.array != rest.array)
    if wrong > slack:
        raise InputError(
            f"expected the defective skull of {case.name} to be the complete one without the implant, "
            f"got {wrong} other voxels: do the files belong together? Without {DEFECTIVE}/ it is computed"
        )
    defective = defective.with_array(defective.array & ~implant.array & 1)
    return CaseVolumes(complete, implant, defective)


def volumes_in(folder: Path) -> dict[str, Path]:
    """Return the path of each volume in a folder by name without suffix; empty if there is no folder."""
    if not folder.is_dir():
        return {}
    found = {}
    for path in sorted(folder.iterdir()):
        suffix = volume_suffix(path)
        if suffix in VOLUME_SUFFIXES and path.is_file():
            found[path.name[: -len(suffix)]] = path
    return found


def require_same_names(first: Iterable[str], second: Iterable[str], *, places: tuple[str, str]) -> None:
    """Raise `FileReadError` unless two folders hold the same names, so no missing file goes unnoticed."""
    alone = sorted(set(first) ^ set(second))
    if alone:
        raise FileReadError(
            f"expected the same names in {places[0]} and {places[1]}, got {', '.join(alone[:5])} "
            f"{'and more ' if len(alone) > 5 else ''}in one only: complete the copy or remove them"
        )


def contents_of(folder: Path) -> str:
    """Describe the contents of a folder in a few words, for messages."""
    if not folder.is_dir():
        return "no folder"
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "") or "nothing"


def read_mask_file(path: Path) -> Volume:
    """Read a mask of two values, the higher inside, as uint8 0/1; raise `InputError` for other values."""
    volume = read_volume(path)
    try:
        mask = read_mask(volume, path.name, values="mask")
    except InputError as error:
        raise InputError(
            f"expected a mask of two values in {path.name}, got other values: "
            "threshold it, or write the label of the bone as a mask of its own"
        ) from error
    return mask.with_array(mask.array.view(np.uint8))
