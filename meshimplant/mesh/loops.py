"""Loops of open edges, and triangles that close them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.mesh.topology import edge_uses

Points = NDArray[np.float64]
Faces = NDArray[np.int64]


def edge_loops(faces: Faces) -> list[list[int]]:
    """Return the simple loops of open edges of faces (m, 3), in the direction of faces that close them."""
    half = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    _, edge_of, uses, _ = edge_uses(faces)
    onward: dict[int, list[int]] = {}
    for a, b in half[uses[edge_of] == 1].tolist():
        onward.setdefault(b, []).append(a)
    loops = []
    while onward:
        path = [next(iter(onward))]
        while onward.get(path[-1]):
            step = onward[path[-1]].pop()
            if step in path:
                loops.append(path[path.index(step) :])
                path = path[: path.index(step) + 1]
            else:
                path.append(step)
        onward = {key: ends for key, ends in onward.items() if ends}
    return [loop for loop in loops if len(loop) >= 3]


def fill_loop(vertices: Points, loop: Faces) -> Faces:
    """Return triangles (n - 2, 3) that close a loop (n,): in its best plane, or a fan where that fails."""
    import manifold3d

    if len(loop) == 3:
        return loop[None]
    points = vertices[loop] - vertices[loop].mean(axis=0)
    normal = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
    axes = np.linalg.svd(np.outer(normal, normal))[0][:, 1:]
    flat = points @ axes
    turned = np.cross(axes[:, 0], axes[:, 1]) @ normal < 0
    polygon = flat[:, ::-1] if turned else flat
    triangles = np.asarray(manifold3d.triangulate([np.ascontiguousarray(polygon)]), np.int64).reshape(-1, 3)
    if len(triangles) != len(loop) - 2:
        middle = np.arange(1, len(loop) - 1)
        triangles = np.stack([np.zeros_like(middle), middle, middle + 1], axis=1)
    return loop[triangles]
