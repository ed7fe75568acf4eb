"""`find_free_border`: where along a part's border no bone lies opposite."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, identity
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from meshimplant.implant.map_regions import edge_distance, rim_of
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.implant.site import Bone, Site
from meshimplant.implant.surfaces import WALL, Surfaces, split_surfaces
from meshimplant.mesh.areas import vertex_normals
from meshimplant.mesh.cut_away import face_pieces
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.report import Place, place_of
from meshimplant.voxels.fields import sample

#: Bone farther from the border than this, along the outline's normal, is not opposite, mm: more than any gap
#: that a check accepts, so that no gap to bone is taken for a free border.
OPPOSITE_MM = 4.0
#: A free stretch shorter than this, mm, is none: it is as wide as the narrowest tongue that is left.
SHORTEST_STRETCH_MM = 8.0
#: Normals of the border are averaged within the first distance, mm. Bone is opposite a place if this share of
#: the wall within the second one faces it, for bone may be thinner than the part; most places within the
#: third one must agree.
_NORMAL_MM, _COLUMN_MM, _LEAST_SHARE, _AGREE_MM = 2.0, 1.0, 0.15, 3.0
#: Bone is searched this many degrees to both sides of the outline's normal too.
_FAN_DEG = 25.0
_STEP_MM = 0.4
#: A wall this far inside the outline is none, mm.
_FOLD_MM = 2.0
#: Ends of stretches this near to each other belong together, mm.
_JOINED_MM = 2.0


@dataclass(frozen=True)
class FreeStretch:
    """One stretch of the border without bone opposite: its length and the place at its middle, LPS mm."""

    length_mm: float
    middle_mm: Place


@dataclass(frozen=True, eq=False)
class FreeBorder:
    """The border of a part, and which of it has no bone opposite.

    Attributes
    ----------
    vertices : (n,) array of bool
        The vertices of the border wall without bone opposite.
    points_mm : (p, 3) array
        Places on the outline, LPS mm: the pixels of `OutlineMap` that it crosses.
    lengths_mm : (p,) array
        Length of the outline at each of them, mm.
    free : (p,) array of bool
        Which of them have no bone opposite.
    """

    vertices: NDArray[np.bool_]
    points_mm: NDArray[np.float64]
    lengths_mm: NDArray[np.float64]
    free: NDArray[np.bool_]

    @property
    def length_mm(self) -> float:
        """Length of the free border."""
        return float(self.lengths_mm[self.free].sum())

    @property
    def fraction(self) -> float:
        """Share of the outline's length that is free."""
        total = float(self.lengths_mm.sum())
        return self.length_mm / total if total else 0.0

    def sides(self, outline: OutlineMap) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the part's outermost pixels without and with bone opposite, on the map it was found on."""
        free = np.zeros(outline.body.shape, bool)
        free[outline.outline_mm > 0] = self.free
        rim = rim_of(outline.body)
        return rim & free, rim & ~free

    @cached_property
    def stretches(self) -> tuple[FreeStretch, ...]:
        """The free stretches, longest first."""
        points, lengths = self.points_mm[self.free], self.lengths_mm[self.free]
        if not len(points):
            return ()
        piece = _pieces(points, _JOINED_MM)
        total = np.bincount(piece, lengths)
        found = []
        for number in np.argsort(-total, kind="stable"):
            own = points[piece == number]
            middle = own[int(np.argmin(np.linalg.norm(own - own.mean(axis=0), axis=1)))]
            found.append(FreeStretch(float(total[number]), place_of(middle)))
        return tuple(found)


def find_free_border(
    mesh: trimesh.Trimesh,
    site: Site,
    *,
    surfaces: Surfaces | None = None,
    outline: OutlineMap | None = None,
    opposite_mm: float = OPPOSITE_MM,
) -> FreeBorder:
    """Find the stretches of a part's border that have no bone opposite.

    From each vertex of the border wall bone is searched along the outline's normal, which is the wall's
    normal without its share along the outward direction. Walls of holes in the part are no border.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm.
    site : Site
        The bone around it.
    surfaces : Surfaces, optional
        The split of this mesh, if already known.
    outline : OutlineMap, optional
        The map of this mesh, if already known.
    opposite_mm : float
        How far bone may be to lie opposite.

    Returns
    -------
    FreeBorder
        Nothing is free where there is no bone around the part at all.
    """
    split = split_surfaces(mesh, inside_mm=site.inside_mm) if surfaces is None else surfaces
    outline = OutlineMap.of(mesh, site, surfaces=split) if outline is None else outline
    border = outline.outline_mm > 0
    points, lengths = outline.view.points_at(outline.radius_mm)[border], outline.outline_mm[border]
    wall = np.flatnonzero(split.vertex_labels == WALL)
    nothing = np.zeros(len(mesh.vertices), bool), points, lengths, np.zeros(len(points), bool)
    if site.bone is None or not len(wall) or not len(points):
        return FreeBorder(*nothing)
    opposite = _has_bone(mesh, split, site.bone, wall, opposite_mm)
    rim = _of_rim(mesh, split, wall, opposite)
    if not rim.any():
        return FreeBorder(*nothing)
    wall, opposite = wall[rim], opposite[rim]
    on_map = outline.view.place(np.asarray(mesh.vertices)[wall])[0]
    tree, pixel_mm = cKDTree(on_map), outline.view.spacing_mm
    columns = _share(tree, opposite, _COLUMN_MM / pixel_mm) >= _LEAST_SHARE
    agreed = _share(tree, columns, _AGREE_MM / pixel_mm) >= 0.5
    nearest = tree.query(np.argwhere(border))[1]
    free = _long_enough(points, lengths, ~agreed[nearest])
    vertices = np.zeros(len(mesh.vertices), bool)
    vertices[wall] = ~agreed & free[cKDTree(np.argwhere(border)).query(on_map)[1]]
    vertices[wall] |= _in_folds(outline, on_map, -sample(site.bone.distance, mesh.vertices[wall], fill=-1e3))
    return FreeBorder(vertices, points, lengths, free)


