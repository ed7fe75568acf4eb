"""A head whose surfaces are known exactly, a round hole in it, the part that fills it, and faults to plant.

The skull is the space between two ellipsoids about the origin; a hole is a cone of rays from there. The ideal
part lies within the hole's cone, with the clearance all round, and between the same two ellipsoids.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from shapes import cap, plain_mesh

from meshimplant.voxels.volume import Volume

Points = NDArray[np.float64]
CLEARANCE_MM = 0.8


@dataclass(frozen=True)
class AnalyticHead:
    """An ellipsoidal skull with one round hole towards a direction."""

    towards: tuple[float, float, float]
    axes_mm: tuple[float, float, float] = (72.0, 92.0, 85.0)
    thickness_mm: float = 6.0
    half_angle_deg: float = 22.0
    turn_deg: tuple[float, float] = (0.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @cached_property
    def turn(self) -> Points:
        """How the head lies in the scanner: turned about the vertical axis, then tilted forward."""
        around, forward = np.radians(self.turn_deg)
        c, s = np.cos(around), np.sin(around)
        first = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
        c, s = np.cos(forward), np.sin(forward)
        return np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]]) @ first

    @cached_property
    def axis(self) -> Points:
        """Unit direction of the hole in the head's own frame."""
        return np.asarray(self.towards, float) / np.linalg.norm(self.towards)

    def placed(self, points: ArrayLike) -> Points:
        """Return points of the head's own frame in LPS mm."""
        return np.asarray(points, float) @ self.turn.T + np.asarray(self.shift_mm)

    def radius_mm(self, unit: Points, depth: ArrayLike = 0.0) -> Points:
        """Return the radius along directions (n, 3) at a depth of the bone: 0 outer, 1 inner surface."""
        outer, inner = (
            1 / np.maximum(np.linalg.norm(unit / (np.asarray(self.axes_mm) - less), axis=-1), 1e-9)
            for less in (0.0, self.thickness_mm)
        )
        return outer + (inner - outer) * np.asarray(depth, float)

    def mask(
        self, spacing_mm: float = 1.0, *, whole: bool = False, around: ArrayLike | None = None
    ) -> Volume:
        """Return the skull as voxels, with the hole or `whole`; or only within 16 mm of points."""
        most = np.ceil((np.abs(self.turn) @ np.asarray(self.axes_mm) + 4) / spacing_mm) * spacing_mm
        low, high = -most, most
        if around is not None:
            near = np.asarray(around) - np.asarray(self.shift_mm)
            low, high = (
                np.round(end / spacing_mm) * spacing_mm for end in (near.min(0) - 16, near.max(0) + 16)
            )
            low, high = np.maximum(low, -most), np.minimum(high, most)
        count = np.round((high - low) / spacing_mm).astype(int) + 1
        affine = np.diag([spacing_mm] * 3 + [1.0])
        affine[:3, 3] = np.asarray(self.shift_mm) + low
        index = np.stack(np.meshgrid(*map(np.arange, count), indexing="ij"), -1)
        points = (index * spacing_mm + low) @ self.turn
        radius = np.maximum(np.linalg.norm(points, axis=-1), 1e-9)
        unit = points / radius[..., None]
        bone = (radius < self.radius_mm(unit)) & (radius > self.radius_mm(unit, 1.0))
        if not whole:
            bone &= unit @ self.axis < np.cos(np.radians(self.half_angle_deg))
        return Volume(bone.astype(np.uint8), affine)

    def heights_mm(self, points: ArrayLike, depth: float = 0.0) -> Points:
        """Return how far LPS points (n, 3) lie outside the outer (depth 0) or inner (1) surface, nearly."""
        own = (np.asarray(points, float) - np.asarray(self.shift_mm)) @ self.turn
        radius = np.linalg.norm(own, axis=-1)
        unit = own / radius[..., None]
        normal = own / (np.asarray(self.axes_mm) - depth * self.thickness_mm) ** 2
        normal /= np.linalg.norm(normal, axis=-1)[..., None]
        return (radius - self.radius_mm(unit, depth)) * np.einsum("...i,...i->...", unit, normal)

    def part(self, *, clearance_mm: float = CLEARANCE_MM, edge_mm: float = 1.0) -> trimesh.Trimesh:
        """Return the ideal part in LPS mm."""
        points, _ = self.part_points(clearance_mm, edge_mm)
        return plain_mesh(self.placed(points), self._flat(clearance_mm, edge_mm).faces)

    def part_points(self, clearance_mm: float = CLEARANCE_MM, edge_mm: float = 1.0) -> tuple[Points, Points]:
        """Return the part's vertices (n, 3) in the head's own frame, and their depth in the bone, 0 to 1."""
        flat = self._flat(clearance_mm, edge_mm)
        radius = np.linalg.norm(flat.vertices, axis=1, keepdims=True)
        depth = np.clip((100.0 - radius[:, 0]) / 10.0, 0, 1)
        unit = flat.vertices / radius @ _frame(self.axis)
        return unit * self.radius_mm(unit, depth)[:, None], depth

    def _flat(self, clearance_mm: float, edge_mm: float) -> trimesh.Trimesh:
        size = float(self.radius_mm(self.axis[None], 0.5)[0])
        half = self.half_angle_deg - np.degrees(clearance_mm / size)
        return cap(100.0, 10.0, half, edge_mm=edge_mm * 100 / size).mesh


def _frame(towards: Points) -> Points:
    x = np.cross([0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0], towards)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(towards, x), towards])
