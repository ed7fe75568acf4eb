"""Analytic defects and implants whose fit, thickness and rim are known exactly.

    defect = conical_defect(lean_deg=20)     # wider outside than inside; negative: an undercut
    defect.bone                              # `Body` of the skull around the hole
    defect.plug(over_mm=6)                   # implant of the skull's thickness, 6 mm larger than the hole

The wall of the hole is a cone about +z through the middle of the skull's thickness; the skull's centre is the
origin. `ellipsoid_cap` is an implant of varying curvature and thickness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from shapes import Body, cap, plain_mesh

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Defect:
    """A conical hole in a spherical skull, and the numbers that describe it."""

    bone: Body
    radius_mm: float
    thickness_mm: float
    half_angle_deg: float
    lean_deg: float

    def plug(self, *, over_mm: float = 4.0, raised_mm: float = 0.0, edge_mm: float = 1.5) -> Body:
        """Return an implant wider than the hole by `over_mm`, with its outer surface `raised_mm` higher."""
        widen = self.half_angle_deg + np.degrees(over_mm / self.radius_mm)
        outer = self.radius_mm + raised_mm
        return cap(outer, self.thickness_mm + raised_mm, widen, edge_mm=edge_mm)

    def rim_angle(self, radius_mm: float) -> float:
        """Return the polar angle, radians, at which the wall meets a sphere around the skull's centre."""
        polar = np.linspace(0, np.pi / 2, 200_001)
        points = radius_mm * np.stack([np.sin(polar), 0 * polar, np.cos(polar)], axis=1)
        return float(polar[self.wall_distance(points) > 0].max())

    def gap(self, points: Points) -> Points:
        """Return the exact distance (n,) to the bone's surface, including its rims; negative inside bone."""
        across, along = np.hypot(points[:, 0], points[:, 1]), points[:, 2]
        here, polar = np.stack([across, along], axis=1), np.arctan2(across, along)
        rims, distances = [], []
        for radius in (self.radius_mm - self.thickness_mm, self.radius_mm):
            rim = self.rim_angle(radius)
            at = np.maximum(polar, rim)
            distances.append(
                np.linalg.norm(here - radius * np.stack([np.sin(at), np.cos(at)], axis=1), axis=1)
            )
            rims.append(radius * np.array([np.sin(rim), np.cos(rim)]))
        wall = rims[1] - rims[0]
        share = np.clip((here - rims[0]) @ wall / (wall @ wall), 0, 1)
        distances.append(np.linalg.norm(here - rims[0] - share[:, None] * wall, axis=1))
        return np.min(distances, axis=0) * np.where(self.bone.distance(points) > 0, -1, 1)

    def wall_distance(self, points: Points) -> Points:
        """Return the distance (n,) to the conical wall, positive inside the hole."""
        return _cone(points, self.radius_mm - self.thickness_mm / 2, self.half_angle_deg, self.lean_deg)


def conical_defect(
    *,
    radius_mm: float = 80.0,
    thickness_mm: float = 6.0,
    half_angle_deg: float = 18.0,
    lean_deg: float = 0.0,
    around_mm: float = 16.0,
) -> Defect:
    """Return a round hole whose wall leans by `lean_deg` from radial, surrounded by `around_mm` of bone."""
    inner, middle = radius_mm - thickness_mm, radius_mm - thickness_mm / 2
    edge = np.radians(half_angle_deg) + around_mm / radius_mm
    across, low = radius_mm * np.sin(edge), inner * np.cos(edge)

    def distance(points: Points) -> Points:
        r = np.linalg.norm(points, axis=-1)
        shell = np.minimum(radius_mm - r, r - inner)
        return np.minimum(shell, -_cone(points, middle, half_angle_deg, lean_deg))

    lower, upper = np.array([-across, -across, low]), np.array([across, across, radius_mm])
    return Defect(Body(distance, lower, upper), radius_mm, thickness_mm, half_angle_deg, lean_deg)


def _cone(points: Points, middle_mm: float, half_angle_deg: float, lean_deg: float) -> Points:
    """Return the signed distance (n,) to a cone around +z, positive inside."""
    at, half = np.radians(half_angle_deg), np.radians(half_angle_deg + lean_deg)
    across = np.hypot(points[..., 0], points[..., 1]) - middle_mm * np.sin(at)
    along = points[..., 2] - middle_mm * np.cos(at)
    return along * np.sin(half) - across * np.cos(half)


@dataclass(frozen=True)
class CurvedCap:
    """A piece of an ellipsoidal shell: its mesh, and dense points (n, 3) on its outer surface."""

    mesh: trimesh.Trimesh
    outer_points: Points
    outer_count: int


#: Semi-axes, mm, and direction of the centre, of caps at typical places of the head.
PLACES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "vertex": ((72, 92, 85), (0, 0, 1)),
    "parietal": ((72, 92, 85), (0.7, 0.3, 0.7)),
    "frontal": ((68, 90, 80), (0.1, -1, 0.3)),
    "temporal": ((60, 85, 48), (0.9, -0.2, -0.45)),
}


def ellipsoid_cap(
    place: str,
    *,
    half_angle_deg: float = 26.0,
    thin_mm: float = 4.0,
    thick_mm: float = 10.0,
    edge_mm: float = 1.6,
    rotation: ArrayLike | None = None,
    translation_mm: ArrayLike = (0, 0, 0),
) -> CurvedCap:
    """Return a cap whose wall varies from `thin_mm` to `thick_mm`; its border runs along the normal."""
    axes, towards = PLACES[place]
    turn = np.eye(3) if rotation is None else np.asarray(rotation, float)
    flat = cap(100.0, 10.0, half_angle_deg, edge_mm=edge_mm * 100 / float(np.mean(axes))).mesh
    frame = _frame(np.asarray(towards, float))
    radius = np.linalg.norm(flat.vertices, axis=1, keepdims=True)
    depth = (100.0 - radius[:, 0]) / 10.0
    unit = flat.vertices / radius @ frame.T
    vertices = _on_shell(unit, np.asarray(axes, float), depth, thin_mm, thick_mm) @ turn.T + np.asarray(
        translation_mm
    )
    fine = cap(100.0, 10.0, half_angle_deg, edge_mm=0.5).mesh.vertices
    fine = fine[np.linalg.norm(fine, axis=1) > 99.99] / 100.0 @ frame.T
    outer = _on_shell(fine, np.asarray(axes, float), np.zeros(len(fine)), thin_mm, thick_mm)
    count = int((depth < 1e-6).sum())
    return CurvedCap(plain_mesh(vertices, flat.faces), outer @ turn.T + np.asarray(translation_mm), count)


def _on_shell(unit: Points, axes: Points, depth: Points, thin_mm: float, thick_mm: float) -> Points:
    """Return points at a relative depth (n,) under the ellipsoid, along its normal, in directions (n, 3)."""
    outer = unit / np.linalg.norm(unit / axes, axis=1, keepdims=True)
    normal = outer / axes**2
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    wave = 0.5 + 0.25 * (np.sin(outer[:, 0] / 13) + np.cos(outer[:, 1] / 11 + outer[:, 2] / 17))
    return outer - normal * ((thin_mm + (thick_mm - thin_mm) * wave) * depth)[:, None]


def _frame(towards: Points) -> Points:
    """Return a rotation (3, 3) that takes +z to a direction."""
    z = towards / np.linalg.norm(towards)
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [1.0, 0.0, 0.0], z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)
