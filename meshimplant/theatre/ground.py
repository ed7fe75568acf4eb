"""`Ground`: one surface of a part, its edge and its openings, as the place for holes and marks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.implant.features import Feature, beside_feature_mm
from meshimplant.implant.surfaces import INNER, OUTER, Surfaces, split_surfaces
from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.mesh.cut_away import face_pieces
from meshimplant.mesh.loops import edge_loops
from meshimplant.mesh.nearest import surface_tree
from meshimplant.mesh.rays import RayCaster
from meshimplant.mesh.vectors import unit_vectors

#: Distance between the points along an edge, mm.
_EDGE_STEP_MM = 0.5
#: The local normal is the mean over the surface within this distance, mm: more than a facet, less than a
#: bump.
_NORMAL_MM = 3.0
#: Rays start this far outside the surface, mm.
_ABOVE_MM = 1.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ground:
    """One surface of a part, as points with weights, between its edge and its openings.

    Attributes
    ----------
    mesh : Trimesh
        The part, LPS mm.
    surfaces : Surfaces
        Its outer and inner surface.
    side : int
        `OUTER` or `INNER`: which of them this is.
    points_mm : (n, 3) array
        Points spread over it.
    areas_mm2 : (n,) array
        The area that each of them stands for.
    """

    mesh: trimesh.Trimesh
    surfaces: Surfaces
    side: int
    points_mm: Floats
    areas_mm2: Floats

    @classmethod
    def of(
        cls,
        mesh: trimesh.Trimesh,
        *,
        spacing_mm: float,
        side: int = OUTER,
        inside_mm: ArrayLike | None = None,
        surfaces: Surfaces | None = None,
    ) -> Ground:
        """Return a surface of a closed part, with points at most about `spacing_mm` apart.

        `surfaces` is the split of the mesh, if it is known. Raises `MeshError` for a mesh without an outer or
        inner surface.
        """
        surfaces = split_surfaces(mesh, inside_mm=inside_mm) if surfaces is None else surfaces
        points, areas = _spread_points(mesh, surfaces.face_labels == side, spacing_mm)
        return cls(mesh, surfaces, side, points, areas)

    @property
    def area_mm2(self) -> float:
        """Area of the surface."""
        return float(self.areas_mm2.sum())

    @cached_property
    def rays(self) -> RayCaster:
        """The part, prepared for rays."""
        return RayCaster(self.mesh)

    @cached_property
    def tree(self) -> cKDTree:
        """The points, for the nearest of them."""
        return surface_tree(self.points_mm)

    @cached_property
    def loops(self) -> tuple[list[Floats], list[Floats]]:
        """The edge of the surface on each body, and the other edges: those of openings in it.

        Each is a closed line (n, 3) of points `_EDGE_STEP_MM` apart, counter-clockwise as seen along the
        surface's normals where it encloses the surface.
        """
        faces, vertices = np.asarray(self.mesh.faces), np.asarray(self.mesh.vertices)
        piece = np.zeros(len(vertices), int)
        piece[faces] = face_pieces(faces, len(vertices))[:, None]
        lines: dict[int, list[Floats]] = {}
        for loop in edge_loops(faces[self.surfaces.face_labels == self.side]):
            lines.setdefault(int(piece[loop[0]]), []).append(resampled(vertices[loop[::-1]], _EDGE_STEP_MM))
        ordered = [sorted(each, key=len, reverse=True) for _, each in sorted(lines.items())]
        return [each[0] for each in ordered], [line for each in ordered for line in each[1:]]

    @cached_property
    def _edge_trees(self) -> tuple[cKDTree | None, cKDTree | None]:
        border, openings = (cKDTree(np.concatenate(lines)) if lines else None for lines in self.loops)
        return border, openings

    def border_distance_mm(self, points_mm: ArrayLike) -> Floats:
        """Return the straight distance (n,) of points (n, 3) from the edge; infinite without one."""
        return _distance(self._edge_trees[0], points_mm)

    def opening_distance_mm(self, points_mm: ArrayLike) -> Floats:
        """Return the straight distance (n,) of points (n, 3) from the edges of openings."""
        return _distance(self._edge_trees[1], points_mm)

    def normals_at(self, points_mm: ArrayLike) -> Floats:
        """Return unit normals (n, 3) of the surface, out of the part, as means over `_NORMAL_MM` around."""
        points = np.asarray(points_mm, float).reshape(-1, 3)
        chosen = self.surfaces.face_labels == self.side
        normals, areas = (values[chosen] for values in face_normals_and_areas(self.mesh))
        tree = cKDTree(np.asarray(self.mesh.triangles_center)[chosen])
        nearest = tree.query(points)[1]
        near = tree.query_ball_point(points, _NORMAL_MM)
        weighted = normals * areas[:, None]
        sums = [
            weighted[index].sum(axis=0) if index else normals[own]
            for index, own in zip(near, nearest, strict=True)
        ]
        return unit_vectors(np.array(sums).reshape(-1, 3))

    def outward_at(self, points_mm: ArrayLike) -> Floats:
        """Return unit directions (n, 3) out of this surface, averaged over several millimetres."""
        return self.surfaces.outward.at(points_mm) * (1.0 if self.side == OUTER else -1.0)

    def on_surface(self, points_mm: ArrayLike) -> Floats:
        """Return points (n, 3) beside the surface moved onto it, along its direction outward there."""
        points = np.asarray(points_mm, float)
        nearest = self.points_mm[self.tree.query(points)[1]]
        normal = self.outward_at(nearest)
        return np.asarray(points - np.einsum("ij,ij->i", points - nearest, normal)[:, None] * normal)

    def heights_mm(self, points_mm: ArrayLike, axes: ArrayLike) -> tuple[Floats, Floats]:
        """Return where lines enter this surface and leave through the opposite one.

        Parameters
        ----------
        points_mm : (n, 3) array-like
            Points within `_ABOVE_MM` of the surface.
        axes : (n, 3) array-like
            Unit directions into the part.

        Returns
        -------
        enter_mm, leave_mm : (n,) arrays
            Distances along the axis from the point; nan where the line does not pass both surfaces.
        """
        points, axis = np.asarray(points_mm, float), np.asarray(axes, float)
        labels = self.surfaces.face_labels
        first, face = self.rays.first(points - _ABOVE_MM * axis, axis)
        enter = np.where((face >= 0) & (labels[face] == self.side), first - _ABOVE_MM, np.nan)
        start = points + (np.nan_to_num(enter) + 1e-3)[:, None] * axis
        second, exit_face = self.rays.first(start, axis)
        opposite = INNER if self.side == OUTER else OUTER
        through = ~np.isnan(enter) & (exit_face >= 0) & (labels[exit_face] == opposite)
        return np.where(through, enter, np.nan), np.where(through, enter + second + 1e-3, np.nan)


def clear_of_features_mm(points_mm: ArrayLike, features: Iterable[Feature]) -> Floats:
    """Return how far (n,) points (n, 3) lie beside the nearest feature; infinite without any."""
    points = np.asarray(points_mm, float).reshape(-1, 3)
    least = np.full(len(points), np.inf)
    for feature in features:
        least = np.minimum(least, beside_feature_mm(points, feature))
    return least


def resampled(line: Floats, step_mm: float, *, closed: bool = True) -> Floats:
    """Return points (m, 3) about `step_mm` apart along a line (n, 3); a closed one ends where it began."""
    points = np.concatenate([line, line[:1]]) if closed else line
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    count = max(3 if closed else 1, round(float(length[-1]) / step_mm))
    places = np.linspace(0, length[-1], count + 1)[: count if closed else None]
    return np.stack([np.interp(places, length, column) for column in points.T], axis=1)


def _distance(tree: cKDTree | None, points_mm: ArrayLike) -> Floats:
    points = np.asarray(points_mm, float)
    return np.full(len(points), np.inf) if tree is None else np.asarray(tree.query(points)[0])


def _spread_points(
    mesh: trimesh.Trimesh, chosen: NDArray[np.bool_], spacing_mm: float
) -> tuple[Floats, Floats]:
    """Return points on chosen faces at most about `spacing_mm` apart, and the area of each."""
    triangles = np.asarray(mesh.triangles)[chosen]
    areas = face_normals_and_areas(mesh)[1][chosen]
    longest = np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=2).max(axis=1)
    parts = np.maximum(np.ceil(longest / (1.5 * spacing_mm)), 1).astype(int)
    points, weights = [], []
    for count in np.unique(parts):
        barycentric = _centroids(int(count))
        own = parts == count
        points.append(np.einsum("pk,tkd->tpd", barycentric, triangles[own]).reshape(-1, 3))
        weights.append(np.repeat(areas[own] / len(barycentric), len(barycentric)))
    return np.concatenate(points), np.concatenate(weights)


def _centroids(count: int) -> Floats:
    """Return the barycentric centroids (count^2, 3) of a triangle divided into count^2 equal ones."""
    i, j = (index.ravel() for index in np.indices((count, count)))
    upright = i + j < count
    turned = i + j < count - 1
    first = np.stack([i + 1 / 3, j + 1 / 3], axis=1)[upright]
    second = np.stack([i + 2 / 3, j + 2 / 3], axis=1)[turned]
    two = np.concatenate([first, second]) / count
    return np.column_stack([two, 1 - two.sum(axis=1)])
