"""`Seam`: where a part is split, as a line in the plane that is seen from outside the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError, MeshError
from meshimplant.implant.surfaces import OUTER, Surfaces, split_surfaces
from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.mesh.vectors import unit_vectors

Floats = NDArray[np.float64]

#: A plane is refused when it leans by more than this against the direction out of the head, degrees: the
#: pieces could hardly be put together from outside. No source: our choice.
_WIDEST_LEAN_DEG = 30.0
#: Width of the band about the seam whose outer surface gives the direction out of the head, mm.
_BAND_MM = 10.0
#: How far the seam is drawn beyond the part on either side, mm.
BEYOND_MM = 20.0
#: A curve whose points lie closer together than this is no line across the part, mm.
_SHORTEST_MM = 5.0


@dataclass(frozen=True, eq=False)
class Seam:
    """A line across a part, seen along the direction in which its pieces come apart.

    Attributes
    ----------
    origin_mm : (3,) array
        Origin of the frame, LPS mm, in the middle of the seam.
    axes : (3, 3) array
        Rows: across the seam (from the first piece to the second), along it, and outward, the direction in
        which the second piece is taken off. Right-handed.
    line_mm : (n, 2) array
        Points of the seam in the first two axes, in the order of the second; it ends beyond the part.
    reach_mm : float
        Radius about the origin that holds the part.
    """

    origin_mm: Floats
    axes: Floats
    line_mm: Floats
    reach_mm: float

    def local(self, points_mm: ArrayLike) -> Floats:
        """Return points (n, 3), LPS mm, in the frame of the seam."""
        return (np.asarray(points_mm, float) - self.origin_mm) @ self.axes.T

    def world(self, points_mm: ArrayLike) -> Floats:
        """Return points (n, 3) in the frame of the seam as LPS mm."""
        return np.asarray(points_mm, float) @ self.axes + self.origin_mm


def long_axis(mesh: trimesh.Trimesh, outward: ArrayLike) -> Floats:
    """Return the direction (3,) of a part's longest extent at a right angle to `outward`.

    Its sign is that of its largest component, so that the result does not depend on the mesh's order.
    """
    areas = face_normals_and_areas(mesh)[1]
    middles, up = np.asarray(mesh.triangles_center), unit_vectors(np.asarray(outward, float)[None])[0]
    arms = middles - np.average(middles, axis=0, weights=areas)
    flat = arms - np.outer(arms @ up, up)
    axis = np.linalg.eigh((flat * areas[:, None]).T @ flat)[1][:, 2]
    return np.asarray(axis * np.sign(axis[np.abs(axis).argmax()]))


def seam_of_plane(
    mesh: trimesh.Trimesh, point_mm: ArrayLike, normal: ArrayLike, *, inside_mm: ArrayLike | None = None
) -> Seam:
    """Return the seam in which a plane meets a part.

    Raises
    ------
    InputError
        The normal has no length.
    MeshError
        The plane misses the part, or leans by more than 30 degrees against the direction out of the head.
    """
    point, across = _vector(point_mm), _vector(normal)
    if not np.linalg.norm(across):
        raise InputError("expected a normal with a length, got 0 0 0: give the plane's direction")
    across = unit_vectors(across[None])[0]
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    outward = _outward(mesh, surfaces, np.abs((np.asarray(mesh.triangles_center) - point) @ across))
    lean = float(np.degrees(np.arcsin(np.clip(abs(outward @ across), 0, 1))))
    if lean > _WIDEST_LEAN_DEG:
        raise MeshError(
            f"expected a plane from the outside to the inside of the part, leaning by {_WIDEST_LEAN_DEG:g} "
            f"degrees at most, got one that leans by {lean:.0f} degrees: turn its normal"
        )
    outward = unit_vectors((outward - (outward @ across) * across)[None])[0]
    return _framed(mesh, point, np.array([across, np.cross(outward, across), outward]))


def seam_of_curve(mesh: trimesh.Trimesh, curve_mm: ArrayLike, *, inside_mm: ArrayLike | None = None) -> Seam:
    """Return the seam along an open curve on a part, from border to border.

    Its ends are drawn straight on beyond the part.

    Parameters
    ----------
    mesh : Trimesh
        The part, LPS mm.
    curve_mm : (n, 3) array-like
        Points in order, on or near the outer surface, LPS mm.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm.

    Raises
    ------
    InputError
        There are fewer than two points, or the curve turns back on its way across.
    MeshError
        The curve misses the part.
    """
    points = np.asarray(curve_mm, float)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 2 or not np.isfinite(points).all():
        raise InputError(
            f"expected a curve of two or more points (n, 3), got an array of shape {points.shape}"
        )
    along = points[-1] - points[0]
    if np.linalg.norm(along) < _SHORTEST_MM:
        raise InputError(
            f"expected an open curve from border to border, got ends {np.linalg.norm(along):.1f} mm apart: "
            "draw it across the part"
        )
    middles = np.asarray(mesh.triangles_center)
    near = np.min(np.linalg.norm(middles[:, None] - points[:: max(1, len(points) // 50)], axis=2), axis=1)
    outward = _outward(mesh, split_surfaces(mesh, inside_mm=inside_mm), near)
    along = unit_vectors((along - (along @ outward) * outward)[None])[0]
    seam = _framed(mesh, points.mean(axis=0), np.array([np.cross(along, outward), along, outward]))
    flat = seam.local(points)[:, :2]
    if (np.diff(flat[:, 1]) <= 0).any():
        raise InputError(
            "expected a curve across the part that does not turn back, got one that does: draw it straighter"
        )
    (low, high), ends = seam.line_mm, flat[[0, -1]]
    line = np.array(
        [[ends[0][0], min(low[1], ends[0][1] - 1)], *flat, [ends[1][0], max(high[1], ends[1][1] + 1)]]
    )
    return Seam(seam.origin_mm, seam.axes, line, seam.reach_mm)


def _framed(mesh: trimesh.Trimesh, point: Floats, axes: Floats) -> Seam:
    """Return the straight seam through a point; its origin is the middle of the part along it."""
    flat = (np.asarray(mesh.vertices) - point) @ axes.T
    if not flat[:, 0].min() < 0 < flat[:, 0].max():
        raise MeshError(
            "expected a seam that crosses the part, got one that misses it: check its place and frame "
            "(LPS, millimetres)"
        )
    crossed = flat[np.abs(flat[:, 0]) < _BAND_MM]
    middle = (crossed.min(axis=0) + crossed.max(axis=0)) / 2 * (0, 1, 1)
    reach = float(np.linalg.norm(flat - middle, axis=1).max()) + BEYOND_MM
    return Seam(point + middle @ axes, axes, np.array([[0.0, -reach], [0.0, reach]]), reach)


def _outward(mesh: trimesh.Trimesh, surfaces: Surfaces, distance_mm: Floats) -> Floats:
    """Return the mean direction out of the head (3,) of the outer surface near the seam."""
    normals, areas = face_normals_and_areas(mesh)
    near = (surfaces.face_labels == OUTER) & (distance_mm < _BAND_MM)
    if not near.any():
        raise MeshError(
            "expected a seam that crosses the part, got one that misses its outer surface: check its points, "
            "and that both are in one frame (LPS, millimetres)"
        )
    return unit_vectors((normals[near] * areas[near, None]).sum(axis=0)[None])[0]


def _vector(values: ArrayLike) -> Floats:
    vector = np.asarray(values, float)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise InputError(f"expected three numbers for a point or normal, got {values!r}: give x y z")
    return vector
