"""Taking out the slivers that a cut leaves along its line, without moving anything else."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.io.bridges import new_mesh
from meshimplant.surface.fans import Fans

#: Edges of the cut shorter than this are drawn together, mm: a tenth of a voxel.
SHORT_MM = 0.05
#: Triangles on the cut lower than this are turned over their longest edge, mm.
FLAT_MM = 0.01
#: A triangle may turn by up to 37 degrees when a vertex next to it moves, cosine.
_TURN_COSINE = 0.8
_ROUNDS = 8

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def without_slivers(mesh: trimesh.Trimesh, *, fixed: Bools) -> trimesh.Trimesh:
    """Collapse very short edges and turn very flat triangles, where a cut has made them.

    Parameters
    ----------
    mesh
        A closed manifold mesh.
    fixed
        Vertices (n,) that stay. Edges between two of them, and triangles of three, are left alone.

    Returns
    -------
    Trimesh
        Still manifold (link condition), its surface moved by less than `SHORT_MM`, and only beside the cut.
        Every vertex is one of the input's.
    """
    vertices, faces = np.asarray(mesh.vertices, float), np.array(mesh.faces, np.int64)
    beside = np.zeros(len(vertices), bool)
    beside[faces[~fixed[faces].all(axis=1)]] = True
    near = beside[faces].any(axis=1)
    moving, rest = faces[near], faces[~near]
    for _ in range(_ROUNDS):
        moving, collapsed = _collapse_round(vertices, moving, fixed)
        moving, turned = _turn_round(vertices, moving, fixed)
        if not collapsed and not turned:
            break
    used, renumbered = np.unique(np.concatenate([rest, moving]), return_inverse=True)
    return new_mesh(vertices[used], renumbered.reshape(-1, 3))


def _collapse_round(vertices: Floats, faces: Ints, fixed: Bools) -> tuple[Ints, int]:
    """Collapse short edges, shortest first, none beside another; return the faces and how many went."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    edges = edges[(edges[:, 0] < edges[:, 1]) & ~fixed[edges].all(axis=1)]
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    short = length < SHORT_MM
    edges = edges[short][np.argsort(length[short], kind="stable")]
    if not len(edges):
        return faces, 0
    fans = Fans(faces, len(vertices))
    blocked, dead, count = np.zeros(len(vertices), bool), np.zeros(len(faces), bool), 0
    for a, b in edges.tolist():
        if blocked[a] or blocked[b]:
            continue
        for gone, kept in ((a, b), (b, a)):
            if not fixed[gone] and _can_collapse(vertices, faces, fans, gone, kept):
                around = fans.of(gone)
                blocked[faces[around]] = True
                blocked[faces[fans.of(kept)]] = True
                faces[around] = np.where(faces[around] == gone, kept, faces[around])
                dead[around] = (faces[around] == kept).sum(axis=1) > 1
                count += 1
                break
    return faces[~dead], count


def _can_collapse(vertices: Floats, faces: Ints, fans: Fans, gone: int, kept: int) -> bool:
    """Tell whether drawing one end of an edge onto the other keeps the surface manifold and unfolded."""
    fan = faces[fans.of(gone)]
    shared = np.intersect1d(fan, faces[fans.of(kept)])
    if len(shared) != 4:  # the two ends and the two triangles' third corners
        return False
    staying = fan[~(fan == kept).any(axis=1)]
    before = _crosses(vertices, staying)
    after = _crosses(vertices, np.where(staying == gone, kept, staying))
    size_before, size_after = np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1)
    flat = size_before < FLAT_MM * _longest(vertices, staying)
    turned = (before * after).sum(axis=1) < _TURN_COSINE * size_before * size_after
    turned[flat] = after[flat] @ before.sum(axis=0) <= 0
    return not turned.any() and bool((size_after > 0).all())


def _turn_round(vertices: Floats, faces: Ints, fixed: Bools) -> tuple[Ints, int]:
    """Turn the longest edge of very flat triangles to the other diagonal; return faces and count."""
    moving = np.flatnonzero(~fixed[faces].all(axis=1))
    height = np.linalg.norm(_crosses(vertices, faces[moving]), axis=1) / _longest(vertices, faces[moving])
    flat = moving[height < FLAT_MM]
    if not len(flat):
        return faces, 0
    flat = flat[np.argsort(height[height < FLAT_MM], kind="stable")]
    fans = Fans(faces, len(vertices))
    blocked, count = np.zeros(len(vertices), bool), 0
    for face in flat.tolist():
        corners = faces[face]
        if blocked[corners].any():
            continue
        sides = np.linalg.norm(vertices[np.roll(corners, -1)] - vertices[corners], axis=1)
        first = int(np.argmax(sides))
        a, b, c = (int(corners[(first + turn) % 3]) for turn in range(3))
        other = [f for f in fans.of(a).tolist() if f != face and b in faces[f]]
        if len(other) != 1:
            continue
        d = int(faces[other[0]].sum()) - a - b
        if blocked[d] or np.isin(faces[fans.of(c)], d).any() or not _better(vertices, a, b, c, d):
            continue
        faces[face], faces[other[0]] = (a, d, c), (d, b, c)
        blocked[[a, b, c, d]] = True
        count += 1
    return faces, count


def _better(vertices: Floats, a: int, b: int, c: int, d: int) -> bool:
    """Tell whether (a, d, c), (d, b, c) are less flat than (a, b, c), (b, a, d) and face the same way."""
    old, new = np.array([(a, b, c), (b, a, d)]), np.array([(a, d, c), (d, b, c)])
    before, after = _crosses(vertices, old), _crosses(vertices, new)
    if (after @ before.sum(axis=0) <= 0).any():
        return False
    heights = [np.linalg.norm(x, axis=1) / _longest(vertices, f) for x, f in ((before, old), (after, new))]
    return bool(heights[1].min() > heights[0].min())


def _crosses(vertices: Floats, faces: Ints) -> Floats:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return np.cross(b - a, c - a)


def _longest(vertices: Floats, faces: Ints) -> Floats:
    corners = vertices[faces]
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
    return np.maximum(sides.max(axis=1), 1e-12)
