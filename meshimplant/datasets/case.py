"""One case of a data set of skulls: its files, and the masks in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.volumes import VOLUME_SUFFIXES, read_volume, volume_suffix
from meshimplant.voxels.volume import Volume

COMPLETE, IMPLANT, DEFECTIVE = "complete_skull", "implant", "defective_skull"
#: Share of the implant's voxels that may lie off the skulls of one case, where a data set was not cut voxel by voxel.
_SLACK_FRACTION = 0.01


@dataclass(frozen=True)
class Case:
    """The files of one case, whatever data set it comes from.

    Attributes
    ----------
    name : str
        Unique within one listing, such as ``"007"``, ``"test-007"``, ``"007-bilateral"`` or ``"B0007"``.
    complete, implant, defective : Path or None
        ``None`` where the data set has no such file. The implant of MUG500+ is a mesh, the others are voxels.
    kind : str
        Kind of defect: ``"challenge"``, one of SkullBreak's, ``"other"``, ``"clinical"``; empty for a complete skull.
    group : str
        Patient. Cases of one group, look-alikes included, belong on one side of every split.
    dataset : str
        ``"skullfix"``, ``"skullbreak"`` or ``"mug500"``; empty when made by hand.
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
        """Whether `read_case` can read it: the complete skull and the implant are there."""
        return self.complete is not None and self.implant is not None


@dataclass(frozen=True, eq=False)
class CaseVolumes:
    """One case as masks (uint8 0/1) on one grid; defective and implant are disjoint."""

    complete: Volume
    implant: Volume
    defective: Volume


def read_case(case: Case) -> CaseVolumes:
    """Read a case with a known truth; without a file of its own the defective skull is complete minus implant.

    That is exactly how SkullFix was made (checked on the 100 training cases of the source), so its three files must
    agree to the voxel; those of other data sets may differ in 1 % of the implant, and the defective skull's file
    then decides.

    Parameters
    ----------
    case : Case

    Returns
    -------
    CaseVolumes

    Raises
    ------
    InputError
        The case has no complete skull or no implant; the implant is empty or is not part of the complete skull, or
        the defective skull is not what remains.
    GeometryError
        The volumes are not on one grid.
    """
    if case.complete is None or case.implant is None:
        raise InputError(
            f"expected a case with a complete skull and an implant, got {case.name} without: read the files it has "
            "with read_volume or read_mesh"
        )
    complete, implant = _mask(case.complete), _mask(case.implant)
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
    defective = _mask(case.defective)
    complete.require_same_grid(defective, names=("complete skull", "defective skull"))
    wrong = np.count_nonzero(defective.array != rest.array)
    if wrong > slack:
        raise InputError(
            f"expected the defective skull of {case.name} to be the complete one without the implant, got {wrong} "
            f"other voxels: do the files belong together? Without {DEFECTIVE}/ it is computed"
        )
    defective = defective.with_array(defective.array & ~implant.array & 1)
    return CaseVolumes(complete, implant, defective)


def volumes_in(folder: Path) -> dict[str, Path]:
    """Return name without ending -> path of each volume in a folder; empty where there is no folder."""
    if not folder.is_dir():
        return {}
    found = {}
    for path in sorted(folder.iterdir()):
        suffix = volume_suffix(path)
        if suffix in VOLUME_SUFFIXES and path.is_file():
            found[path.name[: -len(suffix)]] = path
    return found


def require_same_names(first: Iterable[str], second: Iterable[str], *, places: tuple[str, str]) -> None:
    """Raise `FileReadError` unless two folders hold the same names: a missing file would pass as a smaller data set."""
    alone = sorted(set(first) ^ set(second))
    if alone:
        raise FileReadError(
            f"expected the same names in {places[0]} and {places[1]}, got {', '.join(alone[:5])} "
            f"{'and more ' if len(alone) > 5 else ''}in one only: complete the copy or remove them"
        )


def contents_of(folder: Path) -> str:
    """Return what a folder holds, in a few words, for messages."""
    if not folder.is_dir():
        return "no folder"
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "") or "nothing"


def _mask(path: Path) -> Volume:
    volume = read_volume(path)
    return volume.with_array((volume.array != 0).astype(np.uint8))
