"""Reader for folders laid out like SkullFix (the AutoImplant challenge's training set)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.volumes import VOLUME_SUFFIXES, read_volume, volume_suffix
from meshimplant.volume import Volume

#: Skulls kept aside for validation, spread over the ids; none looks like another of the set.
VALIDATION = (
    "003", "012", "018", "027", "032", "039", "046", "053", "058", "064", "072", "079", "087", "092", "098",
)  # fmt: skip
#: Skulls that statistics may be made from: the rest, one of each look-alike pair (000/052, 011/042, 019/086,
#: 084/091).
TRAINING = tuple(
    name for name in (f"{n:03d}" for n in range(100)) if name not in (*VALIDATION, "052", "042", "086", "091")
)

_COMPLETE, _IMPLANT, _DEFECTIVE = "complete_skull", "implant", "defective_skull"


@dataclass(frozen=True)
class SkullFixCase:
    """The files of one case; `defective` is ``None`` where the folder leaves it to be computed."""

    name: str
    complete: Path
    implant: Path
    defective: Path | None = None


@dataclass(frozen=True, eq=False)
class SkullFixVolumes:
    """One case as masks (uint8 0/1) on one grid; defective and implant are disjoint."""

    complete: Volume
    implant: Volume
    defective: Volume


def list_skullfix(folder: str | Path) -> tuple[SkullFixCase, ...]:
    """Return the cases of a folder, sorted by name.

    Expected layout: ``complete_skull/NNN.nrrd`` and ``implant/NNN.nrrd`` (or another volume format) with
    the same names, and optionally ``defective_skull/NNN.nrrd``. Nothing is read but the names. Cases with a
    complete skull and no implant, or the reverse, are errors: a missing file would otherwise pass as a
    smaller data set.

    Raises
    ------
    FileReadError
        The folder or one of its two subfolders is missing or empty, or their names differ.
    """
    folder = Path(folder)
    complete, implant = (_volumes_in(folder / name) for name in (_COMPLETE, _IMPLANT))
    missing = [name for name in (_COMPLETE, _IMPLANT) if not (folder / name).is_dir()]
    if missing or not complete or not implant:
        raise FileReadError(
            f"expected volumes in {_COMPLETE}/ and {_IMPLANT}/ under {folder.name}/, got {len(complete)} and "
            f"{len(implant)}: pass the folder that holds both"
        )
    alone = sorted(set(complete) ^ set(implant))
    if alone:
        raise FileReadError(
            f"expected the same names in {_COMPLETE}/ and {_IMPLANT}/, got {', '.join(alone[:5])} "
            f"{'and more ' if len(alone) > 5 else ''}in one only: complete the copy or remove them"
        )
    defective = _volumes_in(folder / _DEFECTIVE)
    return tuple(SkullFixCase(n, complete[n], implant[n], defective.get(n)) for n in sorted(complete))


def read_skullfix(case: SkullFixCase) -> SkullFixVolumes:
    """Read one case; without a file of its own the defective skull is the complete one without the implant.

    Checked on the 100 training cases of the source: that is exactly how its defective skulls were made.

    Raises
    ------
    GeometryError
        The volumes are not on one grid.
    InputError
        The implant is empty or is not part of the complete skull, or the defective skull is not what remains.
    """
    complete, implant = _mask(case.complete), _mask(case.implant)
    complete.require_same_grid(implant, names=("complete skull", "implant"))
    outside = np.count_nonzero(implant.array & ~complete.array & 1)
    if outside or not implant.array.any():
        raise InputError(
            f"expected the implant of {case.name} inside its complete skull, got {outside} voxels outside "
            f"and {np.count_nonzero(implant.array)} in all: do the two files belong together?"
        )
    rest = complete.with_array(complete.array & ~implant.array & 1)
    if case.defective is not None:
        defective = _mask(case.defective)
        complete.require_same_grid(defective, names=("complete skull", "defective skull"))
        wrong = np.count_nonzero(defective.array != rest.array)
        if wrong:
            raise InputError(
                f"expected the defective skull of {case.name} to be the complete one without the implant, "
                f"got {wrong} other voxels: do the files belong together? Without "
                f"{_DEFECTIVE}/ it is computed"
            )
    return SkullFixVolumes(complete, implant, rest)


def _volumes_in(folder: Path) -> dict[str, Path]:
    """Name without ending -> path of each volume in a folder; empty where there is no folder."""
    if not folder.is_dir():
        return {}
    found = {}
    for path in sorted(folder.iterdir()):
        suffix = volume_suffix(path)
        if suffix in VOLUME_SUFFIXES and path.is_file():
            found[path.name[: -len(suffix)]] = path
    return found


def _mask(path: Path) -> Volume:
    volume = read_volume(path)
    return volume.with_array((volume.array != 0).astype(np.uint8))
