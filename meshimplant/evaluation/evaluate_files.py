"""Measure predicted implants in files: one case, or folders of many, also by kind of defect."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from meshimplant.errors import EmptyMaskError, InputError, OutputError
from meshimplant.evaluation.cases import CaseFiles, match_cases
from meshimplant.evaluation.metrics import Metrics, evaluate
from meshimplant.evaluation.summary import LARGER_IS_BETTER, Summary, summarize
from meshimplant.evaluation.surface_errors import SurfaceErrors, surface_errors
from meshimplant.io.atomic import atomic_path
from meshimplant.io.volumes import read_volume
from meshimplant.voxels.volume import Volume

#: What a failed case counts as: nothing found, infinitely far off.
_FAILED = {field.name: 0.0 if field.name in LARGER_IS_BETTER else None for field in fields(Metrics)}


@dataclass(frozen=True)
class CaseEvaluation:
    """One case measured; `failure` says why there is no result, and is empty where there is one."""

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
    """All cases of a folder, summed up together and by kind of defect.

    Attributes
    ----------
    cases
        In the order of their names; failures are in it.
    summary, kinds
        Over all cases, and over those of each kind; empty where the folders name no kinds.
    unused
        Predictions that no truth is known for.
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


def evaluate_files(prediction: str | Path, truth: str | Path, defective: str | Path) -> CaseEvaluation:
    """Measure one predicted implant: files of masks on one grid.

    An empty prediction is a result: overlaps 0, distances infinite. Anything else that is wrong with one of the
    three is raised, as by `evaluate`; so is a file with values between 0 and 1: it must be thresholded first.
    """
    name = Path(truth).name
    files = CaseFiles(name, None, name, Path(prediction), Path(truth), Path(defective))
    return _measure(files, _read_mask(files.truth), found=_read_mask(Path(prediction)))


def evaluate_folders(
    prediction: str | Path,
    truth: str | Path,
    defective: str | Path,
    *,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> FolderEvaluation:
    """Measure folders of predictions against the truth.

    Parameters
    ----------
    prediction, truth, defective
        Folders, matched by name; see `meshimplant.evaluation.cases` for how they name cases, skulls and
        kinds of defect.
    seed
        Of the bootstrap over skulls.
    progress
        Called with a line of text as each case begins.

    A prediction that is missing, empty, unreadable, no mask or on another grid is a failure: overlaps 0, distances
    infinite, and the reason is kept. A truth or a defective skull that cannot be used is an error.

    Raises
    ------
    InputError
        Names that do not match or say kinds in two ways; a truth or defective skull that cannot be used; no
        prediction that can.
    """
    matched, unused = match_cases(Path(prediction), Path(truth), Path(defective))
    cases = []
    for number, files in enumerate(matched, start=1):
        if progress is not None:
            progress(f"case {number} of {len(matched)}: {files.name}")
        cases.append(_measure_or_fail(files))
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
    """Write an evaluation: all of it as ``.json``, or one row for each case as ``.csv``.

    Numbers are not rounded; what is infinite or unknown is null, or an empty cell. Raises `OutputError` for another ending,
    or a place that cannot be written to.
    """
    path = Path(path)
    if path.suffix.lower() not in (".json", ".csv"):
        raise OutputError(f"expected a name ending in .json or .csv, got {path.name}: change its ending")
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        if path.suffix.lower() == ".json":
            out.write(json.dumps(result.to_dict(), indent=2, allow_nan=False) + "\n")
            return
        cases = result.cases if isinstance(result, FolderEvaluation) else (result,)
        rows = [_row(case) for case in cases]
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _measure_or_fail(files: CaseFiles) -> CaseEvaluation:
    if files.prediction is None:
        return CaseEvaluation(files, None, None, "no prediction")
    try:
        found = _read_mask(files.prediction)
    except InputError as error:
        return CaseEvaluation(files, None, None, str(error))
    truth = _read_mask(files.truth)
    if not found.same_grid(truth):
        return CaseEvaluation(files, None, None, f"on another grid: {found!r} where the truth is {truth!r}")
    return _measure(files, truth, found=found)


def _measure(files: CaseFiles, truth: Volume, *, found: Volume) -> CaseEvaluation:
    defective = _read_mask(files.defective)
    metrics = evaluate(found, truth, defective)
    try:
        return CaseEvaluation(files, metrics, surface_errors(found, truth, defective))
    except EmptyMaskError:
        return CaseEvaluation(files, metrics, None, "empty prediction")


def _read_mask(path: Path) -> Volume:
    volume = read_volume(path)
    if volume.array.dtype.kind == "f" and ((volume.array != 0) & (volume.array != 1)).any():
        raise InputError(
            f"expected a mask of 0 and 1 in {path.name}, got values from {volume.array.min():g} to "
            f"{volume.array.max():g}: threshold it first, or evaluate the reconstruction that design writes"
        )
    return volume


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
    """One row of a table: every number of a case, with the surface errors beside the metrics."""
    row = {"case": case.files.name, **case.to_dict()}
    surfaces = row.pop("surfaces") or {}
    return {**row, **{field.name: surfaces.get(field.name) for field in fields(SurfaceErrors)}}


def _reasons(cases: Sequence[CaseEvaluation]) -> str:
    reasons = list(dict.fromkeys(case.failure for case in cases))
    more = f"; and {len(reasons) - 1} other reasons" if len(reasons) > 1 else ""
    return f"{cases[0].files.name}: {reasons[0]}{more}"
