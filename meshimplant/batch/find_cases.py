"""`find_cases`: the cases of a batch, from tables, folders, patterns and single files."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from meshimplant.batch.batch_case import BatchCase, PredictionIs, require_names
from meshimplant.batch.batch_verbs import VERBS, BatchVerb
from meshimplant.batch.case_table import TABLE_SUFFIXES, read_table
from meshimplant.errors import FileReadError, InputError
from meshimplant.io.dicom.study_files import is_dicom
from meshimplant.io.meshes import MESH_SUFFIXES
from meshimplant.io.volumes import VOLUME_SUFFIXES

#: What stands for a case in its folder, as `design` writes it: the voxels, or the part.
_VOXELS, _PART = "reconstruction.nrrd", "implant.stl"
#: What nnU-Net adds to the name of a scan, and not to that of its prediction.
_FIRST_CHANNEL = "_0000"
_ENDINGS = sorted((*VOLUME_SUFFIXES, *MESH_SUFFIXES, ".zip", ".dcm"), key=len, reverse=True)


@dataclass(frozen=True)
class FoundCases:
    """The cases of a batch.

    Attributes
    ----------
    cases : tuple of BatchCase
        In the order of their names; those of a table in its order.
    left_out : tuple of str
        Names of what lies in the folders and is no case.
    """

    cases: tuple[BatchCase, ...]
    left_out: tuple[str, ...]


def find_cases(
    sources: str | Path | Sequence[str | Path],
    *,
    verb: BatchVerb = "design",
    prediction: str | Path | None = None,
    prediction_is: PredictionIs | None = None,
    prescription: str | Path | None = None,
    skull: str | Path | None = None,
    truth: str | Path | None = None,
    options: Sequence[str] = (),
) -> FoundCases:
    """Find the cases of a batch; nothing but tables and the names of files is read.

    A folder stands for the files in it that the verb reads, and for its folders that hold a DICOM study
    (``design``, ``convert``) or a design (``evaluate``, and the verbs of a part). A case is named after its
    file without the ending; where names repeat, after its folder, or both.

    Parameters
    ----------
    sources : str, Path or sequence of them
        Folders, patterns (``scans/*.nii.gz``), tables (.csv, .toml) and files.
    verb : str
        One of `BATCH_VERBS`.
    prediction, skull, truth : str or Path, optional
        A file for all cases, or a folder with one for each, named like the case (``CASE.nrrd``, or
        ``CASE/reconstruction.nrrd``); a table's own file comes first.
    prediction_is : str, optional
        ``complete`` or ``implant``, for the cases of `prediction`.
    prescription : str or Path, optional
        A prescription for the cases that have none.
    options : sequence of str
        Words of the command line for all cases, before those of the table.

    Returns
    -------
    FoundCases

    Raises
    ------
    FileReadError
        A source does not exist, or a table cannot be read.
    InputError
        There is no case, two have one name, or a file is missing for one.
    """
    if verb not in VERBS:
        raise InputError(f"expected one of the verbs {', '.join(VERBS)}, got {verb!r}: choose one")
    listed = [sources] if isinstance(sources, str | Path) else list(sources)
    cases: list[BatchCase] = []
    inputs: list[Path] = []
    left_out: list[str] = []
    for source in listed:
        if Path(source).suffix.lower() in TABLE_SUFFIXES and Path(source).is_file():
            cases += read_table(Path(source))
        else:
            inputs += _inputs_of(source, verb, left_out)
    if not cases and not inputs:
        raise InputError(
            f"expected files that {verb} reads ({' '.join(VERBS[verb].reads)}), got none in "
            f"{', '.join(Path(source).name for source in listed)}: check the path"
        )
    cases += [BatchCase("", path) for path in inputs]
    cases = _named(cases)
    common = {"prediction": prediction, "skull": skull, "truth": truth}
    for role, place in common.items():
        if place is not None:
            cases = _with_file(cases, role, Path(place))
    if prescription is not None:
        spec = Path(prescription).absolute()
        cases = [case if case.prescription else replace(case, prescription=spec) for case in cases]
    if prediction_is is not None:
        cases = [
            case
            if case.prediction is None or case.prediction_is
            else replace(case, prediction_is=prediction_is)
            for case in cases
        ]
    cases = [replace(case, options=(*options, *case.options)) for case in cases]
    require_names(cases)
    return FoundCases(tuple(cases), tuple(sorted(left_out)))


def _inputs_of(source: str | Path, verb: BatchVerb, left_out: list[str]) -> list[Path]:
    """Return the inputs that a folder, a pattern or a file stands for."""
    path = Path(source)
    if path.is_dir():
        found = _inputs_in(path, verb, left_out)
        # A folder without anything in it that is a case can be one itself: a DICOM study.
        return found or ([path.absolute()] if _is_case_folder(path, verb) else [])
    if path.exists():
        return [path.absolute()]
    if glob.has_magic(str(source)):
        matches = [Path(name) for name in sorted(glob.glob(str(source), recursive=True))]
        return [match.absolute() for match in matches if not match.name.startswith(".")]
    raise FileReadError(
        f"expected a folder, a pattern, a table or a file of cases, got {path.name}, which does not exist: "
        "check the path"
    )


def _inputs_in(folder: Path, verb: BatchVerb, left_out: list[str]) -> list[Path]:
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file() and path.name.lower().endswith(VERBS[verb].reads):
            found.append(path.absolute())
        elif path.is_dir() and (inside := _is_case_folder(path, verb)):
            found.append(inside.absolute())
        else:
            left_out.append(path.name)
    return found


def _is_case_folder(folder: Path, verb: BatchVerb) -> Path | None:
    """Return what the verb reads for a folder of its own: a design's file, or a study; None without."""
    if verb == "evaluate":
        return None
    if verb in ("design", "convert"):
        files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        first = next(files, None)
        return folder if first is not None and is_dicom(first) else None
    return folder / _PART if (folder / _PART).is_file() else None


def _named(cases: list[BatchCase]) -> list[BatchCase]:
    """Return the cases with a name for each that has none."""
    stems = [case.name or _stem(case.input) for case in cases]
    parents = [case.name or case.input.parent.name for case in cases]
    if len(set(stems)) < len(stems):
        unnamed = {_stem(case.input) for case in cases if not case.name}
        if len(unnamed) == 1 and len(set(parents)) == len(parents):
            stems = parents
        else:
            twice = {stem for stem, count in Counter(stems).items() if count > 1}
            stems = [
                f"{case.input.parent.name}_{stem}" if stem in twice and not case.name else stem
                for case, stem in zip(cases, stems, strict=True)
            ]
    return [replace(case, name=stem) for case, stem in zip(cases, stems, strict=True)]


def _stem(path: Path) -> str:
    """Return a file's name without its ending; that of the folder for a file of a design."""
    if path.name in (_PART, _VOXELS) and path.parent.name:
        return path.parent.name
    return next((path.name[: -len(end)] for end in _ENDINGS if path.name.lower().endswith(end)), path.name)


def _with_file(cases: list[BatchCase], role: str, place: Path) -> list[BatchCase]:
    """Return the cases with a file of a folder for each that has none of its own."""
    if not place.is_dir():
        return [case if getattr(case, role) else _with(case, role, place.absolute()) for case in cases]
    known = _files_by_name(place)
    done = []
    for case in cases:
        if getattr(case, role) is None:
            path = known.get(case.name) or known.get(case.name.removesuffix(_FIRST_CHANNEL))
            if path is None:
                raise InputError(
                    f"expected a {role} for each case in the folder {place.name}, got none named "
                    f"{case.name}: add it, or name the files of each case in a table"
                )
            case = _with(case, role, path)
        done.append(case)
    return done


def _with(case: BatchCase, role: str, path: Path) -> BatchCase:
    given: dict[str, Any] = {role: path}
    return replace(case, **given)


def _files_by_name(folder: Path) -> dict[str, Path]:
    """Return the files in a folder, and in its folders, by the name of the case."""
    known: dict[str, Path] = {}
    for path in _visible(folder):
        if path.is_file():
            known[_stem(path)] = path.absolute()
        elif (voxels := path / _VOXELS).is_file():
            known[path.name] = voxels.absolute()
        else:
            known |= {
                f"{path.name}_{_stem(file)}": file.absolute() for file in _visible(path) if file.is_file()
            }
    return known


def _visible(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
