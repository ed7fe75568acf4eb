"""`remove_slivers`: remove the slivers along a cut and leave the rest of the mesh unchanged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.limits import FLAT_HEIGHT_MM, SHORT_EDGE_MM
from meshimplant.mesh.vertex_faces import VertexFaces

#: The normal of a triangle may turn by up to 37 degrees (cosine) when one of its vertices moves.
_TURN_COSINE = 0.8
_ROUNDS = 8

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
#: Vertices as Python floats.
Points = list[list[float]]


def remove_slivers(mesh: trimesh.Trimesh, *, fixed: Bools) -> trimesh.Trimesh:
    """Collapse very short edges and flip edges of very flat triangles along a cut.

    Parameters
    ----------
    mesh : Trimesh
        Closed and manifold.
    fixed : (n,) array of bool
        Vertices that stay. Edges between two of them and triangles of three are left unchanged.

    Returns
    -------
    Trimesh
        Still manifold (link condition); the surface moves by less than `SHORT_EDGE_MM`, and only next to the
        cut. Every vertex is a vertex of the input.
    """
    vertices, faces = np.asarray(mesh.vertices, float), np.array(mesh.faces, np.int64)
    beside = np.zeros(len(vertices), bool)
    beside[faces[~fixed[faces].all(axis=1)]] = True
    near = beside[faces].any(axis=1)
    moving, rest = faces[near], faces[~near]
    points: Points = vertices.tolist()
    for _ in range(_ROUNDS):
        moving, collapsed = _collapse_round(vertices, points, moving, fixed)
        moving, flipped = _flip_round(vertices, points, moving, fixed)
        if not collapsed and not flipped:
            break
    used, renumbered = np.unique(np.concatenate([rest, moving]), return_inverse=True)
    return new_mesh(vertices[used], renumbered.reshape(-1, 3))


def _collapse_round(vertices: Floats, points: Points, faces: Ints, fixed: Bools) -> tuple[Ints, int]:
    """Collapse short edges, shortest first, none next to another; return the faces and the count."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    edges = edges[(edges[:, 0] < edges[:, 1]) & ~fixed[edges].all(axis=1)]
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    short = length < SHORT_EDGE_MM
    edges = edges[short][np.argsort(length[short], kind="stable")]
    if not len(edges):
        return faces, 0
    vertex_faces = VertexFaces(faces, len(vertices))
    blocked, dead, count = np.zeros(len(vertices), bool), np.zeros(len(faces), bool), 0
    for a, b in edges.tolist():
        if blocked[a] or blocked[b]:
            continue
        for gone, kept in ((a, b), (b, a)):
            if not fixed[gone] and _can_collapse(points, faces, vertex_faces, gone, kept):
                around = vertex_faces.of(gone)
                blocked[faces[around]] = True
                blocked[faces[vertex_faces.of(kept)]] = True
                faces[around] = np.where(faces[around] == gone, kept, faces[around])
                dead[around] = (faces[around] == kept).sum(axis=1) > 1
                count += 1
                break
    return faces[~dead], count


def _can_collapse(points: Points, faces: Ints, vertex_faces: VertexFaces, gone: int, kept: int) -> bool:
    """Return whether merging one end of an edge into the other keeps the mesh manifold and without folds."""
    fan = faces[vertex_faces.of(gone)].tolist()
    around = {corner for face in fan for corner in face}
    if sum(corner in around for corner in set(faces[vertex_faces.of(kept)].ravel().tolist())) != 4:
        return False  # more than the two ends and the two triangles' third corners
    flat, before_all, after_flat = False, [], []
    for face in fan:
        if kept in face:
            continue
        old = [points[corner] for corner in face]
        before = _cross(*old)
        after = _cross(*(points[kept] if corner == gone else points[corner] for corner in face))
        size_before, size_after = _length(before), _length(after)
        if size_after == 0:
            return False
        before_all.append(before)
        if size_before < FLAT_HEIGHT_MM * _longest_side(*old):
            flat = True
            after_flat.append(after)
        elif _dot(before, after) < _TURN_COSINE * size_before * size_after:
            return False
    return not flat or bool((np.array(after_flat) @ np.array(before_all).sum(axis=0) > 0).all())


def _flip_round(vertices: Floats, points: Points, faces: Ints, fixed: Bools) -> tuple[Ints, int]:
    """Flip the longest edge of very flat triangles; return the faces and the number of flips."""
    moving = np.flatnonzero(~fixed[faces].all(axis=1))
    height = np.linalg.norm(_crosses(vertices, faces[moving]), axis=1) / _longest(vertices, faces[moving])
    flat = moving[height < FLAT_HEIGHT_MM]
    if not len(flat):
        return faces, 0
    flat = flat[np.argsort(height[height < FLAT_HEIGHT_MM], kind="stable")]
    vertex_faces = VertexFaces(faces, len(vertices))
    blocked, count = np.zeros(len(vertices), bool), 0
    for face in flat.tolist():
        corners = faces[face].tolist()
        if blocked[corners].any():
            continue
        sides = [_side(points[corner], points[corners[turn - 2]]) for turn, corner in enumerate(corners)]
        first = sides.index(max(sides))
        a, b, c = (corners[(first + turn) % 3] for turn in range(3))
        around = vertex_faces.of(a)
        other = [
            f
            for f, corners_of in zip(around.tolist(), faces[around].tolist(), strict=True)
            if f != face and b in corners_of
        ]
        if len(other) != 1:
            continue
        d = sum(faces[other[0]].tolist()) - a - b
        if blocked[d] or d in faces[vertex_faces.of(c)] or not _is_less_flat(points, a, b, c, d):
            continue
        faces[face], faces[other[0]] = (a, d, c), (d, b, c)
        blocked[[a, b, c, d]] = True
        count += 1
    return faces, count


def _is_less_flat(points: Points, a: int, b: int, c: int, d: int) -> bool:
    """Return whether (a, d, c), (d, b, c) are less flat than (a, b, c), (b, a, d) and face the same way."""
    old, new = (
        [[points[corner] for corner in face] for face in pair]
        for pair in (((a, b, c), (b, a, d)), ((a, d, c), (d, b, c)))
    )
    before, after = [_cross(*face) for face in old], [_cross(*face) for face in new]
    if (np.array(after) @ np.array(before).sum(axis=0) <= 0).any():
        return False
    heights = [
        min(_length(vector) / _longest_side(*face) for vector, face in zip(vectors, pair, strict=True))
        for vectors, pair in ((before, old), (after, new))
    ]
    return heights[1] > heights[0]


def _crosses(vertices: Floats, faces: Ints) -> Floats:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return np.cross(b - a, c - a)


def _longest(vertices: Floats, faces: Ints) -> Floats:
    corners = vertices[faces]
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
    return np.maximum(sides.max(axis=1), 1e-12)


# -- single triangles, in Python floats: numpy arrays of three numbers cost a hundred times their arithmetic
# -----------


def _cross(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> tuple[float, float, float]:
    """Return twice the area vector of a triangle."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


def _dot(u: Sequence[float], v: Sequence[float]) -> float:
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


def _length(u: Sequence[float]) -> float:
    return math.sqrt(_dot(u, u))


def _side(a: Sequence[float], b: Sequence[float]) -> float:
    return _length((b[0] - a[0], b[1] - a[1], b[2] - a[2]))


def _longest_side(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
    return max(_side(a, b), _side(b, c), _side(c, a), 1e-12)
