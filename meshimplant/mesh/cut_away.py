"""Cutting one body from another, and the loose pieces that a cut leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from meshimplant.errors import MeshError
from meshimplant.mesh.convert import from_manifold, new_mesh, to_manifold
from meshimplant.mesh.crossings import find_crossings
from meshimplant.mesh.slivers import remove_slivers
from meshimplant.mesh.topology import as_written

if TYPE_CHECKING:
    import manifold3d

#: Attempts at drawing slivers together, and the distance around a failure that the next one leaves alone, mm.
_CLEANINGS, _SPARE_MM = 4, 0.3
#: Odd numbers that spread the bits of coordinates.
_MIXERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


@dataclass(frozen=True)
class Fragment:
    """A piece that came loose in cutting and was dropped: its volume and centre (LPS mm)."""

    volume_mm3: float
    centre_mm: tuple[float, float, float]


def require_solid(mesh: trimesh.Trimesh) -> manifold3d.Manifold:
    """Return the mesh as a solid; raise `MeshError` unless it is closed and wound outward."""
    solid = to_manifold(mesh)
    if solid.volume() <= 0:
        raise MeshError(
            f"expected a closed mesh wound outward, got {solid.volume():.1f} mm3: run repair on it first"
        )
    return solid


@dataclass(frozen=True, eq=False)
class Cut:
    """What `cut_away` left: the mesh, the fragments it dropped (largest first), and all that was removed."""

    mesh: trimesh.Trimesh
    fragments: tuple[Fragment, ...]
    removed_mm3: float


def cut_away(
    mesh: trimesh.Trimesh,
    tool: trimesh.Trimesh,
    *,
    bodies: int | None = None,
    solid: manifold3d.Manifold | None = None,
) -> Cut:
    """Subtract a closed tool from a closed mesh and keep its largest bodies.

    What is not cut stays exactly: its vertices are the input's. Slivers along the cut are drawn together
    (`remove_slivers`).

    Parameters
    ----------
    bodies
        Number of pieces to keep; ``None``: as many as the mesh has.
    solid
        The mesh as `require_solid` gives it, where that is known already.

    Raises
    ------
    MeshError
        Either mesh is not closed and consistently wound, or nothing is left.
    """
    solid = require_solid(mesh) if solid is None else solid
    left = solid - to_manifold(tool)
    if left.is_empty():
        raise MeshError(
            "expected a cut that leaves something of the implant, got one that takes all of it: check that "
            "the two are in one frame (LPS, millimetres) and that the cut is on the right side"
        )
    result = from_manifold(left)
    result = _cleaned(result, _new_vertices(mesh, result))
    kept, fragments = keep_largest_bodies(result, bodies=body_count(mesh) if bodies is None else bodies)
    removed = float(solid.volume() - left.volume()) + sum(fragment.volume_mm3 for fragment in fragments)
    return Cut(kept, fragments, removed)


def _cleaned(mesh: trimesh.Trimesh, new: NDArray[np.bool_]) -> trimesh.Trimesh:
    """Return a fresh cut without its slivers; where faces would then cross, they are left as they were."""
    fixed = ~new
    beside = np.zeros(len(new), bool)
    beside[np.asarray(mesh.faces)[new[mesh.faces].any(axis=1)]] = True
    for _ in range(_CLEANINGS):
        cleaned = remove_slivers(mesh, fixed=fixed)
        on_cut = np.isin(cleaned.faces, _same_points(cleaned, mesh, beside)).any(axis=1)
        cut = as_written(new_mesh(cleaned.vertices, np.asarray(cleaned.faces)[on_cut]))
        crossing = np.unique(find_crossings(cut))
        if not len(crossing):
            return cleaned
        places = np.asarray(cut.vertices, float)[np.unique(cut.faces[crossing])]
        fixed |= cKDTree(places).query(mesh.vertices, distance_upper_bound=_SPARE_MM)[0] <= _SPARE_MM
    return mesh


def _same_points(
    cleaned: trimesh.Trimesh, mesh: trimesh.Trimesh, chosen: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return which vertices of a cleaned mesh are among the chosen ones (n,) of the mesh it came from."""
    return np.flatnonzero(_among(cleaned.vertices, np.asarray(mesh.vertices)[chosen]))