def _in_folds(
    outline: OutlineMap, on_map: NDArray[np.float64], away_mm: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which places (n, 2) are no border but steep folds of a curled flange, far from any bone."""
    depth = outline.view.read(edge_distance(outline.body, outline.view.spacing_mm), on_map.T)
    return np.asarray((depth > _FOLD_MM) & (away_mm > OPPOSITE_MM))


def _has_bone(
    mesh: trimesh.Trimesh, surfaces: Surfaces, bone: Bone, wall: NDArray[np.int64], reach_mm: float
) -> NDArray[np.bool_]:
    """Return which vertices (n,) of the wall meet bone along the outline's normal or beside it."""
    start = np.asarray(mesh.vertices)[wall]
    upward = surfaces.outward.at(start)
    normals = vertex_normals(mesh, faces=surfaces.face_labels == WALL)[wall]
    normals = _averaged(start, normals)
    ahead = unit_vectors(normals - np.einsum("ij,ij->i", normals, upward)[:, None] * upward)
    aside = np.cross(upward, ahead)
    found = np.zeros(len(wall), bool)
    for angle in np.radians((0.0, -_FAN_DEG, _FAN_DEG)):
        along = np.cos(angle) * ahead + np.sin(angle) * aside
        for distance in np.arange(0.0, reach_mm + _STEP_MM / 2, _STEP_MM):
            due = np.flatnonzero(~found)
            if not len(due):
                return found
            found[due] = sample(bone.distance, start[due] + distance * along[due], fill=-1e3) > 0
    return found


def _averaged(points: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit vectors (n, 3) averaged over the points within `_NORMAL_MM`."""
    tree = cKDTree(points)
    near = tree.sparse_distance_matrix(tree, _NORMAL_MM, output_type="coo_matrix")
    kernel = coo_matrix((np.ones(len(near.data)), (near.row, near.col)), near.shape)
    return unit_vectors(kernel @ vectors + vectors)


def _of_rim(
    mesh: trimesh.Trimesh, surfaces: Surfaces, wall: NDArray[np.int64], opposite: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which vertices (n,) of the wall belong to a border that somewhere has bone opposite."""
    faces = np.asarray(mesh.faces)[surfaces.face_labels == WALL]
    piece = np.full(len(mesh.vertices), -1)
    piece[faces] = face_pieces(faces, len(mesh.vertices))[:, None]
    own = piece[wall]
    return (own >= 0) & np.isin(own, np.unique(own[opposite & (own >= 0)]))


def _share(tree: cKDTree, values: NDArray[np.bool_], reach: float) -> NDArray[np.float64]:
    """Return the share of the points within a distance of each one, itself included, that are true."""
    near = tree.sparse_distance_matrix(tree, reach, output_type="coo_matrix")
    kernel = coo_matrix((np.ones(len(near.data)), (near.row, near.col)), (tree.n, tree.n)).tocsr()
    kernel = kernel + identity(tree.n, format="csr")
    kernel.data[:] = 1.0
    return np.asarray((kernel @ values) / (kernel @ np.ones(tree.n)))


def _long_enough(
    points: NDArray[np.float64], lengths: NDArray[np.float64], free: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which places (p,) belong to free stretches of at least `SHORTEST_STRETCH_MM`."""
    kept = free.copy()
    if free.any():
        piece = _pieces(points[free], _JOINED_MM)
        kept[free] = np.bincount(piece, lengths[free])[piece] >= SHORTEST_STRETCH_MM
    return kept


def _pieces(points: NDArray[np.float64], joined_mm: float) -> NDArray[np.int64]:
    """Return the number of the cluster of each point; points nearer than `joined_mm` share one."""
    pairs = cKDTree(points).query_pairs(joined_mm, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs), bool), pairs.T), (len(points), len(points)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
