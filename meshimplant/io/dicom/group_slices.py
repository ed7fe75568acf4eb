"""Slices sorted into stacks: one patient frame, one plane, one reconstruction and phase each.

A series number in a file is not enough: exporters put several reconstructions under one, or give every slice
its own.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.io.dicom.ct_slice import SAME_PLACE_MM, Slice

#: Components of unit vectors that differ by less belong to one plane: 0.06 degrees, 0.25 mm across a head.
PLANE_TOLERANCE = 1e-3
#: Relative difference of pixel spacings within one stack: 0.25 mm across a head.
SPACING_TOLERANCE = 1e-3
#: Fewer slices than this are no stack.
MIN_SLICES = 3

Group = list[Slice]


@dataclass(frozen=True)
class SliceGroup:
    """Slices that can form one volume.

    Attributes
    ----------
    slices : tuple of Slice
        In order along their normal.
    joined : int
        Number of series that were joined into this one; 1 for an ordinary series.
    """

    slices: tuple[Slice, ...]
    joined: int = 1


def group_slices(slices: Sequence[Slice]) -> list[SliceGroup]:
    """Sort slices into groups of one frame of reference, size, plane, reconstruction and phase.

    Planes and pixel spacings are compared with a tolerance, since headers differ in their last digits. A
    reconstruction or phase is split off only where it occupies the same positions as another, so blocks of
    one head (a thin base, a thick vertex) stay together. Series of one or two slices each that agree in
    everything else are joined.
    """
    groups = []
    for series in _by(_unique(slices), lambda item: (item.series or item.study, item.shape)).values():
        for frame in _by_frame_of_reference(series):
            for plane in _by_plane(frame):
                groups += _by_phase(plane)
    joined = _join_single_slices(groups)
    return [SliceGroup(tuple(_ordered(group)), count) for group, count in joined]


def heights_mm(slices: Iterable[Slice]) -> NDArray[np.float64]:
    """Return the position of each slice along the common normal."""
    found = list(slices)
    orientation = np.mean([item.orientation for item in found], axis=0)
    normal = np.cross(orientation[:3], orientation[3:])
    normal /= max(float(np.linalg.norm(normal)), 1e-9)
    return np.array([item.position_mm for item in found]) @ normal


def _ordered(group: Group) -> Group:
    return [group[n] for n in np.argsort(heights_mm(group), kind="stable")]


def _by(slices: Iterable[Slice], key: Callable[[Slice], Hashable]) -> dict[Any, Group]:
    groups: dict[Any, Group] = defaultdict(list)
    for item in slices:
        groups[key(item)].append(item)
    return dict(groups)


def _unique(slices: Sequence[Slice]) -> Group:
    """Keep one of the files that state the same instance at the same place; the others are its copies."""
    known = _by(
        slices,
        lambda item: (
            item.series,
            item.instance or item.source.name,
            item.frame,
            item.position_mm,
            item.orientation,
            item.pixel_mm,
            item.shape,
        ),
    )
    return [replace(same[0], copies=tuple(same[1:])) if len(same) > 1 else same[0] for same in known.values()]


def _by_frame_of_reference(series: Group) -> list[Group]:
    """Separate frames of reference that hold enough slices; slices that state none belong to the largest.

    One frame for each position, as some tools write, means nothing.
    """
    frames = _by(series, lambda item: item.frame_of_reference)
    if all(len({item.position_mm for item in frame}) < MIN_SLICES for frame in frames.values()):
        return [series]
    unstated = frames.pop("", [])
    if not frames:
        return [series]
    largest = max(frames.values(), key=len)
    return [frame + unstated if frame is largest else frame for frame in frames.values()]


def _by_plane(series: Group) -> list[Group]:
    """Separate planes and pixel spacings that differ by more than the noise of headers."""
    groups = []
    for same in _clusters(series, lambda item: item.orientation, lambda _first: PLANE_TOLERANCE):
        groups += _clusters(
            same, lambda item: item.pixel_mm, lambda first: SPACING_TOLERANCE * float(np.min(first))
        )
    return groups


def _clusters(
    slices: Group, value: Callable[[Slice], tuple[float, ...]], tolerance: Callable[[ArrayLike], float]
) -> list[Group]:
    """Divide slices by a value: each group holds what lies within the tolerance of its commonest value."""
    rest, groups = list(slices), []
    while rest:
        first = Counter(value(item) for item in rest).most_common(1)[0][0]
        near = np.abs(np.array([value(item) for item in rest]) - first).max(axis=1) <= tolerance(first)
        groups.append([item for item, inside in zip(rest, near, strict=True) if inside])
        rest = [item for item, inside in zip(rest, near, strict=True) if not inside]
    return groups


# -- reconstructions and phases

#: What tells reconstructions apart, and phases, in the order in which they are tried.
_TRAITS: tuple[Callable[[Slice], Hashable], ...] = (
    lambda item: item.traits.stack,
    lambda item: item.traits.unit,
    lambda item: item.traits.kernel,
    lambda item: item.traits.image_type,
    lambda item: item.traits.description,
    lambda item: item.traits.phase,
    lambda item: item.traits.acquisition,
)


def _by_phase(plane: Group) -> list[Group]:
    """Separate reconstructions and phases at the same positions; a group that cannot be split stays one."""
    heights = heights_mm(plane)
    for trait in _TRAITS:
        parts: dict[Hashable, list[int]] = defaultdict(list)
        for n, item in enumerate(plane):
            parts[trait(item)].append(n)
        groups = _without_conflict(list(parts.values()), heights)
        if len(groups) > 1:
            return [phase for group in groups for phase in _by_phase([plane[n] for n in group])]
    return _by_time(plane, heights)


def _without_conflict(parts: list[list[int]], heights: NDArray[np.float64]) -> list[list[int]]:
    """Put each part into the first group of which it does not occupy the positions."""
    groups: list[list[int]] = []
    for part in parts:
        theirs = np.sort(heights[part])
        free = next((group for group in groups if not _in_conflict(np.sort(heights[group]), theirs)), None)
        if free is None:
            groups.append(list(part))
        else:
            free.extend(part)
    return groups


def _in_conflict(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> bool:
    """Whether two sets of slices mostly occupy the same positions, or lie between each other."""
    half = min(len(ours), len(theirs)) / 2
    if np.count_nonzero(_distance_to(ours, theirs) < SAME_PLACE_MM) > half:
        return True
    inside = [np.count_nonzero((a > b[0]) & (a < b[-1])) for a, b in ((ours, theirs), (theirs, ours))]
    return bool(min(inside) >= max(MIN_SLICES, half))


def _distance_to(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of each of `others` to the nearest of the sorted `values`."""
    after = np.clip(np.searchsorted(values, others), 0, len(values) - 1)
    before = np.maximum(after - 1, 0)
    return np.minimum(np.abs(values[after] - others), np.abs(values[before] - others))


