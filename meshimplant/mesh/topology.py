"""The topology of a mesh: edges, fans, connected surfaces, and flaws of a closed oriented manifold."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.mesh.convert import new_mesh


def as_written(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the mesh as an STL file holds it: float32 vertices, equal ones merged, faces in order."""
    points, inverse = np.unique(np.asarray(mesh.vertices, np.float32), axis=0, return_inverse=True)
    return new_mesh(points, inverse.reshape(-1)[mesh.faces])


def topology_flaws(mesh: trimesh.Trimesh) -> dict[str, NDArray[np.float64]]:
    """Return the flaws of a mesh as a closed, oriented 2-manifold: by name, the place (n, 3) of each.

    Names are ``boundary_edges``, ``nonmanifold_edges``, ``nonmanifold_vertices`` and ``winding``; the place
    of an edge is its midpoint.
    """
    vertices, faces = np.asarray(mesh.vertices), _proper(np.asarray(mesh.faces))
    edges, edge_of, uses, net = edge_uses(faces)
    middle = vertices[edges].mean(axis=1)
    return {
        "boundary_edges": middle[uses == 1],
        "nonmanifold_edges": middle[uses > 2],
        "nonmanifold_vertices": vertices[_many_fans(faces, edge_of)],
        "winding": middle[(uses == 2) & (net != 0)],
    }


def handles(mesh: trimesh.Trimesh) -> int:
    """Return the number of holes through a closed mesh (its genus), those of all its surfaces together."""
    faces = np.asarray(mesh.faces)
    surfaces = int(face_groups(faces).max(initial=-1)) + 1
    euler = len(np.unique(faces)) - len(edge_uses(faces)[0]) + len(faces)
    return surfaces - euler // 2


def _proper(faces: NDArray[Any]) -> NDArray[Any]:
    """Return the faces with three different vertices."""
    a, b, c = faces.T
    return faces[(a != b) & (b != c) & (c != a)]


def edge_uses(faces: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the edges of faces (f, 3) and how they are used.

    Returns
    -------
    edges : (e, 2) array
        Undirected edges, the smaller vertex index first.
    edge_of : (3 f,) array
        The edge of each half-edge.
    uses : (e,) array
        Number of faces on each edge.
    net : (e,) array
        Uses in forward direction minus uses in backward direction.
    """
    half = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    low, high = half.min(axis=1), half.max(axis=1)
    span = int(high.max(initial=0)) + 1
    keys, edge_of, uses = np.unique(low * span + high, return_inverse=True, return_counts=True)
    forward = np.where(half[:, 0] < half[:, 1], 1, -1)
    net = np.bincount(edge_of, forward, len(keys)).astype(int)
    return np.stack([keys // span, keys % span], axis=1), edge_of, uses, net


def fan_of_corners(faces: NDArray[Any], edge_of: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the fan number of each corner (3 f,); a fan is faces that edges at their vertex connect."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edge_of = edge_uses(faces)[1] if edge_of is None else edge_of
    order = np.argsort(edge_of, kind="stable")
    together = edge_of[order][1:] == edge_of[order][:-1]
    one, other = order[:-1][together], order[1:][together]
    corner_of = faces.reshape(-1)
    after = np.arange(faces.size) // 3 * 3 + (np.arange(faces.size) + 1) % 3
    opposed = corner_of[one] != corner_of[other]
    a = np.concatenate([one, after[one]])
    b = np.concatenate([np.where(opposed, after[other], other), np.where(opposed, other, after[other])])
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(faces.size, faces.size))
    return connected_components(graph, directed=False)[1]


def _many_fans(faces: NDArray[Any], edge_of: NDArray[Any]) -> NDArray[Any]:
    """Return the vertices whose faces form more than one fan; all corners of a fan are at one vertex."""
    fan_of = fan_of_corners(faces, edge_of)
    vertex_of = np.zeros(int(fan_of.max(initial=-1)) + 1, np.int64)
    vertex_of[fan_of] = faces.reshape(-1)
    return np.flatnonzero(np.bincount(vertex_of) > 1)


def face_heights(mesh: trimesh.Trimesh) -> NDArray[np.float64]:
    """Return the least height of each face (f,), mm; 0 for a face without extent."""
    longest = longest_edges(mesh)
    return 2 * mesh.area_faces / np.where(longest > 0, longest, 1)


def longest_edges(mesh: trimesh.Trimesh) -> NDArray[np.float64]:
    """Return the length of the longest edge of each face (f,), mm."""
    triangles = mesh.triangles
    return np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=2).max(axis=1)


def face_groups(faces: NDArray[Any]) -> NDArray[Any]:
    """Return for each face (f,) the number of its edge-connected surface, from 0."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, edge_of, _, _ = edge_uses(faces)
    order = np.argsort(edge_of, kind="stable")
    together = edge_of[order][1:] == edge_of[order][:-1]
    a, b = order[:-1][together] // 3, order[1:][together] // 3
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(len(faces), len(faces)))
    return connected_components(graph, directed=False)[1]
