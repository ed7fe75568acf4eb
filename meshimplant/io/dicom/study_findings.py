"""What is reported of a DICOM study beside the series that is read."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from meshimplant.io.dicom.ct_slice import LeftOut, Slice
from meshimplant.io.dicom.directory import MISSING
from meshimplant.io.dicom.group_slices import MIN_SLICES
from meshimplant.io.dicom.headers import DAMAGED, SEGMENTATIONS
from meshimplant.io.dicom.series_summary import SeriesSummary
from meshimplant.io.dicom.study import Study, StudySeries, counted
from meshimplant.report import Finding

#: Kinds that are read without being asked for, the best first.
READABLE_KINDS = ("original", "derived", "reformatted")
#: Rank of a series among those that can be read; lower is better. In this order: kind, part of the head that
#: is lost, class of thickness, kernel, thickness, number of slices, number.
Rank = tuple[int, int, int, int, float, int, int]
#: Entry of a rank that is for the kernel, and its value for a noisy bone kernel.
KERNEL_ENTRY, NOISY = 3, 2
#: Why a series comes after another, by the first entry of its rank that is higher.
_REASONS = (
    "{kind}, not original",
    "covers less of the head, or the body",
    "thicker slices",
    "{kernel}",
    "thicker slices",
    "fewer slices",
    "no better",
)


def series_findings(
    study: Study, best: StudySeries, ranks: dict[int, Rank], *, is_asked: bool
) -> list[Finding]:
    """Report the series that are not read and why, and what is unusual about the one that is read.

    Parameters
    ----------
    study : Study
        All series.
    best : StudySeries
        The one that is read.
    ranks : dict
        Rank of each candidate by its number.
    is_asked : bool
        Whether a person chose it.
    """
    findings = []
    others = [item for item in study.series if item is not best]
    if others:
        findings.append(_others_finding(best, others, ranks, is_asked=is_asked))
    same = sum(len(item.group.slices) for item in others if item.uids & best.uids)
    if same:
        message = (
            "Slices of the same series were left out, since they lie in another plane or belong to another "
            "reconstruction or phase: compare with meshimplant info."
        )
        findings.append(Finding("input.slices_left_out", "warning", message, same, 0, "slices"))
    if best.group.joined > 1:
        message = (
            "Each slice was a series of its own; those that agree in frame of reference, plane, kernel and "
            "description were read as one."
        )
        findings.append(Finding("input.joined_series", "warning", message, best.group.joined, 1, "series"))
    if best.summary.kind != "original":
        message = (
            f"The series is {best.summary.kind}, not as the scanner reconstructed it: thin bone may be lost; "
            "read the original series if there is one."
        )
        findings.append(Finding("input.derived_series", "warning", message))
    return findings


def _others_finding(
    best: StudySeries, others: list[StudySeries], ranks: dict[int, Rank], *, is_asked: bool
) -> Finding:
    """Name the series that are not read, and why."""
    reasons = {item.summary.number: _reason(item, best, ranks, is_asked=is_asked) for item in others}
    shown = [f"{number} ({reason})" for number, reason in list(reasons.items())[:10]]
    rest = f" and {len(reasons) - len(shown)} more" if len(reasons) > len(shown) else ""
    chosen = best.summary
    how = "as asked for" if is_asked else "the best for bone"
    message = (
        f"The study holds {len(others) + 1} CT series; number {chosen.number} was read, {how} "
        f"({_facts(chosen)}). Not read: {', '.join(shown)}{rest}. Choose another with --series N."
    )
    better = [item for item in others if item.summary.problem and _is_before(item, best, ranks)]
    severity: Literal["info", "warning"] = "warning" if better and not is_asked else "info"
    return Finding("input.other_series", severity, message, len(others) + 1, 1, "series")


def _facts(summary: SeriesSummary) -> str:
    step = "" if summary.step_mm is None else f", {summary.step_mm:.2f} mm apart"
    return f"{summary.slices} slices{step}{', bone kernel' if summary.has_bone_kernel else ''}"


def _is_before(item: StudySeries, best: StudySeries, ranks: dict[int, Rank]) -> bool:
    number = item.summary.number
    return (
        item.summary.slices >= MIN_SLICES and number in ranks and ranks[number] < ranks[best.summary.number]
    )


def _reason(item: StudySeries, best: StudySeries, ranks: dict[int, Rank], *, is_asked: bool) -> str:
    summary = item.summary
    if summary.slices < MIN_SLICES:
        return "too few slices"
    if summary.problem is not None:
        return "slices missing or too far apart"
    if summary.kind not in READABLE_KINDS:
        return summary.kind
    if is_asked or summary.number not in ranks:
        return "not asked for"
    kernel = "noisy bone kernel" if ranks[summary.number][KERNEL_ENTRY] == NOISY else "no bone kernel"
    worse = next(
        n
        for n, (theirs, ours) in enumerate(
            zip(ranks[summary.number], ranks[best.summary.number], strict=True)
        )
        if theirs > ours
    )
    return _REASONS[worse].format(kind=summary.kind, kernel=kernel)


def left_out_findings(study: Study, chosen: StudySeries) -> list[Finding]:
    """Report the files that are not slices: damaged ones and pages of the chosen series as warnings."""
    findings = []
    damaged = [item for item in study.left_out if item.kind == DAMAGED]
    pages = [item for item in study.left_out if item.kind != DAMAGED and item.series in chosen.uids - {""}]
    missing = [item for item in study.left_out if item.kind == MISSING]
    others = [item for item in study.left_out if item not in (*damaged, *pages, *missing)]
    if damaged:
        message = (
            "Files are damaged and were left out; if they are slices of this series, bone is missing at its "
            "ends or was interpolated: copy the study again."
        )
        findings.append(Finding("input.damaged_files", "warning", message, len(damaged), 0, "files"))
    if missing:
        message = (
            "Images that the DICOMDIR lists are not there; if they are slices of this series, bone is "
            "missing at its ends or was interpolated: copy the whole medium."
        )
        findings.append(Finding("input.missing_files", "warning", message, len(missing), 0, "files"))
    if pages:
        message = f"Files of the same series hold no slice and were left out: {_kinds(pages)}."
        findings.append(Finding("input.pages_left_out", "warning", message, len(pages), 0, "files"))
    if any(item.kind in SEGMENTATIONS for item in others):
        message = (
            "The study also holds a segmentation; the CT was read. To read the segmentation instead, "
            "choose a segment by its name (--segment)."
        )
        findings.append(Finding("input.segmentation_left_out", "info", message))
    if others:
        message = f"Files of the study that are no CT slices were left out: {_kinds(others)}."
        findings.append(Finding("input.files_left_out", "info", message, len(others), 0, "files"))
    return findings


def _kinds(files: list[LeftOut]) -> str:
    return counted(Counter(item.kind for item in files))


def repeated_uid_findings(slices: list[Slice]) -> list[Finding]:
    """Report slices at different positions that carry one identifier, which should be unique."""
    stated = [(item.instance, item.frame) for item in slices if item.instance]
    repeated = len(stated) - len(set(stated))
    if not repeated:
        return []
    message = "Slices at different positions carry one SOPInstanceUID; each was read at its own position."
    return [Finding("input.repeated_identifiers", "warning", message, repeated, 0, "slices")]
