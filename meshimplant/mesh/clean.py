"""`clean_faces` and `close_surface`: correct small flaws of a mesh without remeshing it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.mesh.bodies import connected_bodies
from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.limits import DEGENERATE_HEIGHT_MM, WELD_MM
from meshimplant.mesh.loops import edge_loops, fill_loop
from meshimplant.mesh.topology import edge_uses, face_heights, fan_of_corners

Faces = NDArray[np.int64]
Points = NDArray[np.float64]

#: Distance by which surfaces that touch at a vertex are separated, mm.
_SEPARATION_MM = 0.02
#: Rounds of splitting; each round splits a face at one of its edges.
_SPLIT_ROUNDS = 6


def clean_faces(mesh: trimesh.Trimesh) -> tuple[trimesh.Trimesh, list[str]]:
    """Return a mesh with clean faces and consistent winding, and a list of the actions.

    Equal vertices are merged, faces without area and duplicate faces dropped, T-junctions split. Holes stay
    open.
    """
    actions: list[str] = []
    for step in (_merge_equal, _drop_faces, _merge_at_borders, _split_at_junctions, _orient):
        mesh, done = step(mesh)
        actions += done
    return mesh, actions


def close_surface(mesh: trimesh.Trimesh) -> tuple[trimesh.Trimesh, list[str]]:
    """Return a cleaned mesh as a closed surface, and a list of the actions.

    Holes are closed, surfaces that touch at a vertex separated, and surfaces inside others removed.
    """
    actions: list[str] = []
    for step in (_close_holes, _separate_fans, _drop_inner_surfaces):
        mesh, done = step(mesh)
        actions += done
    used, renumbered = np.unique(np.asarray(mesh.faces), return_inverse=True)
    if len(used) < len(mesh.vertices):
        mesh = new_mesh(np.asarray(mesh.vertices)[used], renumbered.reshape(-1, 3))
    return mesh, actions


Step = tuple[trimesh.Trimesh, list[str]]


def _merge_equal(mesh: trimesh.Trimesh) -> Step:
    """Merge vertices that are equal in float32, as an STL file would."""
    _, first, inverse = np.unique(
        np.asarray(mesh.vertices, np.float32), axis=0, return_index=True, return_inverse=True
    )
    merged = len(mesh.vertices) - len(first)
    order = np.argsort(first)
    rank = np.empty(len(first), np.int64)
    rank[order] = np.arange(len(first))
    faces = rank[inverse.reshape(-1)][mesh.faces]
    return new_mesh(mesh.vertices[first[order]], faces), [f"merged {merged} equal vertices"] if merged else []


def _drop_faces(mesh: trimesh.Trimesh) -> Step:
    """Drop faces without area, and all but the first of several faces on the same vertices."""
    faces = np.asarray(mesh.faces)
    flat = face_heights(mesh) < DEGENERATE_HEIGHT_MM
    kept = faces[~flat]
    _, first = np.unique(np.sort(kept, axis=1), axis=0, return_index=True)
    double = len(kept) - len(first)
    done = [f"dropped {int(flat.sum())} faces without area"] if flat.any() else []
    done += [f"dropped {double} duplicate faces"] if double else []
    return new_mesh(mesh.vertices, kept[np.sort(first)]), done


def _merge_at_borders(mesh: trimesh.Trimesh) -> Step:
    """Merge vertices of open edges that nearly coincide."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    border = np.unique(_open_edges(np.asarray(mesh.faces)))
    pairs = (
        cKDTree(mesh.vertices[border]).query_pairs(WELD_MM, output_type="ndarray")
        if len(border)
        else np.empty((0, 2))
    )
    if not len(pairs):
        return mesh, []
    a, b = border[pairs.astype(np.int64)].T
    count = len(mesh.vertices)
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count))
    _, group = connected_components(graph, directed=False)
    first = np.full(group.max() + 1, count)
    np.minimum.at(first, group, np.arange(count))
    faces = first[group][mesh.faces]
    x, y, z = faces.T
    faces = faces[(x != y) & (y != z) & (z != x)]
    return new_mesh(mesh.vertices, faces), [f"merged {len(np.unique(a))} vertices of open edges"]


def _split_at_junctions(mesh: trimesh.Trimesh) -> Step:
    """Split open edges at the open vertices that lie on them (T-junctions)."""
    faces, total = np.asarray(mesh.faces), 0
    for _ in range(_SPLIT_ROUNDS):
        faces, split = _split_once(np.asarray(mesh.vertices), faces)
        total += split
        if not split:
            break
    return new_mesh(mesh.vertices, faces), [f"split {total} edges at T-junctions"] if total else []


