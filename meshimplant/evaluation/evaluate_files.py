"""Measure predicted implants in files: one case, or folders of many cases, also by kind of defect."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from meshimplant.errors import EmptyMaskError, InputError, OutputError
from meshimplant.evaluation.match_cases import CaseFiles, match_cases
from meshimplant.evaluation.metrics import Metrics, evaluate
from meshimplant.evaluation.summary import LARGER_IS_BETTER, Summary, summarize
from meshimplant.evaluation.surface_errors import SurfaceErrors, surface_errors
from meshimplant.io.atomic import atomic_path
from meshimplant.io.volumes import read_volume
from meshimplant.values.read_values import read_mask
from meshimplant.values.value_words import Asking
from meshimplant.voxels.volume import Volume

#: What a failed case counts as: overlaps 0, distances infinite.
_FAILED = {field.name: 0.0 if field.name in LARGER_IS_BETTER else None for field in fields(Metrics)}


@dataclass(frozen=True)
class CaseEvaluation:
    """The metrics of one case.

    Attributes
    ----------
    files : CaseFiles
        Its files.
    metrics : Metrics or None
        Agreement of the prediction with the truth; None where the case failed.
    surfaces : SurfaceErrors or None
        Errors of each surface; None where the case failed or the prediction is empty.
    failure : str
        Why there is no result; empty where there is one.
    """

    files: CaseFiles
    metrics: Metrics | None
    surfaces: SurfaceErrors | None
    failure: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values: the metrics by name, and the surface errors below ``surfaces``."""
        return {
            "kind": self.files.kind,
            "skull": self.files.skull,
            "failure": self.failure or None,
            **(_FAILED if self.metrics is None else self.metrics.to_dict()),
            "surfaces": None if self.surfaces is None else self.surfaces.to_dict(),
        }


@dataclass(frozen=True)
class FolderEvaluation:
    """All cases of a folder, summarised together and by kind of defect.

    Attributes
    ----------
    cases : tuple of CaseEvaluation
        All cases, failed ones included, in the order of their names.
    summary : Summary
        Over all cases.
    kinds : dict of str to Summary
        Over the cases of each kind; empty where the folders state no kinds.
    unused : tuple of str
        Names of the predictions without a truth.
    """

    cases: tuple[CaseEvaluation, ...]
    summary: Summary
    kinds: dict[str, Summary]
    unused: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values."""
        groups = {kind: [c for c in self.cases if c.files.kind == kind] for kind in self.kinds}
        return {
            "cases": {case.files.name: case.to_dict() for case in self.cases},
            "summary": self.summary.to_dict(names=_names(self.cases)),
            "kinds": {k: s.to_dict(names=_names(groups[k])) for k, s in self.kinds.items()},
            "unused_predictions": list(self.unused),
        }


def evaluate_files(
    prediction: str | Path,
    truth: str | Path,
    defective: str | Path,
    *,
    values: str | None = None,
    truth_values: str | None = None,
) -> CaseEvaluation:
    """Measure one predicted implant in files of masks on one grid.

    An empty prediction is a result: overlaps 0, distances infinite.

    Parameters
    ----------
    prediction, truth, defective : str or Path
        Predicted implant, true implant and defective skull.
    values, truth_values : str, optional
        What the values of the prediction, and of the truth and the defective skull, are: one of
        `VALUE_MEANINGS`. By default only masks are accepted.

    Returns
    -------
    CaseEvaluation
        The metrics and the surface errors.

    Raises
    ------
    FileReadError, GeometryError, EmptyMaskError
        A file cannot be read, the grids differ, or the truth or the defective skull is empty.
    InputError
        A file is no mask, and its values are not stated.
    """
    name = Path(truth).name
    files = CaseFiles(name, None, name, Path(prediction), Path(truth), Path(defective))
    found = _read_mask(Path(prediction), "the prediction", values)
    return _measure(files, _read_truth(files.truth, truth_values), found, truth_values)


def evaluate_folders(
    prediction: str | Path,
    truth: str | Path,
    defective: str | Path,
    *,
    values: str | None = None,
    truth_values: str | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> FolderEvaluation:
    """Measure folders of predictions against the truth.

    A prediction that is missing, empty, unreadable, not a mask or on another grid is a failure: overlaps 0,
    distances infinite, and the reason is kept. A truth or a defective skull that cannot be used is an error.

    Parameters
    ----------
    prediction, truth, defective : str or Path
        Folders, matched by name; see `meshimplant.evaluation.match_cases` for how they name cases, skulls and
        kinds of defect.
    values, truth_values : str, optional
        What the values of the prediction, and of the truth and the defective skull, are: one of
        `VALUE_MEANINGS`. By default only masks are accepted.
    seed : int
        Seed of the bootstrap over skulls.
    progress : callable, optional
        Called with a line of text as each case begins.

    Returns
    -------
    FolderEvaluation
        The cases and their summaries.

    Raises
    ------
    InputError
        Names do not match or state kinds in two ways, a truth or a defective skull cannot be used, or no
        prediction can.
    """
    matched, unused = match_cases(Path(prediction), Path(truth), Path(defective))
    cases = []
    for number, files in enumerate(matched, start=1):
        if progress is not None:
            progress(f"case {number} of {len(matched)}: {files.name}")
        cases.append(_measure_or_fail(files, values, truth_values))
    if all(case.failure for case in cases):
        raise InputError(f"expected predictions that can be measured, got none: {_reasons(cases)}")
    kinds = {case.files.kind for case in cases} - {None}
    by_kind = {str(kind): [case for case in cases if case.files.kind == kind] for kind in kinds}
    return FolderEvaluation(
        tuple(cases),
        _summary(cases, seed),
        {kind: _summary(by_kind[kind], seed) for kind in sorted(by_kind)},
        unused,
    )


def write_evaluation(result: CaseEvaluation | FolderEvaluation, path: str | Path) -> None:
    """Write an evaluation: all of it as ``.json``, or one row per case as ``.csv``.

    Numbers are not rounded; infinite and unknown ones are null or empty.

    Parameters
    ----------
    result : CaseEvaluation or FolderEvaluation
        What was measured.
    path : str or Path
        The file to write.

    Raises
    ------
    OutputError
        The ending is neither, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".json", ".csv"):
        raise OutputError(f"expected a name ending in .json or .csv, got {path.name}: change its ending")
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out,
    ):
        if path.suffix.lower() == ".json":
            out.write(json.dumps(result.to_dict(), indent=2, allow_nan=False) + "\n")
            return
        cases = result.cases if isinstance(result, FolderEvaluation) else (result,)
        rows = [_row(case) for case in cases]
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _measure_or_fail(files: CaseFiles, values: str | None, truth_values: str | None) -> CaseEvaluation:
    if files.prediction is None:
        return CaseEvaluation(files, None, None, "no prediction")
    try:
        found = _read_mask(files.prediction, "the prediction", values)
    except InputError as error:
        return CaseEvaluation(files, None, None, str(error))
    truth = _read_truth(files.truth, truth_values)
    if not found.same_grid(truth):
        return CaseEvaluation(files, None, None, f"on another grid: {found!r} where the truth is {truth!r}")
    return _measure(files, truth, found, truth_values)


