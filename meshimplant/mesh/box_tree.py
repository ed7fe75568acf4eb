"""`overlapping_boxes`: pairs of triangles whose bounding boxes touch, by a tree of boxes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Pairs handled at once; bounds the memory of a step to about 200 MB.
_CHUNK = 400_000
#: Lower and upper bounds of boxes along each axis, (n,) each.
Boxes = list[tuple[Floats, Floats]]


def overlapping_boxes(triangles: Floats, touching: Bools | None) -> Iterator[Ints]:
    """Yield chunks of pairs of faces (n, 2) whose bounding boxes touch, each pair once.

    Parameters
    ----------
    triangles : (m, 3, 3) array
    touching : (m,) array of bool or None
        Only pairs with at least one of these faces are returned; None: all pairs.
    """
    if len(triangles) < 2:
        return
    order = _morton_order(triangles.mean(axis=1))
    levels = _box_levels(triangles[order])
    selected = None if touching is None else _any_levels(touching[order], len(levels))
    work = [(0, np.zeros(1, np.int64), np.zeros(1, np.int64))]
    while work:
        depth, a, b = work.pop()
        if len(a) > _CHUNK:
            parts = len(a) // _CHUNK + 1
            work += [
                (depth, *part)
                for part in zip(np.array_split(a, parts), np.array_split(b, parts), strict=True)
            ]
            continue
        if selected is not None:
            chosen = selected[depth][a] | selected[depth][b]
            a, b = a[chosen], b[chosen]
        for lower, upper in levels[depth]:
            near = lower[a] <= upper[b]
            near &= lower[b] <= upper[a]
            a, b = a[near], b[near]
        if depth < len(levels) - 1:
            work.append((depth + 1, *_children(a, b)))
        else:
            differ = a != b
            yield order[np.stack([a[differ], b[differ]], axis=1)]


def _morton_order(points: Floats) -> Ints:
    """Return the order of points (n, 3) along a space-filling curve."""
    span = np.ptp(points, axis=0).max() or 1.0
    cell = ((points - points.min(axis=0)) / span * 1023).astype(np.int64)
    code = np.zeros(len(points), np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= ((cell[:, axis] >> bit) & 1) << (3 * bit + axis)
    return np.argsort(code, kind="stable")


def _box_levels(triangles: Floats) -> list[Boxes]:
    """Return the bounds of a complete binary tree of boxes, root first; missing leaves are empty boxes."""
    leaves = 1 << (len(triangles) - 1).bit_length()
    boxes: Boxes = []
    for axis in range(3):
        lower, upper = np.full(leaves, np.inf), np.full(leaves, -np.inf)
        lower[: len(triangles)] = triangles[:, :, axis].min(axis=1)
        upper[: len(triangles)] = triangles[:, :, axis].max(axis=1)
        boxes.append((lower, upper))
    levels = [boxes]
    while leaves > 1:
        leaves //= 2
        boxes = [(np.minimum(lo[::2], lo[1::2]), np.maximum(up[::2], up[1::2])) for lo, up in boxes]
        levels.append(boxes)
    return levels[::-1]


def _any_levels(chosen: Bools, count: int) -> list[Bools]:
    """Return for each level of the tree, root first, which boxes contain a chosen face."""
    level = np.zeros(1 << (count - 1), bool)
    level[: len(chosen)] = chosen
    levels = [level]
    for _ in range(count - 1):
        level = level[::2] | level[1::2]
        levels.append(level)
    return levels[::-1]


def _children(a: Ints, b: Ints) -> tuple[Ints, Ints]:
    """Return the pairs of child boxes of pairs of boxes (a <= b), each once."""
    differ = a != b
    left = [2 * a, 2 * a + 1, 2 * a, (2 * a + 1)[differ]]
    right = [2 * b, 2 * b + 1, 2 * b + 1, (2 * b)[differ]]
    return np.concatenate(left), np.concatenate(right)