def _split_once(vertices: Points, faces: Faces) -> tuple[Faces, int]:
    """Split faces at T-junctions, each at one of its edges; return the faces and how many were split."""
    from scipy.spatial import cKDTree

    half = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    _, edge_of, uses, _ = edge_uses(faces)
    open_half = np.flatnonzero(uses[edge_of] == 1)
    if not len(open_half):
        return faces, 0
    border = np.unique(half[open_half])
    tree = cKDTree(vertices[border])
    new_faces, dropped = [], set()
    for row in open_half.tolist():
        a, b = half[row]
        inside = _on_edge(
            vertices,
            a,
            b,
            border[tree.query_ball_point((vertices[a] + vertices[b]) / 2, _half(vertices, a, b))],
        )
        if row // 3 in dropped or not len(inside):
            continue
        tip = faces[row // 3, (row % 3 + 2) % 3]
        chain = [a, *inside, b]
        if tip in chain:
            continue
        new_faces += [(p, q, tip) for p, q in pairwise(chain)]
        dropped.add(row // 3)
    if not dropped:
        return faces, 0
    kept = np.delete(faces, sorted(dropped), axis=0)
    return np.concatenate([kept, np.array(new_faces, np.int64)]), len(dropped)


def _half(vertices: Points, a: int, b: int) -> float:
    """Return half the length of an edge."""
    return float(np.linalg.norm(vertices[b] - vertices[a])) / 2


def _on_edge(vertices: Points, a: int, b: int, others: Faces) -> list[int]:
    """Return the vertices that lie on the edge between its ends, in order from a to b."""
    along = vertices[b] - vertices[a]
    length = float(np.linalg.norm(along))
    away = vertices[others] - vertices[a]
    place = away @ along / length
    aside = np.linalg.norm(away - np.outer(place / length, along), axis=1)
    hit = (aside < WELD_MM) & (place > WELD_MM) & (place < length - WELD_MM)
    return others[hit][np.argsort(place[hit])].tolist()


def _orient(mesh: trimesh.Trimesh) -> Step:
    """Make the winding of neighbouring faces consistent, outward on every surface that no other encloses."""
    import igl

    if not len(mesh.faces):  # libigl ends the process
        return mesh, []
    before = np.asarray(mesh.faces, np.int64)
    faces = np.array(igl.bfs_orient(np.ascontiguousarray(before))[0])
    changed = (faces != before).any(axis=1)
    for body in connected_bodies(new_mesh(mesh.vertices, faces)):
        reverse = body.volume_mm3 < 0 if not body.enclosed else changed[body.rows].mean() > 0.5
        if reverse:
            faces[body.rows] = faces[body.rows][:, ::-1]
            changed[body.rows] = ~changed[body.rows]
    turned = int(changed.sum())
    return new_mesh(mesh.vertices, faces), [f"turned {turned} faces"] if turned else []


# -- closing ------------------------------------------------------------------------------------------------


def _open_edges(faces: Faces) -> Faces:
    edges, _, uses, _ = edge_uses(faces)
    return np.asarray(edges[uses == 1])


def _close_holes(mesh: trimesh.Trimesh) -> Step:
    """Close every loop of open edges with triangles on its own vertices."""
    faces = np.asarray(mesh.faces)
    loops = edge_loops(faces)
    if not loops:
        return mesh, []
    fillings = [fill_loop(np.asarray(mesh.vertices), np.array(loop)) for loop in loops]
    longest = max(len(loop) for loop in loops)
    done = [f"closed {len(loops)} holes of up to {longest} edges"]
    return new_mesh(mesh.vertices, np.concatenate([faces, *fillings])), done


def _separate_fans(mesh: trimesh.Trimesh) -> Step:
    """Give each fan of faces around a shared vertex its own copy of it, moved slightly into the fan."""
    faces = np.array(mesh.faces)
    vertices = [np.asarray(mesh.vertices)]
    corner_of, fan = faces.reshape(-1), fan_of_corners(faces)
    fans = np.unique(np.stack([corner_of, fan], axis=1), axis=0)
    extra = fans[1:][fans[1:, 0] == fans[:-1, 0]]
    flat = faces.reshape(-1).copy()
    for count, (vertex, name) in enumerate(extra):
        corners = np.flatnonzero((corner_of == vertex) & (fan == name))
        inward = mesh.vertices[faces[corners // 3]].mean(axis=(0, 1)) - mesh.vertices[vertex]
        step = inward / max(float(np.linalg.norm(inward)), 1e-9) * _SEPARATION_MM
        vertices.append((mesh.vertices[vertex] + step)[None])
        flat[corners] = len(mesh.vertices) + count
    done = [f"separated the surface at {len(extra)} vertices by {_SEPARATION_MM:g} mm"] if len(extra) else []
    return new_mesh(np.concatenate(vertices), flat.reshape(-1, 3)), done


def _drop_inner_surfaces(mesh: trimesh.Trimesh) -> Step:
    """Remove closed surfaces that lie inside others."""
    if len(_open_edges(np.asarray(mesh.faces))):
        return mesh, []
    inner = [body for body in connected_bodies(mesh) if body.enclosed]
    if not inner:
        return mesh, []
    faces = np.delete(np.asarray(mesh.faces), np.concatenate([body.rows for body in inner]), axis=0)
    done = [
        f"removed a surface inside the body that enclosed {abs(body.volume_mm3):.3g} mm3" for body in inner
    ]
    return new_mesh(mesh.vertices, faces), done
