"""`cut_away`: cut one body from another, and drop loose fragments; `combine`: add bodies and remove some."""

from __future__ import annotations

from collections.abc import Sequence
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

#: Attempts to remove slivers, and the distance from a failure within which the next attempt changes nothing,
#: mm.
_CLEANINGS, _SPARE_MM = 4, 0.3
#: Odd multipliers that mix the bits of coordinates.
_MIXERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


@dataclass(frozen=True)
class Fragment:
    """A piece that a cut detached and that was dropped: its volume and its centre (LPS mm)."""

    volume_mm3: float
    centre_mm: tuple[float, float, float]


def require_solid(mesh: trimesh.Trimesh) -> manifold3d.Manifold:
    """Return a mesh as a solid; raise `MeshError` unless it is closed and wound outward."""
    solid = to_manifold(mesh)
    if solid.volume() <= 0:
        raise MeshError(
            f"expected a closed mesh wound outward, got a volume of {solid.volume():.1f} mm3: "
            "run repair on it first"
        )
    return solid


@dataclass(frozen=True, eq=False)
class Cut:
    """The result of `cut_away`.

    Attributes
    ----------
    mesh : Trimesh
        The mesh that is left.
    fragments : tuple of Fragment
        Detached pieces that were dropped, largest first.
    removed_mm3 : float
        Volume of everything that was removed, fragments included.
    """

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
    """Subtract a closed tool from a closed mesh and keep the largest bodies.

    Away from the cut the vertices are exactly those of the input. Slivers along the cut are removed.

    Parameters
    ----------
    mesh, tool : Trimesh
        Closed and wound outward, in one frame.
    bodies : int or None
        Number of pieces to keep; None: as many as the mesh has.
    solid : Manifold or None
        The result of `require_solid` for the mesh, if it is known already.

    Returns
    -------
    Cut

    Raises
    ------
    MeshError
        One of the meshes is not closed and consistently wound, or nothing is left.
    """
    solid = require_solid(mesh) if solid is None else solid
    left = solid - to_manifold(tool)
    if left.is_empty():
        raise MeshError(
            "expected a cut that leaves part of the implant, got one that removes all of it: check that both "
            "are in one frame (LPS, millimetres) and that the cut is on the right side"
        )
    result = from_manifold(left)
    result = _cleaned(result, _new_vertices(mesh, result))
    kept, fragments = keep_largest_bodies(result, bodies=body_count(mesh) if bodies is None else bodies)
    removed = float(solid.volume() - left.volume()) + sum(fragment.volume_mm3 for fragment in fragments)
    return Cut(kept, fragments, removed)


def combine(
    mesh: trimesh.Trimesh,
    *,
    add: Sequence[manifold3d.Manifold] = (),
    remove: Sequence[manifold3d.Manifold] = (),
) -> trimesh.Trimesh:
    """Return a closed mesh with bodies added to it, and others then removed from all of it.

    Away from the bodies the vertices are exactly those of the mesh. Slivers along the cuts are removed.

    Raises
    ------
    MeshError
        The mesh is not closed and consistently wound, or nothing is left.
    """
    solid = require_solid(mesh)
    if not add and not remove:
        return mesh.copy()
    for body in add:
        solid += body
    for body in remove:
        solid -= body
    if solid.is_empty():
        raise MeshError("expected bodies that leave part of the implant, got some that remove all of it")
    result = from_manifold(solid)
    return _cleaned(result, _new_vertices(mesh, result))


def without_slivers(mesh: trimesh.Trimesh, before: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return a mesh without the slivers beside those of its vertices that another mesh does not have."""
    return _cleaned(mesh, _new_vertices(before, mesh))


def _cleaned(mesh: trimesh.Trimesh, new: NDArray[np.bool_]) -> trimesh.Trimesh:
    """Return a fresh cut without its slivers, except where faces would then cross."""
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
    """Return the vertices of a cleaned mesh that are chosen ones (n,) of the mesh it came from."""
    return np.flatnonzero(_among(cleaned.vertices, np.asarray(mesh.vertices)[chosen]))


def _new_vertices(before: trimesh.Trimesh, after: trimesh.Trimesh) -> NDArray[np.bool_]:
    """Return which vertices (n,) of a mesh are not vertices of another one."""
    return ~_among(after.vertices, before.vertices)


def _among(points: ArrayLike, known: ArrayLike) -> NDArray[np.bool_]:
    """Return which points (n, 3) are among known ones (m, 3), to the last bit; 0 and -0 are equal."""
    queries, references = (np.ascontiguousarray(each, float) + 0.0 for each in (points, known))
    if not len(references):
        return np.zeros(len(queries), bool)
    keys, reference_keys = _keys(queries), _keys(references)
    order = np.argsort(reference_keys, kind="stable")
    place = np.minimum(np.searchsorted(reference_keys, keys, sorter=order), len(references) - 1)
    return (references[order[place]] == queries).all(axis=1)


def _keys(points: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return a 64-bit hash for each point (n, 3); collisions among millions of points are very unlikely."""
    bits = points.view(np.uint64)
    mixed = (bits ^ (bits >> np.uint64(29))) * _MIXERS
    return (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)


def keep_largest_bodies(
    mesh: trimesh.Trimesh, *, bodies: int
) -> tuple[trimesh.Trimesh, tuple[Fragment, ...]]:
    """Return a mesh of the largest pieces with their cavities, and the other pieces, largest first."""
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
    """Return the number of separate bodies of a mesh; cavities do not count."""
    piece = face_pieces(np.asarray(mesh.faces), len(mesh.vertices))
    return int((_piece_volumes(mesh, piece) > 0).sum())


def _holds(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> bool:
    """Return whether the bounding box of the outer points contains the inner ones."""
    return bool(
        (inner.min(axis=0) >= outer.min(axis=0)).all() and (inner.max(axis=0) <= outer.max(axis=0)).all()
    )


def face_pieces(faces: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return for each face (m,) of a mesh with `count` vertices the number of its connected piece."""
    pairs = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    graph = coo_matrix((np.ones(len(pairs), bool), pairs.T), (count, count))
    vertex_piece = connected_components(graph, directed=False)[1]
    return np.unique(vertex_piece[faces[:, 0]], return_inverse=True)[1].astype(np.int64)


def _piece_volumes(mesh: trimesh.Trimesh, piece: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the enclosed volume of each piece, mm3."""
    vertices = np.asarray(mesh.vertices, float)
    a, b, c = (vertices - vertices.mean(axis=0))[np.asarray(mesh.faces)].transpose(1, 0, 2)
    return np.bincount(piece, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6).astype(np.float64)