def _by_time(plane: Group, heights: NDArray[np.float64]) -> list[Group]:
    """Separate phases that were acquired one after the other, each at half of the positions or more."""
    times = [item.traits.time_s for item in plane]
    if None in times:
        return [plane]
    phases: list[list[int]] = []
    seen: Counter[int] = Counter()
    places = _places(heights)
    for n in sorted(range(len(plane)), key=lambda n: times[n] or 0.0):
        if seen[places[n]] == len(phases):
            phases.append([])
        phases[seen[places[n]]].append(n)
        seen[places[n]] += 1
    ranges = [(min(times[n] or 0.0 for n in phase), max(times[n] or 0.0 for n in phase)) for phase in phases]
    is_whole = all(len(phase) >= max(MIN_SLICES, len(phases[0]) / 2) for phase in phases)
    follows = all(one[1] < other[0] for one, other in itertools.pairwise(ranges))
    if len(phases) == 1 or not (is_whole and follows):
        return [plane]
    return [[plane[n] for n in phase] for phase in phases]


def _places(heights: NDArray[np.float64]) -> list[int]:
    """Return a number for each position; equal ones, within the rounding of headers, have the same."""
    order = np.argsort(heights, kind="stable")
    steps = np.diff(heights[order], prepend=heights[order[0]]) >= SAME_PLACE_MM
    labels = np.empty(len(heights), int)
    labels[order] = np.cumsum(steps)
    return labels.tolist()


# -- one series for each slice


def _join_single_slices(groups: list[Group]) -> list[tuple[Group, int]]:
    """Join series of one or two slices each that agree in everything but their identifier."""
    small = [group for group in groups if len(group) < MIN_SLICES and group[0].frame_of_reference]
    joined: list[tuple[Group, int]] = []
    used: set[int] = set()
    alike: dict[Any, list[Group]] = defaultdict(list)
    for group in small:
        first = group[0]
        traits = replace(first.traits, acquisition="", time_s=None)
        alike[(first.study, first.frame_of_reference, first.shape, traits)].append(group)
    for same in alike.values():
        for plane in _by_plane([item for group in same for item in group]):
            series = {item.series for item in plane}
            if len(series) >= MIN_SLICES:
                joined += [(phase, len(series)) for phase in _by_phase(plane)]
                used |= {id(item) for item in plane}
    rest = [[item for item in group if id(item) not in used] for group in groups]
    return [(group, 1) for group in rest if group] + joined
