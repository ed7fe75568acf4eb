"""`split_surfaces`: label an implant's outer surface, inner surface and border wall."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from meshimplant.errors import MeshError
from meshimplant.mesh.areas import face_normals_and_areas, face_pairs
from meshimplant.mesh.nearest import surface_tree
from meshimplant.mesh.vectors import unit_vectors

WALL, OUTER, INNER = 0, 1, 2

#: A face belongs to a surface if its normal is within this angle of the local outward direction, cosine of 35
#: degrees.
_SURFACE_COSINE = 0.82
#: Faces within 60 degrees (cosine) of the direction from the head's centre give a first estimate of the local
#: outward direction; those within 37 degrees of that estimate give the final one, so that a leaning border
#: does not tilt it.
_SEED_COSINES = (0.5, 0.8)
#: Edge of the cells and width of the Gaussian over which the local direction is averaged, mm.
_CELL_MM, _REACH_MM = 4.0, 7.0
#: Faces within this angle of the principal direction of the normals, cosine of 26 degrees, show which way an
#: implant is curved.
_SHEET_COSINE = 0.9
#: Radius assumed for a flat implant, mm.
_FLATTEST_MM = 300.0
#: Islands smaller than this fraction of the largest piece of a surface do not belong to it.
_ISLAND_FRACTION = 0.02


@dataclass(frozen=True, eq=False)
class OutwardField:
    """The local direction away from the head: the implant's surface normal, averaged over some millimetres.

    Attributes
    ----------
    points_mm, directions : (n, 3) arrays
        Sample points and their unit directions; `at` interpolates between them.
    """

    points_mm: NDArray[np.float64]
    directions: NDArray[np.float64]

    @cached_property
    def _tree(self) -> cKDTree:
        return surface_tree(self.points_mm)

    def at(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Return unit directions (n, 3) at points (n, 3)."""
        count = min(6, len(self.points_mm))
        distance, index = self._tree.query(np.asarray(points_mm, float), k=np.arange(1, count + 1))
        weight = 1 / (distance + 0.5) ** 2
        return unit_vectors((self.directions[index] * weight[..., None]).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Surfaces:
    """The surface that each face and vertex of an implant belongs to.

    Attributes
    ----------
    face_labels, vertex_labels : (m,) and (n,) arrays of uint8
        `OUTER`, `INNER` or `WALL` for each face and vertex. A vertex is outer or inner only if all its faces
        are.
    centre_mm : (3,) array
        The point inside the head that was used to distinguish outer from inner.
    outward : OutwardField
        The local outward direction.
    """

    face_labels: NDArray[np.uint8]
    vertex_labels: NDArray[np.uint8]
    centre_mm: NDArray[np.float64]
    outward: OutwardField


def split_surfaces(mesh: trimesh.Trimesh, *, inside_mm: ArrayLike | None = None) -> Surfaces:
    """Split an implant into its outer surface, inner surface and border wall.

    Parameters
    ----------
    mesh : Trimesh
        A closed implant, wound outward, LPS mm.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm, that distinguishes outer from inner. None: the centre of the
        implant's curvature (`head_centre`), so that the result does not depend on the implant's position.

    Raises
    ------
    MeshError
        There is no outer or no inner surface: the mesh is not a shell.

    Notes
    -----
    A face within 35 degrees of the local outward direction, which is the mean of the normals over 7 mm, is
    outer (or, the other way round, inner). A strongly curved temple is therefore split as reliably as the
    vertex, and a border that leans by 50 degrees is still wall.
    """
    centre = head_centre(mesh) if inside_mm is None else np.asarray(inside_mm, float)
    middles = np.asarray(mesh.triangles_center)
    normals, areas = face_normals_and_areas(mesh)
    field = outward_field(mesh, centre)
    cosine = np.einsum("ij,ij->i", normals, field.at(middles))
    labels = np.where(
        cosine > _SURFACE_COSINE, OUTER, np.where(cosine < -_SURFACE_COSINE, INNER, WALL)
    ).astype(np.uint8)
    labels = _without_islands(labels, areas, np.asarray(mesh.faces))
    for label, name in ((OUTER, "outer"), (INNER, "inner")):
        if not (labels == label).any():
            raise MeshError(
                f"expected an implant with an outer and an inner surface, got none {name} as seen from "
                f"{np.round(centre, 1).tolist()}: give a point inside the head as `inside_mm`, or repair"
            )
    return Surfaces(labels, vertex_labels(labels, np.asarray(mesh.faces), len(mesh.vertices)), centre, field)


def vertex_labels(face_labels: NDArray[np.uint8], faces: NDArray[np.int64], count: int) -> NDArray[np.uint8]:
    """Return a label (n,) per vertex: that of its faces if they all agree, else `WALL`."""
    seen = np.zeros((3, count), bool)
    for label in (WALL, OUTER, INNER):
        seen[label, faces[face_labels == label]] = True
    labels = np.full(count, WALL, np.uint8)
    for label, other in ((OUTER, INNER), (INNER, OUTER)):
        labels[seen[label] & ~seen[WALL] & ~seen[other]] = label
    return labels


def head_centre(mesh: trimesh.Trimesh) -> NDArray[np.float64]:
    """Return the centre (3,) of an implant's curvature, LPS mm: a point on the side of the brain.

    The principal direction of the normals splits the mesh into two sheets. A sphere is fitted to each, and
    the convex sheet is the outer one. A flat implant gets a radius of 300 mm, on the side given by its slight
    curvature.
    """
    normals, areas = face_normals_and_areas(mesh)
    middles = np.asarray(mesh.triangles_center)
    axis = np.linalg.eigh((normals * areas[:, None]).T @ normals)[1][:, -1]
    along = normals @ axis
    sheets = [
        _fit_sphere(middles[s], areas[s], axis)
        for s in (along > _SHEET_COSINE, along < -_SHEET_COSINE)
        if s.any()
    ]
    if not sheets:
        raise MeshError("expected an implant with two sheets, got a mesh without any area: repair it first")
    curvature = sum(c for _, c in sheets)
    side = axis if curvature >= 0 else -axis
    best = max(sheets, key=lambda sheet: sheet[1] * np.sign(curvature))
    radius = min(1 / max(abs(best[1]), 1e-9), _FLATTEST_MM)
    return best[0] - side * radius


def _fit_sphere(
    points: NDArray[np.float64], areas: NDArray[np.float64], axis: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Fit a sphere; return its pole along `axis` and its curvature, positive if it is convex that way."""
    middle = np.average(points, axis=0, weights=areas)
    local = points - middle
    system = np.column_stack([2 * local, np.ones(len(local))])
    square = (local**2).sum(axis=1)
    weight = areas
    for _ in range(
        5
    ):  # iteratively reweighted towards least absolute residuals, which discounts strips of border
        root = np.sqrt(weight)
        solved = np.linalg.lstsq(system * root[:, None], square * root, rcond=None)[0]
        residual = np.abs(system @ solved - square)
        weight = areas / (residual + 0.1 * np.median(residual) + 1e-9)
    centre = solved[:3]
    radius = float(np.sqrt(max(solved[3] + centre @ centre, 1e-12)))
    side = -np.sign(centre @ axis) or 1.0
    return middle + centre + side * radius * axis, float(side / radius)


def outward_field(mesh: trimesh.Trimesh, centre_mm: ArrayLike) -> OutwardField:
    """Return an implant's local outward direction, given a point (3,) inside the head.

    The normals of both surfaces (the inner one's reversed) are averaged in cells of 4 mm, then over
    neighbours within 14 mm.
    """
    centre = np.asarray(centre_mm, float)
    middles = np.asarray(mesh.triangles_center)
    normals, areas = face_normals_and_areas(mesh)
    field = _average_normals(
        middles, normals, areas, unit_vectors(middles - centre), _SEED_COSINES[0], centre
    )
    return _average_normals(middles, normals, areas, field.at(middles), _SEED_COSINES[1], centre)


def _average_normals(
    middles: NDArray[np.float64],
    normals: NDArray[np.float64],
    areas: NDArray[np.float64],
    guess: NDArray[np.float64],
    least_cosine: float,
    centre: NDArray[np.float64],
) -> OutwardField:
    """Average, in cells and over their neighbours, the normals that agree with an estimate (m, 3)."""
    cosine = np.einsum("ij,ij->i", normals, guess)
    seeds = np.abs(cosine) > least_cosine
    if not seeds.any():
        raise MeshError(
            f"expected an implant with surfaces that face the point {np.round(centre, 1).tolist()} "
            "or away from it, got none: give a point inside the head as `inside_mm`"
        )
    weight = areas[seeds] * cosine[seeds] ** 4
    votes = normals[seeds] * (np.sign(cosine[seeds]) * weight)[:, None]
    points = middles[seeds]
    cell = np.floor((points - points.min(axis=0)) / _CELL_MM).astype(np.int64)
    key = (cell[:, 0] * 100_003 + cell[:, 1]) * 100_003 + cell[:, 2]
    owner = np.unique(key, return_inverse=True)[1]
    total = np.bincount(owner, weight)
    place = np.stack([np.bincount(owner, points[:, a] * weight) for a in range(3)], axis=1) / total[:, None]
    vote = np.stack([np.bincount(owner, votes[:, a]) for a in range(3)], axis=1)
    tree = cKDTree(place)
    near = tree.sparse_distance_matrix(tree, 2 * _REACH_MM, output_type="coo_matrix")
    kernel = coo_matrix((np.exp(-0.5 * (near.data / _REACH_MM) ** 2), (near.row, near.col)), near.shape)
    return OutwardField(place, unit_vectors(kernel @ vote + vote))


def _without_islands(
    labels: NDArray[np.uint8], areas: NDArray[np.float64], faces: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Relabel small islands of a surface as wall, and wall within one surface (a pit) as that surface."""
    first, second = face_pairs(faces)
    labels = labels.copy()
    for label in (WALL, OUTER, INNER):
        same = (labels[first] == label) & (labels[second] == label)
        size = len(labels)
        graph = coo_matrix((np.ones(same.sum(), bool), (first[same], second[same])), (size, size))
        piece = connected_components(graph, directed=False)[1]
        area = np.bincount(piece, areas * (labels == label))
        if label == WALL:
            other = (labels == WALL) & (piece != np.argmax(area))
            labels[other] = _label_around(labels, first, second, piece, other)[other]
        else:
            labels[(labels == label) & (area[piece] < _ISLAND_FRACTION * area.max())] = WALL
    return labels


def _label_around(
    labels: NDArray[np.uint8],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    piece: NDArray[np.int32],
    chosen: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """Return for each face of chosen pieces of wall the surface around it, `WALL` if there are two."""
    touches = np.zeros((3, int(piece.max()) + 1), bool)
    for a, b in ((first, second), (second, first)):
        edge = chosen[a] & (labels[b] != WALL)
        touches[labels[b[edge]], piece[a[edge]]] = True
    label = np.where(touches[OUTER], OUTER, INNER)
    label[touches[OUTER] == touches[INNER]] = WALL
    return label.astype(np.uint8)[piece]


def wall_depth(
    vertices: NDArray[np.float64], surfaces: Surfaces
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return each wall vertex's relative depth and its nearest inner vertex.

    The depth is 0 at the outer surface and 1 at the inner one; the nearest vertex is an index into the inner
    vertices, not into all.
    """
    wall = vertices[surfaces.vertex_labels == WALL]
    to_outer = surface_tree(vertices[surfaces.vertex_labels == OUTER]).query(wall)[0]
    to_inner, nearest = surface_tree(vertices[surfaces.vertex_labels == INNER]).query(wall)
    return to_outer / np.maximum(to_outer + to_inner, 1e-9), nearest
