"""`SeriesSummary`: what one series of a DICOM study holds, as its headers tell."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from meshimplant.errors import GeometryError
from meshimplant.io.dicom.ct_slice import SAME_PLACE_MM, Slice
from meshimplant.io.dicom.group_slices import MIN_SLICES, SliceGroup, heights_mm
from meshimplant.io.dicom.slice_stack import Stack
from meshimplant.io.dicom.stack_findings import MAX_STEP_MM, stack_findings

#: Box that holds the vault and base of a small adult skull, left-right, front-back and up-down, mm. A field
#: of view below it (an inner ear, a jaw) cannot show the whole skull.
HEAD_BOX_MM = (150.0, 180.0, 150.0)

Kind = Literal["original", "derived", "reformatted", "subtracted", "projection", "parameter map", "localizer"]
#: Words of ImageType or of a description, with the kind that they stand for; the first that fits decides.
_KIND_WORDS: tuple[tuple[Kind, str], ...] = (
    ("localizer", r"LOCALIZER|SCOUT|TOPOGRAM|SURVIEW|SCANOGRAM"),
    ("subtracted", r"SUBTRACT\w*|SUBTRAKTION\w*|DSA|BONE REMOVAL|NO BONE"),
    ("projection", r"MIP|MINIP|MAX_IP|MIN_IP|PROJECTION IMAGE|VRT|VOLREN|VOLUME RENDERING|RENDERED"),
    ("parameter map", r"CBF|CBV|MTT|TTP|TMAX|PERFUSION MAP|IODINE|IODINE MAP"),
    ("reformatted", r"MPR|REFORMATTED|REFORMAT|CURVED"),
)
#: Units of an ordinary CT; US is "unspecified", and many files state none. Others are those of dual energy:
#: iodine, effective atomic number, electron density.
_HOUNSFIELD_UNITS = ("", "HU", "US")
#: Kernels that enhance edges, and noise: BONE, BONEPLUS, EDGE and LUNG (GE), H60 or Br64 and up (Siemens),
#: FC30 to 36 and 80 to 86 (Canon, Toshiba), YC and YD (Philips).
_BONE_KERNEL = r"BONE\w*|EDGE|LUNG|[BHJQTU][A-Z]?[6-9]\d[A-Z]?|FC3[0-6]|FC8[0-6]|YC|YD"
_BONE_WORDS = r"BONE\w*|KNOCHEN|OSSEUX|HUESO"


@dataclass(frozen=True)
class SeriesSummary:
    """One series of a DICOM study, from its headers.

    Attributes
    ----------
    number : int
        What `series` of `read_volume` and ``--series`` take: the series number that a viewer shows where
        it is unique in the study, otherwise a free one above all of these.
    uid : str
        SeriesInstanceUID; accepted in place of the number.
    description, kernel : str
        As the scanner wrote them, without control characters. A description may name a patient.
    kind : str
        ``original``, ``derived``, ``reformatted``, ``subtracted``, ``projection``, ``parameter map`` or
        ``localizer``.
    has_bone_kernel : bool
        Whether kernel or description state a kernel that enhances bone, and with it noise.
    study : int
        Number of the study in the folder, from 1.
    slices : int
        Number of slices at different positions.
    step_mm : float or None
        Median distance between slices; None for a single one.
    thickness_mm : float or None
        Largest nominal thickness; None where unknown.
    tilt_deg : float or None
        Gantry tilt; None for a single slice.
    extent_mm : tuple of float
        Length along a row, down a column, and across all slices.
    head_fraction : float
        Fraction of the box of a head, `HEAD_BOX_MM`, that fits into the extent: 1 can hold a whole head.
    problem : str or None
        Why it cannot be read; None: it can, as far as headers show.
    chosen : bool
        Whether it is read when no series is named.
    """

    number: int
    uid: str
    description: str
    kernel: str
    kind: Kind
    has_bone_kernel: bool
    study: int
    slices: int
    step_mm: float | None
    thickness_mm: float | None
    tilt_deg: float | None
    extent_mm: tuple[float, float, float]
    head_fraction: float
    problem: str | None
    chosen: bool = False


def summarize_series(group: SliceGroup, number: int, study: int) -> SeriesSummary:
    """Return the summary of a group of slices under a number, and under the number of its study."""
    first = group.slices[0]
    stack = stack_of(_distinct(group.slices))
    steps = np.diff(heights_mm(group.slices))
    steps = steps[steps >= SAME_PLACE_MM]
    step = float(np.median(steps)) if len(steps) else None
    thickness = float(stack.thickness_mm.max()) or None
    covered = float(np.minimum(steps, MAX_STEP_MM).sum()) + min(step or thickness or 0.0, MAX_STEP_MM)
    extent = (stack.shape[1] * float(stack.pixel_mm[1]), stack.shape[0] * float(stack.pixel_mm[0]), covered)
    return SeriesSummary(
        number=number,
        uid=first.series,
        description=first.traits.description,
        kernel=first.traits.kernel,
        kind=_kind(first),
        has_bone_kernel=_has_bone_kernel(first),
        study=study,
        slices=len(stack.positions_mm),
        step_mm=step,
        thickness_mm=thickness,
        tilt_deg=_tilt(stack),
        extent_mm=extent,
        head_fraction=_head_fraction(stack, extent),
        problem=_problem(stack),
    )


def stack_of(slices: Sequence[Slice]) -> Stack:
    """Return the place of slices that are in order along their normal, one at each position."""
    return Stack(
        shape=slices[0].shape,
        pixel_mm=np.mean([item.pixel_mm for item in slices], axis=0),
        orientation=np.mean([item.orientation for item in slices], axis=0),
        positions_mm=np.array([item.position_mm for item in slices]),
        thickness_mm=np.array([item.thickness_mm for item in slices]),
    )


def _distinct(slices: Sequence[Slice]) -> list[Slice]:
    """Return the first slice at each position."""
    keep = np.diff(heights_mm(slices), prepend=-np.inf) >= SAME_PLACE_MM
    return [item for item, kept in zip(slices, keep, strict=True) if kept]


def _problem(stack: Stack) -> str | None:
    try:
        stack_findings(stack)
    except GeometryError as error:
        return str(error)
    return None


def _tilt(stack: Stack) -> float | None:
    if len(stack.positions_mm) < MIN_SLICES:
        return None
    try:
        return 0.0 if stack.is_straight else round(stack.tilt_deg, 2)
    except GeometryError:
        return None


def _head_fraction(stack: Stack, extent: tuple[float, float, float]) -> float:
    """Return how much of the box of a head fits into the box of the slices, turned to the nearest axes."""
    try:
        axes = np.abs(stack.axes)
    except GeometryError:
        return 0.0
    turns = [list(turn) for turn in itertools.permutations(range(3))]
    nearest = max(turns, key=lambda turn: float(axes[turn, range(3)].prod()))
    return float(np.prod(np.minimum(np.array(extent) / np.array(HEAD_BOX_MM)[nearest], 1)))


def _kind(item: Slice) -> Kind:
    """Return what kind of image a slice is, from ImageType and the description of its series."""
    traits = item.traits
    for kind, pattern in _KIND_WORDS:
        if any(_names(pattern, text) for text in (*traits.image_type, traits.description)):
            return kind
    if traits.unit not in _HOUNSFIELD_UNITS:
        return "parameter map"
    if "DERIVED" in traits.image_type[:1] or "SECONDARY" in traits.image_type[1:2]:
        return "derived"
    return "original"


def _has_bone_kernel(item: Slice) -> bool:
    return _names(_BONE_KERNEL, item.traits.kernel) or _names(_BONE_WORDS, item.traits.description)


def _names(pattern: str, text: str) -> bool:
    """Whether a text holds one of some words in capitals."""
    return re.search(rf"(?<![A-Z0-9])(?:{pattern})(?![A-Z0-9])", text.upper()) is not None
