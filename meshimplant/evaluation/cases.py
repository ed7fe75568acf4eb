"""Which prediction belongs to which truth: folders matched by case, skull and kind of defect.

A case is a volume file, or a folder that holds a ``reconstruction.nrrd`` (as ``design`` writes it), named after its skull.
Its kind of defect, where there is one, is said in one of these ways, which may differ from folder to folder:

========================== =====================================================================================
``bilateral/003.nrrd``     a sub-folder for each kind, as SkullBreak is laid out; any name may be a kind
``bilateral_003.nrrd``     one of the kinds of `craniectomy`, before the skull's name or after it, with ``_`` or ``-``
``003-bilateral.nrrd``
========================== =====================================================================================

Hidden files and folders without volumes are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.volumes import volume_suffix

#: (kind, skull); the kind is empty where none is said.
_Key = tuple[str, str]
_RECONSTRUCTION = "reconstruction.nrrd"


@dataclass(frozen=True)
class CaseFiles:
    """The three files of one case; `prediction` is None where there is none, `kind` where none is said."""

    name: str
    kind: str | None
    skull: str
    prediction: Path | None
    truth: Path
    defective: Path


def match_cases(
    prediction: Path, truth: Path, defective: Path
) -> tuple[tuple[CaseFiles, ...], tuple[str, ...]]:
    """Return the cases of the truth folder with their files, and the names of predictions without a truth.

    Cases are named ``KIND/SKULL``, or ``SKULL`` where no kinds are said, and are sorted by name.

    Raises
    ------
    FileReadError
        One of the three is no folder.
    InputError
        No truth; one case twice in a folder; kinds for some cases but not for all; a truth without a defective
        skull; no prediction that is named like a truth.
    """
    truths, predictions, skulls = (_cases_in(folder) for folder in (truth, prediction, defective))
    if not truths:
        raise InputError(f"expected voxel files in the truth folder {truth.name}, got none: check the folder")
    _require_kinds_throughout(truths, truth)
    missing = [_name(key) for key in sorted(truths) if key not in skulls]
    if missing:
        raise InputError(
            f"expected a defective skull for each true implant, got none for {_listed(missing)}: add them, or name them alike"
        )
    unused = tuple(_name(key) for key in sorted(predictions) if key not in truths)
    if len(unused) == len(predictions):
        wanted = _listed([_name(key) for key in sorted(truths)])
        raise InputError(
            f"expected predictions named like the truth ({wanted}), got {_listed(unused) or 'none'}: rename the files"
        )
    cases = tuple(
        CaseFiles(_name(key), key[0] or None, key[1], predictions.get(key), truths[key], skulls[key])
        for key in sorted(truths)
    )
    return cases, unused


def _cases_in(folder: Path) -> dict[_Key, Path]:
    if not folder.is_dir():
        raise FileReadError(f"expected a folder of cases, got {folder.name}, which is none: check the path")
    found: dict[_Key, Path] = {}
    for name, path in _volumes_in(folder):
        _add(found, _split_name(name), path)
    for below in _visible(folder):
        if below.is_dir() and not (below / _RECONSTRUCTION).is_file():
            for name, path in _volumes_in(below):
                kind, skull = _split_name(name)
                _add(found, (below.name, skull if kind == below.name else name), path)
    return found


def _volumes_in(folder: Path) -> list[tuple[str, Path]]:
    """Name without ending and file of each case right in a folder."""
    found = []
    for path in _visible(folder):
        suffix = volume_suffix(path)
        if (path / _RECONSTRUCTION).is_file():
            found.append((path.name, path / _RECONSTRUCTION))
        elif suffix is not None and path.is_file():
            found.append((path.name[: -len(suffix)], path))
    return found


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _split_name(name: str) -> _Key:
    """Return the kind and the skull that a case's name says."""
    from meshimplant.datasets.kinds import KINDS

    if name in KINDS:
        raise InputError(
            f"expected a case named after its skull, got {name}, which is a kind of defect: put it into a folder "
            f"{name}/, or add the skull's name to it"
        )
    for kind in sorted(KINDS, key=len, reverse=True):
        for mark in "_-":
            if name.startswith(kind + mark):
                return kind, name[len(kind) + 1 :]
            if name.endswith(mark + kind):
                return kind, name[: -len(kind) - 1]
    return "", name


def _add(found: dict[_Key, Path], key: _Key, path: Path) -> None:
    if key in found:
        raise InputError(
            f"expected each case once, got {_name(key)} as {found[key].name} and as {path.name}: remove one of them"
        )
    found[key] = path


def _require_kinds_throughout(truths: dict[_Key, Path], folder: Path) -> None:
    without = [_name(key) for key in sorted(truths) if not key[0]]
    if 0 < len(without) < len(truths):
        raise InputError(
            f"expected a kind of defect for each case in {folder.name} or for none, got none for {_listed(without)}: put "
            "each kind into a folder of its own"
        )


def _name(key: _Key) -> str:
    return "/".join(filter(None, key))


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
