"""Polygons of a mesh file as triangles: concave and non-planar ones, too, without crossing triangles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: A triangle may be turned over by this fraction of its polygon's area: the rounding of a straight side.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class SplitPolygons:
    """Polygons that were split into triangles.

    Attributes
    ----------
    faces : (m, 3) array of int
        Triangles, wound like their polygons.
    crossing : int
        Number of polygons whose sides cross each other; no triangles fill them properly.
    """

    faces: NDArray[np.int64]
    crossing: int


def split_polygons(
    vertices: NDArray[np.float64], sizes: NDArray[np.int64], corners: NDArray[np.int64]
) -> SplitPolygons:
    """Split polygons into triangles that fill them once.

    A polygon is split into a fan from its first corner where no triangle of the fan is turned over, a
    quadrilateral otherwise along its other diagonal, and everything else by cutting ears in the plane of the
    polygon's mean normal (manifold3d). Polygons of one or two corners have no area and are dropped.

    Parameters
    ----------
    vertices : (n, 3) array
        Positions.
    sizes : (p,) array of int
        Number of corners of each polygon.
    corners : (sum of sizes,) array of int
        Indices of their vertices, one polygon after the other.

    Returns
    -------
    SplitPolygons
        The triangles in the order of the polygons.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    triangles: list[NDArray[np.int64]] = []
    owners: list[NDArray[np.int64]] = []
    crossing = 0
    for size in np.unique(sizes[sizes >= 3]):
        rows = np.flatnonzero(sizes == size)
        polygons = corners[starts[rows, None] + np.arange(size)]
        split, crossed = _split_equal(vertices, polygons)
        triangles.append(split.reshape(-1, 3))
        owners.append(np.repeat(rows, size - 2))
        crossing += crossed
    if not triangles:
        return SplitPolygons(np.zeros((0, 3), np.int64), 0)
    order = np.argsort(np.concatenate(owners), kind="stable")
    return SplitPolygons(np.concatenate(triangles)[order], crossing)


def ragged(polygons: Iterable[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sizes of polygons, and all their corners one after the other, as `split_polygons` needs."""
    listed = list(polygons)
    sizes = np.fromiter((len(polygon) for polygon in listed), np.int64, len(listed))
    corners = np.fromiter((corner for polygon in listed for corner in polygon), np.int64, int(sizes.sum()))
    return sizes, corners


def _split_equal(vertices: NDArray[np.float64], polygons: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Split polygons (p, n) of one size; return the triangles (p, n - 2, 3) and how many cross themselves."""
    count = polygons.shape[1]
    triangles = polygons[:, _fan(count)]
    if count == 3:
        return triangles, 0
    points = vertices[polygons]
    folded = np.flatnonzero(~_fills(points, _fan(count)))
    if count == 4:
        other = (_fan(4) + 1) % 4
        turned = _fills(points[folded], other)
        triangles[folded[turned]] = polygons[folded[turned]][:, other]
        folded = folded[~turned]
    crossing = 0
    for row in folded:
        ears = _cut_ears(points[row])
        if ears is None:
            crossing += 1
        else:
            triangles[row] = polygons[row][ears]
    return triangles, crossing


def _fan(count: int) -> NDArray[np.int64]:
    """Return the triangles (count - 2, 3) of a fan from corner 0."""
    second = np.arange(1, count - 1)
    return np.column_stack([np.zeros_like(second), second, second + 1])


def _normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean normals (p, 3) of polygons (p, n, 3); their length is twice the area."""
    from_first = points - points[:, :1]
    return np.cross(from_first, np.roll(from_first, -1, axis=1)).sum(axis=1)


def _fills(points: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for which polygons (p, n, 3) no triangle is turned over, and not all cancel each other."""
    normals = _normals(points)
    a, b, c = (points[:, triangles[:, corner]] for corner in range(3))
    turns = np.cross(b - a, c - a)
    facing = np.einsum("ptk,pk->pt", turns, normals)
    length = np.linalg.norm(normals, axis=1)
    remains = length >= _ROUNDING * np.linalg.norm(turns, axis=2).sum(axis=1)
    return np.asarray(remains & (facing >= -_ROUNDING * length[:, None] ** 2).all(axis=1))


def _cut_ears(points: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Return the triangles (n - 2, 3) of one polygon (n, 3), or None where its sides cross each other."""
    from manifold3d import triangulate

    normal = _normals(points[None])[0]
    length = float(np.linalg.norm(normal))
    if length == 0 or not np.isfinite(length):
        return None
    across = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    across /= np.linalg.norm(across)
    flat = (points - points.mean(axis=0)) @ np.column_stack([across, np.cross(normal / length, across)])
    triangles = np.asarray(triangulate([flat]), np.int64)
    if len(triangles) != len(points) - 2 or not _fills(points[None], triangles)[0]:
        return None
    return triangles