def _new_vertices(before: trimesh.Trimesh, after: trimesh.Trimesh) -> NDArray[np.bool_]:
    """Return which vertices (n,) of a mesh are none of another's."""
    return ~_among(after.vertices, before.vertices)


def _among(points: ArrayLike, known: ArrayLike) -> NDArray[np.bool_]:
    """Return which points (n, 3) are, to the last bit, among known ones (m, 3); 0 and -0 are the same."""
    wanted, there = (np.ascontiguousarray(each, float) + 0.0 for each in (points, known))
    if not len(there):
        return np.zeros(len(wanted), bool)
    keys, there_keys = _keys(wanted), _keys(there)
    order = np.argsort(there_keys, kind="stable")
    place = np.minimum(np.searchsorted(there_keys, keys, sorter=order), len(there) - 1)
    return (there[order[place]] == wanted).all(axis=1)


def _keys(points: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return a number for each point (n, 3), the same for the same bits: of millions, no two points share one but by a freak."""
    bits = points.view(np.uint64)
    mixed = (bits ^ (bits >> np.uint64(29))) * _MIXERS
    return (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)


def keep_largest_bodies(
    mesh: trimesh.Trimesh, *, bodies: int
) -> tuple[trimesh.Trimesh, tuple[Fragment, ...]]:
    """Keep the `bodies` largest pieces, hollows included; return the others as fragments, largest first."""
    faces, vertices = np.asarray(mesh.faces), np.asarray(mesh.vertices)
    piece = face_pieces(faces, len(vertices))
    volumes = _piece_volumes(mesh, piece)
    order = np.argsort(-volumes, kind="stable")
    kept, dropped = order[:bodies], [index for index in order[bodies:] if volumes[index] > 0]
    if not dropped:
        return mesh, ()
    corners = {index: vertices[np.unique(faces[piece == index])] for index in np.flatnonzero(volumes <= 0)}
    hollows = [
        index
        for index, points in corners.items()
        if any(_holds(vertices[np.unique(faces[piece == body])], points) for body in kept)
    ]
    fragments = []
    for index in dropped:
        x, y, z = vertices[np.unique(faces[piece == index])].mean(axis=0)
        fragments.append(Fragment(float(volumes[index]), (float(x), float(y), float(z))))
    used, renumbered = np.unique(faces[np.isin(piece, [*kept, *hollows])], return_inverse=True)
    return new_mesh(vertices[used], renumbered.reshape(-1, 3)), tuple(fragments)


def body_count(mesh: trimesh.Trimesh) -> int:
    """Return the number of separate bodies of a mesh; a hollow in one is none."""
    piece = face_pieces(np.asarray(mesh.faces), len(mesh.vertices))
    return int((_piece_volumes(mesh, piece) > 0).sum())


def _holds(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> bool:
    """Tell whether the box of some points holds others."""
    return bool(
        (inner.min(axis=0) >= outer.min(axis=0)).all() and (inner.max(axis=0) <= outer.max(axis=0)).all()
    )


def face_pieces(faces: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Number the pieces of a mesh of `count` vertices: for each face (m,) the index of its piece."""
    pairs = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    graph = coo_matrix((np.ones(len(pairs), bool), pairs.T), (count, count))
    vertex_piece = connected_components(graph, directed=False)[1]
    return np.unique(vertex_piece[faces[:, 0]], return_inverse=True)[1].astype(np.int64)


def _piece_volumes(mesh: trimesh.Trimesh, piece: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the enclosed volume of each piece, mm3."""
    vertices = np.asarray(mesh.vertices, float)
    a, b, c = (vertices - vertices.mean(axis=0))[np.asarray(mesh.faces)].transpose(1, 0, 2)
    return np.bincount(piece, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6).astype(np.float64)
