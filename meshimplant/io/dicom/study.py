"""A DICOM study: its series with their numbers, and what else its files hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from meshimplant.errors import FileReadError, GeometryError
from meshimplant.io.dicom.ct_slice import LeftOut, Slice
from meshimplant.io.dicom.group_slices import SliceGroup, group_slices
from meshimplant.io.dicom.headers import read_headers
from meshimplant.io.dicom.series_summary import SeriesSummary, summarize_series
from meshimplant.io.dicom.study_files import is_one_file, study_files


@dataclass(frozen=True, eq=False)
class StudySeries:
    """Slices of one series with their summary.

    Attributes
    ----------
    summary : SeriesSummary
        What it is.
    group : SliceGroup
        Its slices.
    """

    summary: SeriesSummary
    group: SliceGroup

    @cached_property
    def uids(self) -> frozenset[str]:
        """Identifiers of the series that its slices come from."""
        return frozenset(item.series for item in self.group.slices)


@dataclass(frozen=True, eq=False)
class Study:
    """The series of a study, and what else its files hold.

    Attributes
    ----------
    series : tuple of StudySeries
        By number.
    left_out : tuple of LeftOut
        Files that are not slices.
    """

    series: tuple[StudySeries, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def left_out_counts(self) -> dict[str, int]:
        """Number of files that are not slices, by kind."""
        return dict(sorted(Counter(item.kind for item in self.left_out).items()))


@contextmanager
def open_study(path: str | Path) -> Iterator[Study]:
    """Read the headers of a study; its pixels can be read within the block.

    Parameters
    ----------
    path : str or Path
        A folder, a zip archive, a DICOMDIR, or one DICOM file, whose series is then the only one.

    Raises
    ------
    FileReadError
        There is no CT slice.
    GeometryError
        There are CT slices, and none states its place.
    """
    path = Path(path)
    with study_files(path) as files:
        slices, others = read_headers(files)
        groups = group_slices(slices)
        if is_one_file(path):
            groups = _groups_of(path.name, groups, others)
        if not groups:
            raise _nothing_to_read(others)
        yield Study(_numbered(groups), tuple(others))


def _groups_of(name: str, groups: list[SliceGroup], others: list[LeftOut]) -> list[SliceGroup]:
    """Return the groups that hold slices of one file."""
    kind = next((item.kind for item in others if item.source.name == name), None)
    if kind is not None:
        raise FileReadError(f"expected a slice of a CT, got a {kind}: name the folder of the study")
    return [group for group in groups if any(_is_of(item, name) for item in group.slices)]


def _is_of(item: Slice, name: str) -> bool:
    return any(file.source.name == name for file in (item, *item.copies))


def _nothing_to_read(others: list[LeftOut]) -> FileReadError | GeometryError:
    counts = Counter(item.kind for item in others)
    placeless = sum(count for kind, count in counts.items() if "position" in kind)
    if placeless and placeless == len(others):
        return GeometryError(
            "expected PixelSpacing, ImagePositionPatient and ImageOrientationPatient in the slices of a CT, "
            f"got {counted(counts)}: export the original series again"
        )
    got = f"only {counted(counts)}" if counts else "no DICOM file"
    return FileReadError(
        f"expected a folder with the slices of a CT series, got {got}: name the CT's own folder"
    )


def counted(counts: dict[str, int]) -> str:
    """Return kinds with their numbers, as words."""
    return ", ".join(f"{kind} ({count})" for kind, count in sorted(counts.items()))


# -- numbers


def _numbered(groups: list[SliceGroup]) -> tuple[StudySeries, ...]:
    """Give each group a number and a summary."""
    groups = sorted(groups, key=_order)
    studies = {study: n + 1 for n, study in enumerate(dict.fromkeys(map(_study_of, groups)))}
    stated = [group.slices[0].series_number for group in groups]
    uids = [{item.series for item in group.slices} for group in groups]
    numbers: list[int] = []
    free = max((number for number in stated if number is not None), default=0)
    for n, number in enumerate(stated):
        alike = [uids[m] for m in range(len(groups)) if stated[m] == number]
        is_one_series = all(uids[n] & other for other in alike) and number not in numbers
        if number is None or number < 1 or not is_one_series:
            free += 1
            number = free
        numbers.append(number)
    found = [
        StudySeries(summarize_series(group, number, studies[_study_of(group)]), group)
        for group, number in zip(groups, numbers, strict=True)
    ]
    return tuple(sorted(found, key=lambda item: item.summary.number))


def _study_of(group: SliceGroup) -> str:
    """Return the identifier of a group's study; one for each slice, as some tools write, means nothing."""
    studies = {item.study for item in group.slices}
    return studies.pop() if len(studies) == 1 else ""


def _order(group: SliceGroup) -> tuple[str, int, str, int, tuple[float, ...], tuple[str, ...]]:
    """Order groups so that the largest part of a series comes first, whatever the names of its files."""
    first = group.slices[0]
    number = first.series_number if first.series_number is not None else -1
    traits = first.traits
    texts = (traits.stack, traits.kernel, *traits.image_type, traits.phase, traits.acquisition)
    time = traits.time_s or 0.0
    return (_study_of(group), number, first.series, -len(group.slices), (time, *first.position_mm), texts)
