"""`BorderEdge`: an edge between a surface and the border wall of a part, and the distances to both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from meshimplant.implant.surfaces import INNER, OUTER, WALL, Surfaces
from meshimplant.mesh.areas import face_pairs, vertex_normals
from meshimplant.mesh.cut_away import face_pieces
from meshimplant.mesh.loops import edge_loops
from meshimplant.mesh.topology import edge_uses
from meshimplant.mesh.vectors import unit_vectors

#: A surface is described by its faces within this distance of the border wall, mm.
_ZONE_MM = 4.0
#: Spacing of the places along an edge, mm.
_STEP_MM = 0.12
#: A point this near to the edge of a sheet has its foot on it (share of a face).
_ON_EDGE = 1e-6

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sheet:
    """Some faces of a part, continued beyond their edge by their tangent planes.

    Attributes
    ----------
    vertices, faces : (n, 3) and (m, 3) arrays
        All vertices of the part, LPS mm, and the faces.
    normals : (n, 3) array
        Unit normals of these faces at their vertices, out of the part.
    on_edge : (n,) array of bool
        Which vertices lie on the sheet's edge.
    """

    vertices: Floats
    faces: NDArray[np.int64]
    normals: Floats
    on_edge: Bools

    @classmethod
    def of(cls, mesh: trimesh.Trimesh, chosen: Bools) -> Sheet:
        """Return chosen faces (m,) of a mesh."""
        faces = np.ascontiguousarray(np.asarray(mesh.faces, np.int64)[chosen])
        _, edge_of, uses, _ = edge_uses(faces)
        half = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        on_edge = np.zeros(len(mesh.vertices), bool)
        on_edge[half[uses[edge_of] == 1]] = True
        return cls(np.asarray(mesh.vertices, float), faces, vertex_normals(mesh, faces=chosen), on_edge)

    def below(self, points: Floats) -> tuple[Floats, Floats]:
        """Return how far points (n, 3) lie below the sheet, mm, and its unit normals (n, 3) there."""
        import igl
        import trimesh.triangles

        squared, face, foot = igl.point_mesh_squared_distance(points, self.vertices, self.faces)[:3]
        corners = self.faces[face]
        weights = trimesh.triangles.points_to_barycentric(self.vertices[corners], foot)
        weights = np.clip(np.nan_to_num(weights, nan=1 / 3), 0, 1)
        normal = unit_vectors(np.einsum("nk,nkd->nd", weights, self.normals[corners]))
        depth = np.einsum("ij,ij->i", foot - points, normal)
        away = np.sqrt(squared)
        beside = (self.on_edge[corners] | (weights < _ON_EDGE)).all(axis=1)
        clear = ~beside & (away > 1e-3)
        side = np.where(depth < 0, -1.0, 1.0)
        normal[clear] = (side[:, None] * (foot - points))[clear] / away[clear, None]
        return np.where(clear, side * away, depth), normal


@dataclass(frozen=True, eq=False)
class BorderEdge:
    """The edge at which a surface of a part meets its border wall.

    Attributes
    ----------
    surface, wall, opposite : Sheet
        The surface, the border wall, and the other surface.
    points_mm : (n, 3) array
        Places along the edge where the part is on its inner side, LPS mm: elsewhere, as at the root of a tab,
        there is nothing to round.
    """

    surface: Sheet
    wall: Sheet
    opposite: Sheet
    points_mm: Floats


def border_edges(mesh: trimesh.Trimesh, surfaces: Surfaces) -> tuple[BorderEdge, ...]:
    """Return the edges between the border and the outer and inner surface; holes in the part have none."""
    labels = surfaces.face_labels
    border = border_wall(mesh, surfaces)
    if not border.any():
        return ()
    corners = np.unique(np.asarray(mesh.faces)[border])
    away = cKDTree(mesh.vertices[corners]).query(mesh.vertices, distance_upper_bound=_ZONE_MM)[0]
    zone = np.isfinite(away)[mesh.faces].any(axis=1)
    sheets = {label: Sheet.of(mesh, zone & (labels == label)) for label in (OUTER, INNER)}
    wall = Sheet.of(mesh, border)
    edges = []
    for label, other in ((OUTER, INNER), (INNER, OUTER)):
        points = _places(mesh, labels == label, border)
        if len(points):
            edges.append(BorderEdge(sheets[label], wall, sheets[other], points))
    return tuple(edges)


def border_wall(mesh: trimesh.Trimesh, surfaces: Surfaces) -> Bools:
    """Select the faces (m,) of the border wall: those that touch the longest edge of an outer surface."""
    faces, wall = np.asarray(mesh.faces), surfaces.face_labels == WALL
    if not wall.any():
        return wall
    body = np.zeros(len(mesh.vertices), int)
    body[faces] = face_pieces(faces, len(mesh.vertices))[:, None]
    longest: dict[int, NDArray[np.int64]] = {}
    for loop in map(np.array, edge_loops(faces[surfaces.face_labels == OUTER])):
        own = int(body[loop[0]])
        if own not in longest or _length(mesh, loop) > _length(mesh, longest[own]):
            longest[own] = loop
    on_loop = np.zeros(len(mesh.vertices), bool)
    on_loop[np.concatenate(list(longest.values()))] = True
    first, second = face_pairs(faces)
    both = wall[first] & wall[second]
    graph = coo_matrix((np.ones(int(both.sum()), bool), (first[both], second[both])), (len(faces),) * 2)
    piece = connected_components(graph, directed=False)[1]
    return wall & np.isin(piece, np.unique(piece[wall & on_loop[faces].any(axis=1)]))


def _length(mesh: trimesh.Trimesh, loop: NDArray[np.int64]) -> float:
    points = np.asarray(mesh.vertices)[loop]
    return float(np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1).sum())


def _places(mesh: trimesh.Trimesh, surface: Bools, wall: Bools) -> Floats:
    """Return places (n, 3) along the convex edges between two sets of faces."""
    faces, vertices = np.asarray(mesh.faces), np.asarray(mesh.vertices, float)
    pairs = np.stack(face_pairs(faces), axis=1)
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    pairs = pairs[surface[pairs[:, 0]] & wall[pairs[:, 1]]]
    own, other = faces[pairs[:, 0]], faces[pairs[:, 1]]
    shared = (own[:, :, None] == other[:, None, :]).any(axis=2)
    kept = shared.sum(axis=1) == 2
    ends = vertices[own[kept][shared[kept]].reshape(-1, 2)]
    corners = vertices[own[kept]]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    arm = vertices[other[kept]].mean(axis=1) - ends.mean(axis=1)
    ends = ends[np.einsum("ij,ij->i", arm, normal) < 0]
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    count = np.maximum(np.ceil(length / _STEP_MM), 1).astype(int)
    owner = np.repeat(np.arange(len(count)), count)
    share = (np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count) + 0.5) / count[owner]
    return np.asarray(ends[owner, 0] + share[:, None] * (ends[owner, 1] - ends[owner, 0]))
