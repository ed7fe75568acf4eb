"""What changes around a point of a part have in common: the place on the surface, and the smooth end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError, MeshError
from meshimplant.implant.surfaces import OUTER, Surfaces
from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.crossings import find_crossings

#: A point farther than this from the surface that it shall change does not belong to the part, mm.
REACH_MM = 10.0
#: The curvature of a patch is that of the outer surface within the radius, and at least within this, mm.
_LEAST_FIT_MM = 10.0
#: What is farther than this from the surface of a patch is another side of the part, mm.
_DEPTH_MM = 25.0


def point_of(point_mm: ArrayLike) -> NDArray[np.float64]:
    """Return a point (3,); raises `InputError` for anything else."""
    point = np.asarray(point_mm, float)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise InputError(f"expected a point of three finite numbers, got {point.tolist()}")
    return point


def outer_foot(mesh: trimesh.Trimesh, surfaces: Surfaces, point_mm: ArrayLike) -> NDArray[np.float64]:
    """Return the point (3,) of the outer surface that is nearest to a point, LPS mm.

    Raises
    ------
    InputError
        It is more than 10 mm away.
    """
    import igl

    point = point_of(point_mm)
    sheet = np.asarray(mesh.faces)[surfaces.face_labels == OUTER]
    squared, _, feet = igl.point_mesh_squared_distance(point[None], np.asarray(mesh.vertices, float), sheet)[
        :3
    ]
    require_near(point, float(np.sqrt(np.ravel(squared)[0])), "the outer surface")
    return np.asarray(np.atleast_2d(feet)[0], float)


def require_near(point: NDArray[np.float64], off_mm: float, place: str) -> None:
    """Raise `InputError` for a point that is too far from where it should be."""
    if off_mm > REACH_MM:
        raise InputError(
            f"expected a point within {REACH_MM:g} mm of {place}, got {np.round(point, 1).tolist()}, "
            f"{off_mm:.1f} mm off: check its frame and unit"
        )


def falloff(points: ArrayLike, centre: NDArray[np.float64], radius_mm: float) -> NDArray[np.float64]:
    """Return weights (n,) of points (n, 3): 1 at the centre, 0 from the radius on, twice differentiable.

    The weight is (1 - t^2)^3 of the distance t in radii; its steepest slope is 1.72 per radius.
    """
    away = np.linalg.norm(np.asarray(points, float) - centre, axis=1) / radius_mm
    return np.asarray(np.clip(1 - away**2, 0, None) ** 3)


@dataclass(frozen=True, eq=False)
class Patch:
    """The outer surface around a place: what lies under it moves with it, as deep as the part is.

    Attributes
    ----------
    foot_mm : (3,) array
        The place, LPS mm.
    axes : (3, 3) array
        Rows: across (of a border: towards the bone), along, and outward; LPS.
    bend : (6,) array
        Parabola 1, u, v, uu, uv, vv of the surface's heights along the last axis.
    radius_mm : float
        Where a change ends.
    """

    foot_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    bend: NDArray[np.float64]
    radius_mm: float

    @classmethod
    def of(
        cls,
        mesh: trimesh.Trimesh,
        surfaces: Surfaces,
        foot_mm: NDArray[np.float64],
        *,
        radius_mm: float,
        across: NDArray[np.float64] | None = None,
    ) -> Patch:
        """Return the patch at a place of the outer surface; `across` is any direction unless given."""
        outward = surfaces.outward.at(foot_mm[None])[0]
        side = np.eye(3)[np.argmin(np.abs(outward))] if across is None else across
        side = side - side @ outward * outward
        side /= np.linalg.norm(side)
        axes = np.stack([side, np.cross(outward, side), outward])
        local = (np.asarray(mesh.vertices, float) - foot_mm) @ axes.T
        near = np.linalg.norm(local, axis=1) < max(radius_mm, _LEAST_FIT_MM)
        outer = local[near & (surfaces.vertex_labels == OUTER)]
        bend = np.linalg.lstsq(_terms(outer), outer[:, 2], rcond=None)[0]
        return cls(foot_mm, axes, bend, radius_mm)

    def local(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return places (n, 3) of points (n, 3) along the axes, mm."""
        return np.asarray((points - self.foot_mm) @ self.axes.T)

    def heights(self, local: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the heights (n,) of the surface at local places (n, 3)."""
        return np.asarray(_terms(local) @ self.bend)

    def weights(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how much points (n, 3) move: as `falloff`, but the same at all depths of the part."""
        local = self.local(points)
        flat = local * [1.0, 1.0, 0.0]
        beside = np.abs(local[:, 2] - self.heights(local)) < _DEPTH_MM
        return np.where(beside, falloff(flat, np.zeros(3), self.radius_mm), 0.0)


def _terms(points: NDArray[np.float64]) -> NDArray[np.float64]:
    u, v = points[:, 0], points[:, 1]
    return np.stack([np.ones(len(u)), u, v, u * u, u * v, v * v], axis=1)


def moved_mesh(mesh: trimesh.Trimesh, vertices: NDArray[np.float64]) -> trimesh.Trimesh:
    """Return a mesh with moved vertices; raises `MeshError` where faces cross that did not cross before."""
    before = np.asarray(mesh.vertices)
    faces = np.asarray(mesh.faces)
    changed = faces[(vertices != before).any(axis=1)[faces].any(axis=1)]
    crossing = find_crossings(new_mesh(vertices, changed))
    if len(crossing) > len(find_crossings(new_mesh(before, changed))):
        place = vertices[changed[np.ravel(crossing)[0]]].mean(axis=0)
        raise MeshError(
            f"expected a change that keeps the surface simple, got one that folds it at "
            f"{np.round(place, 1).tolist()}: move less, or give a larger radius"
        )
    return new_mesh(vertices, faces)
