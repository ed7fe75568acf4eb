"""`Arc`: the rounding of an edge, as a ball leaves it that rolls along the edge from inside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshimplant.edit.border_edges import BorderEdge
from meshimplant.mesh.vectors import unit_vectors

#: Of a wall too thin for two roundings each gets this share.
_WALL_SHARE = 0.45
#: Steps in which the ball is brought to touch both sides.
_STEPS = 6
#: Places along the edge over which the ball's path is averaged, and rounds of it: 1.2 mm, so that it does not
#: follow the waves that voxels leave in a border. Places that are blended at a point.
_AVERAGED, _ROUNDS, _BLENDED = 10, 2, 4
#: Two sides that meet at less than this angle make no edge (cosine of 8 degrees).
_FLAT_COSINE = 0.99
#: The rounding begins over this share of its radius, so that it has no step where a side is uneven.
_BLEND_SHARE = 0.15
#: A rounding of an edge of 45 degrees begins 2.4 radii from it; sharper edges have thinner borders than
#: `blunt_border` leaves.
_REACH_RADII = 2.6

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Arc:
    """The path of a ball that touches both sides of an edge.

    Attributes
    ----------
    points_mm : (n, 3) array
        Places along the edge, LPS mm.
    centres_mm : (n, 3) array
        The ball's centre at each of them.
    first, second : (n, 3) arrays
        Unit normals of the two sides where it touches them, out of the part.
    radii_mm : (n,) array
        Its radius.
    reach_mm : float
        Points farther from the edge are not beyond the arc.
    """

    points_mm: Floats
    centres_mm: Floats
    first: Floats
    second: Floats
    radii_mm: Floats
    reach_mm: float

    @classmethod
    def along(cls, edge: BorderEdge, radius_mm: float) -> Arc:
        """Return the arc of an edge; where the wall is too thin for it and another one, a smaller one."""
        points = edge.points_mm
        wall_mm = np.maximum(edge.opposite.below(points)[0], 0)
        radii = np.minimum(radius_mm, _WALL_SHARE * wall_mm)
        near = cKDTree(points).query(points, k=np.arange(1, min(_AVERAGED, len(points)) + 1))[1]
        radii = radii[near].min(axis=1)
        centres = points.copy()
        first, second = edge.surface.below(points)[1], edge.wall.below(points)[1]
        short = np.stack([radii, radii])
        for _ in range(_STEPS):
            centres -= _combined(short[0], short[1], first, second)
            (below, first), (beside, second) = edge.surface.below(centres), edge.wall.below(centres)
            short = np.stack([radii - below, radii - beside])
        met = (np.abs(short).max(axis=0) < 0.2 * np.maximum(radii, 1e-9)) & (radii > 0.05)
        met &= np.einsum("ij,ij->i", first, second) < _FLAT_COSINE
        points, parts = points[met], [centres[met], first[met], second[met], radii[met, None]]
        if not met.any():
            return cls(points, parts[0], parts[1], parts[2], radii[met], 0.0)
        path = np.concatenate(parts, axis=1)
        near = cKDTree(points).query(points, k=np.arange(1, min(_AVERAGED, len(points)) + 1))[1]
        for _ in range(_ROUNDS):
            path = path[near].mean(axis=1)
        first, second = unit_vectors(path[:, 3:6]), unit_vectors(path[:, 6:9])
        return cls(points, path[:, :3], first, second, path[:, 9], _REACH_RADII * radius_mm)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points_mm)

    @property
    def cosines(self) -> Floats:
        """Cosine (n,) of the angle by which the border turns at each place."""
        return np.asarray(np.einsum("ij,ij->i", self.first, self.second))

    def near(self, points: Floats) -> NDArray[np.bool_]:
        """Select the points (n, 3) that may lie beyond the arc."""
        if not len(self.points_mm):
            return np.zeros(len(points), bool)
        return np.isfinite(self._tree.query(points, distance_upper_bound=self.reach_mm)[0])

    def moved(self, points: Floats) -> Floats:
        """Return points (n, 3), those beyond the arc moved onto it."""
        result, chosen = points.copy(), np.flatnonzero(self.near(points))
        if len(chosen):
            result[chosen] -= self._beyond(points[chosen])
        return result

    def _beyond(self, points: Floats) -> Floats:
        """Return the vectors (n, 3) from the arc to points beyond it; 0 for others."""
        count = min(_BLENDED, len(self.points_mm))
        away, near = self._tree.query(points, k=np.arange(1, count + 1))
        weight = 1 / (away + 0.2) ** 2
        weight /= weight.sum(axis=1, keepdims=True)
        first, second, centre = (
            (weight[..., None] * values[near]).sum(axis=1)
            for values in (self.first, self.second, self.centres_mm)
        )
        radius = (weight * self.radii_mm[near]).sum(axis=1)
        first, second = unit_vectors(first), unit_vectors(second)
        arm = points - centre
        heights = np.einsum("ij,ij->i", arm, first), np.einsum("ij,ij->i", arm, second)
        share, other = _shares(*heights, first, second)
        across = share[:, None] * first + other[:, None] * second
        length = np.linalg.norm(across, axis=1)
        within = np.clip(np.minimum(share, other) / (_BLEND_SHARE * radius), 0, 1)
        excess = np.where(within > 0, np.maximum(length - radius, 0) * within, 0.0)
        return np.asarray((excess / np.maximum(length, 1e-9))[:, None] * across)


def _shares(along: Floats, across: Floats, first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return the multiples (n,) of two directions whose sum reaches given lengths along each of them."""
    cosine = np.einsum("ij,ij->i", first, second)
    square = np.maximum(1 - cosine**2, 1e-2)
    return (along - across * cosine) / square, (across - along * cosine) / square


def _combined(along: Floats, across: Floats, first: Floats, second: Floats) -> Floats:
    """Return the vectors (n, 3) between two directions that reach given lengths along each of them."""
    share, other = _shares(along, across, first, second)
    return np.asarray(share[:, None] * first + other[:, None] * second)
