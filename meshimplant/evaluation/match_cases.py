"""Match predictions, truths and defective skulls in folders by case, skull and kind of defect.

A case is a volume file, or a folder that holds a ``reconstruction.nrrd`` (as ``design`` writes it), named
after its skull. Its kind of defect, if any, is stated in one of these ways, which may differ from folder to
folder:

======================= ============================================================================
``bilateral/003.nrrd``  a subfolder for each kind, as in SkullBreak; any name may be a kind
``bilateral_003.nrrd``  a kind of `craniectomy` before the skull's name or after it, with _ or -
``003-bilateral.nrrd``
======================= ============================================================================

Hidden files and folders without volumes are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.volumes import volume_suffix

#: (kind, skull); the kind is empty where none is stated.
_Key = tuple[str, str]
_RECONSTRUCTION = "reconstruction.nrrd"


@dataclass(frozen=True)
class CaseFiles:
    """The three files of one case.

    Attributes
    ----------
    name : str
        ``KIND/SKULL``, or ``SKULL`` where no kind is stated.
    kind : str or None
        Kind of defect.
    skull : str
        Name of the skull.
    prediction : Path or None
        The predicted implant; None where it is missing.
    truth, defective : Path
        The true implant and the defective skull.
    """

    name: str
    kind: str | None
    skull: str
    prediction: Path | None
    truth: Path
    defective: Path


def match_cases(
    prediction: Path, truth: Path, defective: Path
) -> tuple[tuple[CaseFiles, ...], tuple[str, ...]]:
    """Return the cases of the truth folder, and the names of predictions without a truth.

    Parameters
    ----------
    prediction, truth, defective : Path
        Folders of predicted implants, true implants and defective skulls.

    Returns
    -------
    tuple of CaseFiles
        The cases, sorted by name.
    tuple of str
        Names of the predictions without a truth.

    Raises
    ------
    FileReadError
        One of the three is not a folder.
    InputError
        There is no truth, a case occurs twice in a folder, only some cases state a kind, a truth has no
        defective skull, or no prediction is named like a truth.
    """
    truths, predictions, skulls = (_cases_in(folder) for folder in (truth, prediction, defective))
    if not truths:
        raise InputError(f"expected voxel files in the truth folder {truth.name}, got none: check the folder")
    _require_kinds_throughout(truths, truth)
    missing = [_name(key) for key in sorted(truths) if key not in skulls]
    if missing:
        raise InputError(
            f"expected a defective skull for each true implant, got none for {_listed(missing)}: "
            "add them, or name them alike"
        )
    unused = tuple(_name(key) for key in sorted(predictions) if key not in truths)
    if len(unused) == len(predictions):
        raise InputError(
            f"expected predictions named like the truth ({_listed([_name(key) for key in sorted(truths)])}), "
            f"got {_listed(unused) or 'none'}: rename the files"
        )
    cases = tuple(
        CaseFiles(_name(key), key[0] or None, key[1], predictions.get(key), truths[key], skulls[key])
        for key in sorted(truths)
    )
    return cases, unused


def _cases_in(folder: Path) -> dict[_Key, Path]:
    if not folder.is_dir():
        raise FileReadError(
            f"expected a folder of cases, got {folder.name}, which is not a folder: check the path"
        )
    found: dict[_Key, Path] = {}
    for name, path in _volumes_in(folder):
        _add(found, _split_name(name), path)
    for subfolder in _visible(folder):
        if subfolder.is_dir() and not (subfolder / _RECONSTRUCTION).is_file():
            for name, path in _volumes_in(subfolder):
                kind, skull = _split_name(name)
                _add(found, (subfolder.name, skull if kind == subfolder.name else name), path)
    return found


def _volumes_in(folder: Path) -> list[tuple[str, Path]]:
    """Return the name without its ending, and the file, of each case directly in a folder."""
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
    """Return the kind and the skull that a case's name states."""
    from meshimplant.datasets.kinds import KINDS

    if name in KINDS:
        raise InputError(
            f"expected a case named after its skull, got {name}, which is a kind of defect: "
            f"put it into a folder {name}/, or add the skull's name to it"
        )
    for kind in sorted(KINDS, key=len, reverse=True):
        for separator in "_-":
            if name.startswith(kind + separator):
                return kind, name[len(kind) + 1 :]
            if name.endswith(separator + kind):
                return kind, name[: -len(kind) - 1]
    return "", name


def _add(found: dict[_Key, Path], key: _Key, path: Path) -> None:
    if key in found:
        raise InputError(
            f"expected each case once, got {_name(key)} as {found[key].name} and as {path.name}: "
            "remove one of them"
        )
    found[key] = path


def _require_kinds_throughout(truths: dict[_Key, Path], folder: Path) -> None:
    without = [_name(key) for key in sorted(truths) if not key[0]]
    if 0 < len(without) < len(truths):
        raise InputError(
            f"expected a kind of defect for each case in {folder.name} or for none, "
            f"got none for {_listed(without)}: "
            "put each kind into its own folder"
        )


def _name(key: _Key) -> str:
    return "/".join(filter(None, key))


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
