"""Which series of a study shows the bone of the skull best, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError, InputError
from meshimplant.io.dicom.group_slices import MIN_SLICES
from meshimplant.io.dicom.pixels import PixelReader
from meshimplant.io.dicom.series_summary import SeriesSummary
from meshimplant.io.dicom.study import Study, StudySeries
from meshimplant.io.dicom.study_findings import NOISY, READABLE_KINDS, Rank, series_findings
from meshimplant.report import Finding

#: Noise of soft tissue up to which a bone kernel is preferred, HU: bone (from 200 HU) is then five standard
#: deviations away from brain (about 40 HU), so no speck of noise is taken for bone.
MAX_NOISE_HU = 30.0
#: Upper limits of the classes of slice thickness, mm: within a class, other properties count first.
_THICKNESS_CLASSES_MM = (1.3, 2.6, 5.2)
#: Slices over a longer distance show a body, not a head, mm.
_BODY_MM = 400.0
#: A series is not taken for a better one that cannot be read if it covers less than this fraction of it.
_MIN_COVERED = 0.8
#: A second study counts if one of its series covers at least this fraction of what the best covers.
_RIVAL_COVERED = 0.5
#: Values of soft tissue, HU.
_SOFT_HU = (-50.0, 120.0)


@dataclass(frozen=True, eq=False)
class Choice:
    """The series to read.

    Attributes
    ----------
    series : StudySeries
        The one that is read.
    findings : tuple of Finding
        Which others there are, and why they are not read.
    """

    series: StudySeries
    findings: tuple[Finding, ...]


def choose_series(study: Study, reader: PixelReader, series: int | str | None = None) -> Choice:
    """Choose the series that shows the bone of a head best, or the one that is asked for.

    Originals come before derived images and reformats; subtracted images, projections, parameter maps and
    localizers are read only if they are asked for. Then count, in this order: how much of a head the slices
    can hold (a scan of the whole body comes last), their thickness in classes, a bone kernel if it is not
    noisier than `MAX_NOISE_HU`, their exact thickness, and their number.

    Parameters
    ----------
    study : Study
        An open study.
    reader : PixelReader
        Reads slices where noise decides.
    series : int or str, optional
        Number of a series, or its SeriesInstanceUID.

    Returns
    -------
    Choice

    Raises
    ------
    InputError
        No series has that number.
    FileReadError
        There are only localizers and the like, or series of several studies that might be meant.
    GeometryError
        The best series has missing slices or too few.
    """
    asked = [] if series is None else _named(study, series)
    candidates = asked or [item for item in study.series if item.summary.kind in READABLE_KINDS]
    if not candidates:
        kinds = ", ".join(sorted({item.summary.kind for item in study.series}))
        raise FileReadError(
            f"expected a folder with the slices of a CT series, got only a {kinds}: "
            "name the CT's own folder, or choose one of these with --series N"
        )
    ranks = _ranks(candidates, reader)
    ordered = sorted(candidates, key=lambda item: ranks[item.summary.number])
    best = _readable(ordered)
    if not asked:
        _require_one_study(ordered, best)
    return Choice(best, tuple(series_findings(study, best, ranks, is_asked=bool(asked))))


def _named(study: Study, series: int | str) -> list[StudySeries]:
    """Return the series of a number, or all that one identifier was divided into."""
    text = str(series).strip()
    if text.isdigit():
        found = [item for item in study.series if item.summary.number == int(text)]
    else:
        found = [item for item in study.series if text in item.uids]
    if not found:
        numbers = ", ".join(str(item.summary.number) for item in study.series[:20])
        got = text if text.isdigit() else "another identifier"
        raise InputError(
            f"expected --series to be one of the numbers {numbers}, or a SeriesInstanceUID of the study, "
            f"got {got}: list them with meshimplant info"
        )
    return found


def _readable(ordered: list[StudySeries]) -> StudySeries:
    """Return the first series without a problem; raise that of one that covers much more of the head."""
    usable = [item for item in ordered if item.summary.problem is None]
    broken = [item for item in ordered if item.summary.problem and item.summary.slices >= MIN_SLICES]
    broken.sort(key=lambda item: (-item.summary.slices, item.summary.number))
    covered = max((item.summary.head_fraction for item in usable), default=0.0)
    for item in broken:
        if covered < _MIN_COVERED * item.summary.head_fraction or not usable:
            raise GeometryError(item.summary.problem)
    if usable:
        return usable[0]
    if len(ordered) >= MIN_SLICES:
        raise GeometryError(
            f"expected the slices of a CT in one series, got {len(ordered)} series of one or two slices "
            "each, which do not agree in frame of reference, plane, kernel and description: "
            "export the original series again"
        )
    raise GeometryError(max(ordered, key=lambda item: item.summary.slices).summary.problem)


def _require_one_study(ordered: list[StudySeries], best: StudySeries) -> None:
    """Refuse to choose between studies: of two days, or of two patients."""
    limit = _RIVAL_COVERED * best.summary.head_fraction
    rivals = [
        item
        for item in ordered
        if item.summary.study != best.summary.study
        and item.summary.head_fraction >= limit
        and item.summary.slices >= MIN_SLICES
    ]
    if rivals:
        numbers = ", ".join(str(n) for n in sorted(item.summary.number for item in (best, *rivals)))
        count = len({item.summary.study for item in (best, *rivals)})
        raise FileReadError(
            f"expected the CT of one study, got series of {count} studies "
            f"(of other days or other patients): choose one with --series ({numbers}), "
            "as meshimplant info lists them"
        )


# -- rank


def _ranks(candidates: list[StudySeries], reader: PixelReader) -> dict[int, Rank]:
    usable = [item for item in candidates if item.summary.problem is None] or candidates
    widest = max(item.summary.head_fraction for item in usable)
    kernels = _kernel_ranks(usable, reader)
    return {item.summary.number: _rank(item.summary, widest, kernels) for item in candidates}


def _rank(summary: SeriesSummary, widest: float, kernels: dict[int, int]) -> Rank:
    thickness = max(summary.step_mm or 0.0, summary.thickness_mm or 0.0)
    lost = 1 - summary.head_fraction / widest if widest > 0 else 0.0
    if summary.extent_mm[2] > _BODY_MM:
        lost = 1.0
    return (
        READABLE_KINDS.index(summary.kind) if summary.kind in READABLE_KINDS else len(READABLE_KINDS),
        int(np.floor(10 * max(lost, 0.0) + 1e-9)),
        int(np.searchsorted(_THICKNESS_CLASSES_MM, thickness)),
        kernels.get(summary.number, 1),
        round(thickness, 1),
        -summary.slices,
        summary.number,
    )


def _kernel_ranks(usable: list[StudySeries], reader: PixelReader) -> dict[int, int]:
    """Rank kernels: bone without noise, others, bone with noise. Pixels are read only if both kinds exist."""
    if len({item.summary.has_bone_kernel for item in usable}) < 2:
        return {}
    ranks = {}
    for item in usable:
        if item.summary.has_bone_kernel:
            ranks[item.summary.number] = 0 if _is_quiet(item, reader) else NOISY
    return ranks


def _is_quiet(series: StudySeries, reader: PixelReader) -> bool:
    try:
        return noise_hu(series, reader) <= MAX_NOISE_HU
    except FileReadError:  # reading it reports why, if it is chosen all the same
        return False


def noise_hu(series: StudySeries, reader: PixelReader) -> float:
    """Return the noise of soft tissue in three slices of a series, HU.

    The median of a second difference in both directions, which is blind to steps and slopes (Immerkaer,
    "Fast noise variance estimation", 1996); 0 where there is no soft tissue.
    """
    slices = series.group.slices
    middle = [slices[round((len(slices) - 1) * part)] for part in (0.4, 0.5, 0.6)]
    found = np.concatenate([_differences(reader.hounsfield(item)) for item in middle])
    return float(np.median(found) / 0.6745) if len(found) else 0.0


def _differences(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return second differences of soft tissue, scaled to the noise of one pixel."""
    if min(plane.shape) < 3:
        return np.zeros(0, np.float32)
    rows = plane[:-2] - 2 * plane[1:-1] + plane[2:]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    sums = plane[:-2] + plane[1:-1] + plane[2:]
    means = (sums[:, :-2] + sums[:, 1:-1] + sums[:, 2:]) / 9
    return np.abs(both[(means > _SOFT_HU[0]) & (means < _SOFT_HU[1])]) / 6


def with_choice(study: Study, chosen: StudySeries | None) -> tuple[SeriesSummary, ...]:
    """Return the summaries of a study; the series that is read is marked."""
    return tuple(replace(item.summary, chosen=item is chosen) for item in study.series)
