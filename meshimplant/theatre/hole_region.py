"""`HoleRegion`: where on the outer surface of a part the middle of a hole may be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshimplant.implant.features import Feature
from meshimplant.implant.surfaces import INNER
from meshimplant.theatre.ground import Ground, clear_of_features_mm

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HoleRegion:
    """The region in which the middle of a hole may be.

    There the hole keeps `border_mm` to the border of the outer surface, and a wall as thick as it is wide to
    openings, to features and to the edges of the inner surface, which lies opposite. Around the places
    `taken`, nothing is free within `spacing_mm`.

    Attributes
    ----------
    ground : Ground
        The outer surface.
    width_mm, length_mm : float
        Width of a hole; its length where it is a slot, otherwise its width.
    border_mm : float
        Least distance from the edge of a hole to the border.
    features : tuple of Feature
        What the part has already.
    taken : (n, 3) array
        Middles of other holes, LPS mm.
    spacing_mm : float
        Least distance from them.
    """

    ground: Ground
    width_mm: float
    length_mm: float
    border_mm: float
    features: tuple[Feature, ...]
    taken: Floats
    spacing_mm: float

    def without(self, places: Floats) -> HoleRegion:
        """Return the region with more places (n, 3) taken."""
        return replace(self, taken=np.concatenate([self.taken, places]))

    def margin_mm(self, points_mm: Floats) -> Floats:
        """Return how far (n,) points (n, 3) on the outer surface lie within the region; negative outside."""
        ground, reach = self.ground, self.length_mm / 2
        wall = reach + self.width_mm
        least = ground.border_distance_mm(points_mm) - (self.border_mm + reach)
        least = np.minimum(least, ground.opening_distance_mm(points_mm) - wall)
        least = np.minimum(least, clear_of_features_mm(points_mm, self.features) - wall)
        if len(self.taken):
            least = np.minimum(least, cKDTree(self.taken).query(points_mm)[0] - self.spacing_mm)
        opposite = self._opposite_mm[ground.tree.query(points_mm)[1]] - wall
        return np.asarray(np.minimum(least, opposite))

    @property
    def points_mm(self) -> Floats:
        """The points (n, 3) of the surface that lie in the region."""
        return self.ground.points_mm[self.margin_mm(self.ground.points_mm) >= 0]

    @cached_property
    def _opposite_mm(self) -> Floats:
        """How far the point opposite each (n,) is from the edge of the inner surface; -inf without one."""
        points = self.ground.points_mm
        axes = -self.ground.outward_at(points)
        leave = self.ground.heights_mm(points, axes)[1]
        exits = points + np.nan_to_num(leave)[:, None] * axes
        surfaces = self.ground.surfaces
        inner = Ground.of(self.ground.mesh, side=INNER, surfaces=surfaces, spacing_mm=np.inf)
        clear = np.minimum(inner.border_distance_mm(exits), inner.opening_distance_mm(exits))
        return np.where(np.isnan(leave), -np.inf, clear)
