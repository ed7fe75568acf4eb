"""`close_holes`: a part as it would be without the holes that were made in it on purpose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.implant.features import Feature, beside_feature_mm
from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.loops import edge_loops, fill_loop
from meshimplant.mesh.topology import edge_uses

#: The wall of a hole and its finished ends lie within one of these distances beside it, mm: the first at
#: which a whole ring of faces ends flush with both surfaces is taken. A countersink is up to 2 mm wide.
_RIMS_MM = (0.1, 0.35, 0.6, 1.2, 2.2)
#: A rim is flush if its mean height is within this of the surface, mm, and within the sag of a long hole on a
#: radius of 60 mm.
_FLUSH_MM, _SAG_PER_MM = 0.03, 1 / 700
#: They reach this far beyond both ends of the hole, mm.
_ENDS_MM = 1.5
#: What a screw goes through is thicker than this, mm.
_THINNEST_MM = 0.5

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClosedHoles:
    """A part whose holes are closed.

    Attributes
    ----------
    mesh : Trimesh
        The part without the holes, LPS mm.
    vertices : (n,) array of int
        The vertices of the part with holes that its vertices were.
    closed, missing : tuple of Feature
        The features that are holes through the part, and those that are none.
    """

    mesh: trimesh.Trimesh
    vertices: Ints
    closed: tuple[Feature, ...]
    missing: tuple[Feature, ...]


def close_holes(mesh: trimesh.Trimesh, features: Iterable[Feature]) -> ClosedHoles:
    """Close the holes of a closed part that are features, flush with both surfaces.

    The faces of a hole's wall and of its ends are replaced by flat faces over its two rims. No vertex is
    moved or added; those of the wall are dropped.
    """
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    gone = np.zeros(len(faces), bool)
    lids: list[Ints] = []
    closed: list[Feature] = []
    missing: list[Feature] = []
    for feature in features:
        ring = _wall_of(feature, vertices, faces, gone)
        if ring is None:
            missing.append(feature)
            continue
        rows, loops = ring
        gone[rows] = True
        lids += [fill_loop(vertices, loop) for loop in loops]
        closed.append(feature)
    left = np.concatenate([faces[~gone], *lids])
    used, renumbered = np.unique(left, return_inverse=True)
    whole = new_mesh(vertices[used], renumbered.reshape(-1, 3))
    return ClosedHoles(whole, used, tuple(closed), tuple(missing))


def _wall_of(
    feature: Feature, vertices: NDArray[np.float64], faces: Ints, gone: NDArray[np.bool_]
) -> tuple[Ints, list[Ints]] | None:
    """Return the faces of a hole's wall, and the loops that close the rest; None without such a ring."""
    along = (vertices - np.asarray(feature.point_mm)) @ np.asarray(feature.axis)
    near = np.flatnonzero((along > -_ENDS_MM) & (along < feature.length_mm + _ENDS_MM))
    beside = np.full(len(vertices), np.inf)
    beside[near] = beside_feature_mm(vertices[near], feature)
    candidates = np.flatnonzero((beside[faces] <= _RIMS_MM[-1]).all(axis=1) & ~gone)
    found = None
    for rim in _RIMS_MM:
        rows = candidates[(beside[faces[candidates]] <= rim).all(axis=1)]
        loops = [np.array(loop[::-1]) for loop in edge_loops(faces[rows])] if len(rows) else []
        if len(loops) == 2 and _is_ring(faces[rows]) and _joins_ends(loops, along, feature):
            found = rows, loops
            if _is_flush(loops, along, feature):
                break
    return found


def _is_ring(faces: Ints) -> bool:
    """Return whether faces form a surface of one piece like a tube: Euler characteristic 0."""
    return len(np.unique(faces)) - len(edge_uses(faces)[0]) + len(faces) == 0


def _joins_ends(loops: list[Ints], along: NDArray[np.float64], feature: Feature) -> bool:
    """Return whether one loop lies at each end of a hole; a screw is longer than what it goes through."""
    first, second = sorted(float(along[loop].mean()) for loop in loops)
    return second - first > (_THINNEST_MM if feature.kind == "screw" else feature.length_mm / 2)


def _is_flush(loops: list[Ints], along: NDArray[np.float64], feature: Feature) -> bool:
    """Return whether the loops at both ends of a hole lie on the surfaces."""
    first, second = sorted(float(along[loop].mean()) for loop in loops)
    allowed_mm = _FLUSH_MM + _SAG_PER_MM * float(np.square(feature.span_mm).sum())
    return max(abs(first), abs(second - feature.length_mm)) <= allowed_mm
