"""`RegionalValue`: a prescribed number that differs from place to place, such as a thickness by region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
#: Share from which a place is fully in a region, and below which it is fully outside.
FULL_SHARE, NO_SHARE = 0.99, 0.01


@dataclass(frozen=True, eq=False)
class Region:
    """A region of the head: all directions from its centre that are close to some.

    A place is measured across its direction from the centre, so that a region reaches through a wall.

    Attributes
    ----------
    label : str
        What it is called in messages.
    centre_mm : (3,) array
        A point inside the head, LPS mm.
    directions : (k, 3) array
        Unit vectors, LPS.
    angle_deg, radius_mm : float
        How far from the nearest of the directions the region reaches: an angle, and a length beyond it.
    blend_mm : float
        The width of the zone around it in which its share falls from 1 to 0.
    """

    label: str
    centre_mm: Floats
    directions: Floats
    angle_deg: float
    radius_mm: float
    blend_mm: float

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.directions)

    def share(self, points_mm: ArrayLike) -> Floats:
        """Return how much each LPS point (..., 3) belongs to the region: 1 inside, 0 beyond its zone."""
        arms = np.asarray(points_mm, float) - self.centre_mm
        radii = np.linalg.norm(arms, axis=-1)
        chord = self._tree.query(arms / np.maximum(radii, 1e-9)[..., None])[0]
        angle = 2 * np.arcsin(np.clip(chord / 2, 0, 1)) - np.radians(self.angle_deg)
        return smooth_step(1 - (radii * angle - self.radius_mm) / self.blend_mm)


@dataclass(frozen=True, eq=False)
class RegionalValue:
    """A number that differs from region to region, with smooth transitions.

    Attributes
    ----------
    base : float
        The value outside all regions.
    regions : tuple of Region
        Where two overlap, the later one holds.
    values : (k,) array
        The value in each region.
    """

    base: float
    regions: tuple[Region, ...]
    values: Floats

    @property
    def least(self) -> float:
        """The smallest value anywhere."""
        return min(self.base, float(self.values.min()))

    @property
    def most(self) -> float:
        """The largest value anywhere."""
        return max(self.base, float(self.values.max()))

    def at(self, points_mm: ArrayLike, base: ArrayLike | None = None) -> Floats:
        """Return the value at LPS points (..., 3); `base` (...) replaces the value outside the regions."""
        points = np.asarray(points_mm, float)
        found = np.broadcast_to(self.base if base is None else base, points.shape[:-1]).astype(float)
        for region, value in zip(self.regions, self.values, strict=True):
            found += region.share(points) * (value - found)
        return found

    def plus(self, added: float) -> RegionalValue:
        """Return the value with a number added everywhere."""
        return RegionalValue(self.base + added, self.regions, self.values + added)


#: What a step takes: one number, or one that differs from region to region.
Regional = float | RegionalValue


def values_at(value: Regional, points_mm: ArrayLike) -> Floats:
    """Return a value (...) at LPS points (..., 3)."""
    if isinstance(value, RegionalValue):
        return value.at(points_mm)
    return np.full(np.shape(points_mm)[:-1], float(value))


def least_of(value: Regional) -> float:
    """Return the smallest value anywhere."""
    return value.least if isinstance(value, RegionalValue) else float(value)


def most_of(value: Regional) -> float:
    """Return the largest value anywhere."""
    return value.most if isinstance(value, RegionalValue) else float(value)


def base_of(value: Regional) -> float:
    """Return the value outside all regions."""
    return value.base if isinstance(value, RegionalValue) else float(value)


def plus(value: Regional, added: float) -> Regional:
    """Return a value with a number added everywhere."""
    return value.plus(added) if isinstance(value, RegionalValue) else value + added


def full_places(region: Region, later: Sequence[Region], points_mm: ArrayLike) -> NDArray[np.bool_]:
    """Return which points (n, 3) are fully in a region, and in none that holds before it."""
    held = region.share(points_mm) >= FULL_SHARE
    for each in later:
        held &= each.share(points_mm) <= NO_SHARE
    return np.asarray(held)


def smooth_step(share: Floats) -> Floats:
    """Return the cubic smooth step: 0 below 0, 1 above 1, flat at both ends, steepest slope 1.5."""
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)
