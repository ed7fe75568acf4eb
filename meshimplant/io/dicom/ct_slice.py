"""`Slice`: place and properties of one CT slice, from a file of its own or from a frame of a larger one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from meshimplant.io.dicom.study_files import StudyFile

#: Two slices nearer than this along their normal are at one position, mm; steps of CT are 0.1 mm and more.
SAME_PLACE_MM = 0.01
#: Longest text of a header that is kept, characters.
_MAX_TEXT = 64


@dataclass(frozen=True)
class Traits:
    """What tells reconstructions, phases and blocks of one series apart.

    Attributes
    ----------
    kernel, description : str
        Convolution kernel and description of the series, as text that is safe to print. A description may
        name a patient: it is shown on a terminal only.
    image_type : tuple of str
        Values of ImageType, or of FrameType, in capitals.
    acquisition : str
        Acquisition number.
    stack, phase : str
        Stack and temporal position of a frame.
    unit : str
        Unit of the values, in capitals; empty where it is not stated.
    time_s : float or None
        Time of acquisition or, without one, of the content, as HHMMSS.
    """

    kernel: str = ""
    description: str = ""
    image_type: tuple[str, ...] = ()
    acquisition: str = ""
    stack: str = ""
    phase: str = ""
    unit: str = ""
    time_s: float | None = None


@dataclass(frozen=True, eq=False)
class Slice:
    """Place of one slice, and where its pixels are.

    Attributes
    ----------
    source : StudyFile
        The file.
    frame : int or None
        Index of the frame in a file of several.
    instance, series, study, frame_of_reference : str
        Unique identifiers; compared, never shown.
    series_number : int or None
        The number that a viewer shows.
    shape : tuple of int
        Rows and columns.
    pixel_mm : tuple of float
        Distance between rows and between columns.
    thickness_mm : float
        Nominal thickness, 0 where unknown.
    position_mm : tuple of float
        Centre of the first pixel, LPS.
    orientation : tuple of float
        Unit vectors along a row and down a column, LPS.
    traits : Traits
        What tells reconstructions apart.
    rescale : tuple of float or None
        Slope and intercept of a frame; None: those of the file.
    patient : str
        Number of the patient; compared, never shown.
    has_scale : bool
        Whether slope and intercept are stated.
    copies : tuple of Slice
        Further files of the same instance at the same place.
    """

    source: StudyFile
    frame: int | None
    instance: str
    series: str
    study: str
    frame_of_reference: str
    series_number: int | None
    shape: tuple[int, int]
    pixel_mm: tuple[float, float]
    thickness_mm: float
    position_mm: tuple[float, float, float]
    orientation: tuple[float, ...]
    traits: Traits = field(default_factory=Traits)
    rescale: tuple[float, float] | None = None
    patient: str = ""
    has_scale: bool = True
    copies: tuple[Slice, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A file of a study that is not a slice.

    Attributes
    ----------
    kind : str
        What it is, in words: ``"localizer"``, ``"dose report"``, ``"damaged file"``.
    series : str
        Unique identifier of its series, empty where unknown.
    source : StudyFile
        The file.
    """

    kind: str
    series: str
    source: StudyFile


def numbers(values: Sequence[Any] | None, count: int) -> Any:
    """Return values of a header as a tuple of finite numbers; raises ValueError or TypeError."""
    if values is None:
        raise TypeError("expected values")
    found = tuple(float(value) for value in values)
    if len(found) != count or not np.isfinite(found).all():
        raise ValueError(f"expected {count} finite numbers")
    return found


def lengths(values: Sequence[Any] | None) -> tuple[float, float]:
    """Return two numbers above 0; raises ValueError or TypeError."""
    found = numbers(values, 2)
    if min(found) <= 0:
        raise ValueError("expected lengths above 0")
    return found


def number_or(value: Any, default: float | None) -> Any:
    """Return one number of a header, or the default where it is missing or not a finite number."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return default
    return found if np.isfinite(found) else default


def plain_text(value: Any) -> str:
    """Return a text of a header in one line, without control characters, shortened.

    Control characters could rewrite the lines of a terminal, and marks of writing direction reorder them.
    """
    parts = (value,) if isinstance(value, str) or not isinstance(value, Sequence) else value
    text = " ".join("" if part is None else str(part) for part in parts)
    kept = "".join(letter if letter.isprintable() else " " for letter in text[: 16 * _MAX_TEXT])
    return " ".join(kept.split())[:_MAX_TEXT]


def code_values(value: Any) -> tuple[str, ...]:
    """Return the values of ImageType or FrameType in capitals."""
    values = () if value is None else (value,) if isinstance(value, str) else tuple(value)
    return tuple(plain_text(part).upper() for part in values)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence pydicom's warnings: they may quote values, and every fault that matters is raised here."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
