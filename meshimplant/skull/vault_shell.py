"""`VaultShell`: where the vault lies, or would lie, in each direction from inside the head."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.columns import PORE_MM
from meshimplant.head.sphere import direction_sphere, fill_from_neighbours, grow
from meshimplant.skull.bone_runs import BoneRuns

#: Neighbours whose median stands for the vault in a direction: those within about 8 mm.
_NEIGHBOURS = 61
#: So many directions, the first, are spread over all sides 8 mm apart.
_COARSE = 2562
#: Bone farther than this from where the vault is expected belongs to something else, mm.
_ODD_MM = 15.0
#: Rings of 2 mm by which the vault is continued into an opening.
_FILL_RINGS = 60
#: A direction is open if less bone than this lies within so much of the vault, mm.
_LEAST_MM, _NEAR_MM = 1.0, 2.0
#: Bone in an opening up to 4 times this many mm wide is bridged: what passes through it, and ragged walls.
_BRIDGED_RINGS = 2
#: What crosses a hole and is narrower than 4 times this many mm tells nothing of the vault.
_HOLE_RINGS = 3


@dataclass(frozen=True, eq=False)
class VaultShell:
    """The vault along the directions of `direction_sphere`, smoothed, and continued across openings.

    Attributes
    ----------
    inner_mm, outer_mm : (n,) arrays
        Radii of its two surfaces.
    is_open : (n,) array of bool
        Directions in which no bone lies there.
    """

    inner_mm: NDArray[np.float64]
    outer_mm: NDArray[np.float64]
    is_open: NDArray[np.bool_]

    @classmethod
    def of(cls, runs: BoneRuns) -> VaultShell:
        """Return the vault that the runs along `direction_sphere` show."""
        count = len(direction_sphere()[0])
        ray, begin, end = _columns(runs)
        inner, outer = (np.full(count, np.nan) for _ in range(2))
        expected = _expected(ray, begin, count)[ray]
        off = np.abs(begin - expected)
        at = np.lexsort((-off, ray))  # the nearest of a ray comes last, and is the one that stays
        at = at[off[at] < _ODD_MM]
        inner[ray[at]], outer[ray[at]] = begin[at], end[at]
        holes = _closed(np.isnan(inner), _HOLE_RINGS)
        inner, outer = (_smoothed(np.where(holes, np.nan, radius)) for radius in (inner, outer))
        low, high = inner[ray] - _NEAR_MM, outer[ray] + _NEAR_MM
        within = np.clip(np.minimum(end, high) - np.maximum(begin, low), 0, None)
        bone = np.bincount(ray, np.nan_to_num(within), minlength=count)
        return cls(inner, outer, bone < _LEAST_MM)

    @property
    def opening(self) -> NDArray[np.bool_]:
        """The open directions, with those in which something narrow passes through the opening."""
        return _closed(self.is_open, _BRIDGED_RINGS)


def _closed(mask: NDArray[np.bool_], rings: int) -> NDArray[np.bool_]:
    """Return a mask over `direction_sphere` with what is narrower than twice these rings filled."""
    return np.asarray(~grow(~grow(mask, rings), rings) | mask)


def _columns(runs: BoneRuns) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return ray, begin and end of the columns of bone; pores between runs are bridged."""
    gap = runs.begin_mm[1:] - runs.end_mm[:-1]
    starts = np.append(True, (runs.ray[1:] != runs.ray[:-1]) | (gap > PORE_MM))[: len(runs.ray)]
    stops = np.append(starts[1:], True)[: len(runs.ray)]
    return runs.ray[starts], runs.begin_mm[starts], runs.end_mm[stops]


def _expected(ray: NDArray[np.int64], begin_mm: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the inner radius (n,) of the vault as the median of the columns within about 35 mm."""
    from scipy.spatial import cKDTree

    first = np.full(count, np.nan)
    first[ray[::-1]] = begin_mm[::-1]
    coarse = first[:_COARSE]
    known = np.flatnonzero(np.isfinite(coarse))
    directions = direction_sphere()[0]
    near = cKDTree(directions[known]).query(directions[:_COARSE], k=_NEIGHBOURS)[1]
    medians = np.median(coarse[known][near], axis=1)
    return np.asarray(medians[cKDTree(directions[:_COARSE]).query(directions)[1]], np.float64)


def _smoothed(radius_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median around each direction that has bone in most directions around it; others filled."""
    near = radius_mm[_neighbours()]
    known = np.isfinite(near).mean(axis=1) > 0.5
    smooth = np.full(len(radius_mm), np.nan)
    smooth[known] = np.nanmedian(near[known], axis=1)
    return fill_from_neighbours(smooth, ~known, rings=_FILL_RINGS)


@lru_cache(maxsize=1)
def _neighbours() -> NDArray[np.int64]:
    """Return the nearest directions (n, `_NEIGHBOURS`) of each direction."""
    from scipy.spatial import cKDTree

    directions = direction_sphere()[0]
    return np.asarray(cKDTree(directions).query(directions, k=_NEIGHBOURS)[1], np.int64)
