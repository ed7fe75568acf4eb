"""The verb `evaluate`: compare reconstructions with the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshimplant.values.value_words import ValueWord
from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.options import OutputOptions
from meshimplant_cli.outputs import require_free_file
from meshimplant_cli.terminal import show, table, working

if TYPE_CHECKING:
    from meshimplant.evaluation.evaluate_files import CaseEvaluation, FolderEvaluation
    from meshimplant.evaluation.summary import Summary

#: Metrics in the table of cases; --json and the written file hold all.
_SHOWN = (
    *("dice", "border_dice", "border_dice_voxels", "hausdorff_mm", "hausdorff95_mm"),
    *("coverage_fraction", "protrusion_mm"),
)


#: Metrics whose means are shown with their intervals.
_MEANS = ("dice", "border_dice", "hausdorff95_mm")
_GROUP_HEADS = (
    *("kind", "cases", "failed", *(f"{metric} (95 %)" for metric in _MEANS)),
    *("worst coverage", "worst protrusion"),
)


_SURFACES = ("outer", "inner", "rim")
_ERRORS = ("bias_mm", "rms_mm", "p95_mm", "protrusion_mm")


def evaluate(
    *,
    prediction: Annotated[Path, Parameter(help="Predicted implant: voxels, or a folder of them.")],
    truth: Annotated[Path, Parameter(help="True implant: voxels, or a folder of them.")],
    defective: Annotated[Path, Parameter(help="Defective skull: voxels, or a folder of them.")],
    values: Annotated[
        ValueWord | None,
        Parameter(help="What the values of the prediction are. Default: only masks are compared."),
    ] = None,
    truth_values: Annotated[
        ValueWord | None,
        Parameter(help="What the values of the truth and of the defective skull are, likewise."),
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(alias="-o", help="Where to write all numbers: .json, or .csv with a row per case."),
    ] = None,
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Compare predictions with the truth: Dice, border Dice, HD and HD95 of the challenge, errors by surface.

    Folders are matched by file name without ending; a folder CASE with a reconstruction.nrrd, as written by
    `design`, counts as CASE. The kind of defect is given by a sub-folder (KIND/CASE.nrrd) or in the name
    (KIND_CASE.nrrd, CASE-KIND.nrrd), and each kind then has its own summary. A case without a usable
    prediction has failed: overlaps 0, distances infinite. Intervals are 95 % bootstrap intervals over skulls.
    """
    folders = [path.is_dir() for path in (prediction, truth, defective)]
    if any(folders) and not all(folders):
        raise UsageError("expected three files or three folders, got both: pass three of one kind")
    if output is not None:
        require_free_file(output, (".json", ".csv"), force=output_options.force)
    from meshimplant.evaluation.evaluate_files import evaluate_files, evaluate_folders, write_evaluation

    result: CaseEvaluation | FolderEvaluation
    with working("measuring") as progress:
        if any(folders):
            result = evaluate_folders(
                prediction, truth, defective, values=values, truth_values=truth_values, progress=progress
            )
            text = _folder_text(result)
        else:
            result = evaluate_files(prediction, truth, defective, values=values, truth_values=truth_values)
            text = _case_text(result)
        if output is not None:
            write_evaluation(result, output)
    show(result.to_dict(), as_json=output_options.json, text=text)


def _case_text(case: CaseEvaluation) -> str:
    values = case.to_dict()
    surfaces = values.pop("surfaces")
    numbers = table((name, values[name]) for name in values if name not in ("kind", "skull", "failure"))
    return f"{numbers}\n\n{f'failed: {case.failure}' if case.failure else _surface_table(surfaces)}"


def _folder_text(result: FolderEvaluation) -> str:
    """Return tables of cases, kinds and surfaces; then the failures and the unused predictions."""
    from meshimplant.runtime.value_text import count_of

    values = {case.files.name: case.to_dict() for case in result.cases}
    rows = [(name, *(numbers[metric] for metric in _SHOWN)) for name, numbers in values.items()]
    for row in ("mean", "median", "worst"):
        rows.append((row, *(getattr(result.summary.statistics[metric], row) for metric in _SHOWN)))
    groups = {**result.kinds, "all": result.summary}
    lines = [
        table([("case", *_SHOWN), *rows]),
        "",
        table([_GROUP_HEADS, *(_group_row(kind, summary) for kind, summary in groups.items())]),
        "",
        _surface_table(
            {name: statistic.mean for name, statistic in result.summary.statistics.items()},
            title="mean error",
        ),
        "",
        *(f"failed {case.files.name}: {case.failure}" for case in result.cases if case.failure),
    ]
    if result.unused:
        lines.append(f"not used, because no truth is known: {', '.join(result.unused)}")
    summary = result.summary
    lines.append(
        f"{count_of(summary.cases, 'case')} of {count_of(summary.skulls, 'skull')}, {summary.failures} failed"
    )
    return "\n".join(lines)


def _group_row(kind: str, summary: Summary) -> Sequence[object]:
    statistics = summary.statistics
    means = []
    for statistic in (statistics[metric] for metric in _MEANS):
        low, high = statistic.mean_interval
        means.append(f"{statistic.mean:.3f} ({low:.3f} to {high:.3f})")
    worst = [statistics[metric].worst for metric in ("coverage_fraction", "protrusion_mm")]
    return (kind, summary.cases, summary.failures, *means, *worst)


def _surface_table(errors: Mapping[str, float | None], *, title: str = "surface") -> str:
    """Return the errors by surface; a dash where there is none."""
    rows: list[tuple[object, ...]] = [(title, *_ERRORS)]
    for surface in _SURFACES:
        values = [errors[f"{surface}_{error}"] for error in _ERRORS]
        rows.append(
            (surface, *(value if value is not None and isfinite(value) else None for value in values))
        )
    return table(rows)