def _measure(files: CaseFiles, truth: Volume, found: Volume, truth_values: str | None) -> CaseEvaluation:
    defective = _read_mask(files.defective, "the defective skull", truth_values)
    metrics = evaluate(found, truth, defective)
    try:
        return CaseEvaluation(files, metrics, surface_errors(found, truth, defective))
    except EmptyMaskError:
        return CaseEvaluation(files, metrics, None, "empty prediction")


def _read_truth(path: Path, values: str | None) -> Volume:
    return _read_mask(path, "the truth", values)


def _read_mask(path: Path, role: str, values: str | None) -> Volume:
    """Read a mask, or a body that is said to be one by `values`; messages name the file."""
    asking = Asking("--values" if role == "the prediction" else "--truth-values")
    try:
        return read_mask(read_volume(path), role, values=values, asking=asking)
    except InputError as error:
        text = str(error)
        raise error if path.name in text else type(error)(f"{path.name}: {text}") from error


def _summary(cases: Sequence[CaseEvaluation], seed: int) -> Summary:
    return summarize(
        [case.metrics for case in cases],
        surfaces=[case.surfaces for case in cases],
        skulls=[case.files.skull for case in cases],
        seed=seed,
    )


def _names(cases: Sequence[CaseEvaluation]) -> list[str]:
    return [case.files.name for case in cases]


def _row(case: CaseEvaluation) -> dict[str, Any]:
    """Return one row of the table: every number of a case, with the surface errors beside the metrics."""
    row = {"case": case.files.name, **case.to_dict()}
    surfaces = row.pop("surfaces") or {}
    return {**row, **{field.name: surfaces.get(field.name) for field in fields(SurfaceErrors)}}


def _reasons(cases: Sequence[CaseEvaluation]) -> str:
    reasons = list(dict.fromkeys(case.failure for case in cases))
    more = f"; and {len(reasons) - 1} other reasons" if len(reasons) > 1 else ""
    return f"{cases[0].files.name}: {reasons[0]}{more}"
