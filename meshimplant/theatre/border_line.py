"""`BorderLine`: the border of a part as a closed line of places, from which fixation is laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from meshimplant.head.fill import fill_from_nearest
from meshimplant.implant.features import Feature, near_features
from meshimplant.implant.find_free_border import FreeBorder
from meshimplant.implant.map_regions import edge_distance
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.implant.surfaces import OUTER, Surfaces
from meshimplant.mesh.vectors import unit_vectors

#: Distance between two places, mm.
STEP_MM = 1.0
#: The outline is smoothed over this width before it becomes a line, and its direction over the second, mm.
_OUTLINE_MM, _DIRECTION_MM = 1.0, 2.0
#: A feature belongs to the outer surface with this much around it, mm.
_BESIDE_MM = 1.0


@dataclass(frozen=True, eq=False)
class BorderLine:
    """A closed line along a part's border, counter-clockwise as seen from outside.

    Attributes
    ----------
    points_mm : (n, 3) array
        Places on the outer surface about `STEP_MM` apart, LPS mm; the last is followed by the first.
    outward : (n, 3) array
        The part's local outward direction there, LPS.
    across : (n, 3) array
        Unit directions along the surface, from the part to the bone, LPS.
    free : (n,) array of bool
        Which places have no bone opposite.
    """

    points_mm: NDArray[np.float64]
    outward: NDArray[np.float64]
    across: NDArray[np.float64]
    free: NDArray[np.bool_]

    @cached_property
    def step_mm(self) -> float:
        """Mean distance between two places."""
        return float(np.linalg.norm(np.roll(self.points_mm, -1, axis=0) - self.points_mm, axis=1).mean())

    @property
    def length_mm(self) -> float:
        """Length of the line."""
        return self.step_mm * len(self.points_mm)

    @cached_property
    def long_axis(self) -> NDArray[np.float64]:
        """Unit direction (3,) in which the line is longest."""
        arms = self.points_mm - self.points_mm.mean(axis=0)
        axis = np.linalg.svd(arms, full_matrices=False)[2][0]
        return np.asarray(axis * np.sign(axis[int(np.argmax(np.abs(axis)))]))

    @property
    def mirrored(self) -> NDArray[np.float64]:
        """The places (n, 3) mirrored across the plane through the long axis and the outward direction."""
        arms = self.points_mm - self.points_mm.mean(axis=0)
        sideways = unit_vectors(np.cross(self.long_axis, self.outward.mean(axis=0)))
        return self.points_mm - 2 * (arms @ sideways)[:, None] * sideways


def border_line(
    outline: OutlineMap, surfaces: Surfaces, border: FreeBorder, features: Sequence[Feature] = ()
) -> BorderLine:
    """Return the line along the edge of the outer surface of the largest piece of a part on its map.

    `features` that were made in the part belong to its outer surface; bone lies opposite them.
    """
    from skimage.measure import find_contours

    pixel_mm = outline.view.spacing_mm
    outer = surfaces.face_labels[outline.part.outer_face] == OUTER
    if features:
        seen = outline.view.points_at(np.nan_to_num(outline.part.outer_mm))
        outer |= near_features(seen.reshape(-1, 3), features, margin_mm=_BESIDE_MM).reshape(outer.shape)
    body = ndimage.binary_fill_holes(_largest(outline.part.hit & outer))
    depth = ndimage.gaussian_filter(edge_distance(body, pixel_mm), _OUTLINE_MM / pixel_mm, mode="nearest")
    nodes = max(find_contours(depth, 0.0), key=len)[:-1]
    view = outline.view
    unit = view.directions_at(*(view.start_mm[:, None] + view.spacing_mm * nodes.T))
    sheet = outline.part.hit & outer & ndimage.binary_erosion(body)
    radius = fill_from_nearest(outline.part.outer_mm, sheet if sheet.any() else outline.part.hit)
    radius = ndimage.gaussian_filter(radius, 1.0, mode="nearest")
    points = _evenly(view.centre_mm + unit * view.read(radius, nodes.T)[:, None])
    outward = outline.outward.at(points)
    along = _along(points)
    across = unit_vectors(np.cross(along, outward))
    if np.einsum("ij,ij->i", across, points - points.mean(axis=0)).sum() < 0:
        points, outward, across = points[::-1].copy(), outward[::-1].copy(), -across[::-1]
    free = np.asarray(border.free[cKDTree(border.points_mm).query(points)[1]], bool)
    free &= ~near_features(points, features, margin_mm=_BESIDE_MM)
    return BorderLine(points, outward, across, free)


def _largest(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest piece of a region."""
    labels = ndimage.label(body)[0]
    return np.asarray(labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:])))


def _evenly(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return places `STEP_MM` apart, or a little less, along a closed line (n, 3)."""
    closed = np.concatenate([points, points[:1]])
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    places = np.linspace(0, arc[-1], int(np.ceil(arc[-1] / STEP_MM)), endpoint=False)
    return np.stack([np.interp(places, arc, axis) for axis in closed.T], axis=1)


def _along(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the direction (n, 3) of a closed line, averaged over some millimetres."""
    smooth = ndimage.gaussian_filter1d(points, _DIRECTION_MM / STEP_MM, axis=0, mode="wrap")
    return unit_vectors(np.roll(smooth, -1, axis=0) - np.roll(smooth, 1, axis=0))
