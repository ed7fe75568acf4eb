"""Choosing one of the named segments of a segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshimplant.errors import InputError
from meshimplant.report import Finding

_HOW_TO_CHOOSE = (
    "choose one by its name or number with segment (--segment, or --predicted-segment for a prediction)"
)
_MOST_LISTED = 40


@dataclass(frozen=True)
class Segment:
    """One segment of a segmentation.

    Attributes
    ----------
    number : int
        Its number in the file: DICOM segment or ROI number, or label value of 3D Slicer.
    name : str
        Its name.
    """

    number: int
    name: str


def choose_segment(segments: Sequence[Segment], wanted: str | int | None, *, name: str) -> int:
    """Return the place of the segment that is meant.

    Parameters
    ----------
    segments : sequence of Segment
        What the file holds.
    wanted : str or int, optional
        Name of a segment, in any capitals, or its number. Not needed where there is only one.
    name : str
        Name of the file, for messages.

    Returns
    -------
    int
        Index into `segments`.

    Raises
    ------
    InputError
        Several segments may be meant, or none; the message lists them.
    """
    if wanted is None and len(segments) == 1:
        return 0
    if wanted is None or not segments:
        raise InputError(f"expected one segment in {name}, got {_listed(segments)}: {_HOW_TO_CHOOSE}")
    text = str(wanted).strip().casefold()
    fitting = [n for n, segment in enumerate(segments) if segment.name.strip().casefold() == text]
    if not fitting:
        fitting = [n for n, segment in enumerate(segments) if str(segment.number) == text]
    if len(fitting) != 1:
        what = "none" if not fitting else f"{len(fitting)}"
        raise InputError(
            f"expected one segment {str(wanted)!r} in {name}, got {what} among {_listed(segments)}: "
            f"{_HOW_TO_CHOOSE}"
        )
    return fitting[0]


def require_one_choice(segment: str | int | None, label: int | None) -> None:
    """Raise `InputError` if both a segment and a label are chosen."""
    if segment is not None and label is not None:
        raise InputError(
            f"expected a segment or a label, got segment {str(segment)!r} and label {label}: leave one out"
        )


def segment_finding(segments: Sequence[Segment], chosen: int) -> Finding:
    """Return the note of which segment was read; by number, since a name may be anything."""
    of = "the only one" if len(segments) == 1 else f"one of {len(segments)}"
    message = f"Segment number {segments[chosen].number} ({of}) was read from a segmentation."
    return Finding("input.segment", "info", message)


def _listed(segments: Sequence[Segment]) -> str:
    if not segments:
        return "no segment"
    texts = [f"{segment.number} {segment.name!r}" for segment in segments[:_MOST_LISTED]]
    more = f" and {len(segments) - _MOST_LISTED} more" if len(segments) > _MOST_LISTED else ""
    return f"{len(segments)} segments ({', '.join(texts)}{more})"
