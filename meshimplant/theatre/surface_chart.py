"""`SurfaceChart`: a flat drawing laid on a surface, true to length along its curvature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from meshimplant.errors import MeshError
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.theatre.ground import Ground

#: Distance between the rays that measure the surface under a chart, mm.
_STEP_MM = 0.4
#: Straighter surfaces count as flat, mm.
_FLATTEST_MM = 2000.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SurfaceChart:
    """A part of a surface on which distances from its middle are true, so that drawings keep their size.

    The surface is close to a sphere there: a point at a distance from the middle in a direction lies at that
    arc of the sphere, and at the height of the surface above it.

    Attributes
    ----------
    middle_mm : (3,) array
        Its middle on the surface, LPS mm.
    frame : (3, 3) array
        Unit directions right, up and out of the part as rows, LPS.
    radius_mm : float
        Radius of the sphere, negative where the surface is hollow.
    half_mm : (2,) array
        Half its width and height.
    heights_mm : (rows, columns) array
        Height of the surface above the sphere, upwards and to the right, mm.
    walls_mm : (rows, columns) array
        Thickness of the part there.
    """

    middle_mm: Floats
    frame: Floats
    radius_mm: float
    half_mm: Floats
    heights_mm: Floats
    walls_mm: Floats

    @classmethod
    def on(cls, ground: Ground, middle_mm: Floats, frame: Floats, extent_mm: Floats) -> SurfaceChart:
        """Return the chart of a rectangle of width and height (2,) about a point (3,) of a surface.

        Raises `MeshError` where the surface or the opposite one ends within it.
        """
        frame, radius = _fitted(ground, middle_mm, frame, float(np.linalg.norm(extent_mm)) / 2)
        half = np.asarray(extent_mm, float) / 2 + _STEP_MM
        shape = np.ceil(2 * half / _STEP_MM).astype(int) + 1
        x, y = (np.linspace(-reach, reach, count) for reach, count in zip(half, shape, strict=True))
        flat = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        unmeasured = cls(middle_mm, frame, radius, half, np.zeros((1, 1)), np.zeros((1, 1)))
        points, normals = unmeasured._sphere(flat)
        enter, leave = ground.heights_mm(points, -normals)
        if np.isnan(leave).any():
            raise MeshError("expected a surface that goes on under the text, got one that ends there")
        grid = (len(y), len(x))
        return cls(middle_mm, frame, radius, half, -enter.reshape(grid), (leave - enter).reshape(grid))

    def points_mm(self, drawn: Floats) -> Floats:
        """Return points (n, 3), LPS, for a drawing (n, 3): to the right, up, and above the surface, mm."""
        points, normals = self._sphere(drawn[:, :2])
        rows, columns = self.heights_mm.shape
        places = (drawn[:, :2] + self.half_mm) / (2 * self.half_mm) * np.array([columns - 1, rows - 1])
        height = map_coordinates(self.heights_mm, places[:, ::-1].T, order=1, mode="nearest")
        return np.asarray(points + (height + drawn[:, 2])[:, None] * normals)

    def _sphere(self, flat: Floats) -> tuple[Floats, Floats]:
        """Return the points and normals of the sphere at places (n, 2)."""
        reach = np.linalg.norm(flat, axis=1, keepdims=True)
        angle = reach / self.radius_mm
        along = flat / np.maximum(reach, 1e-12) @ self.frame[:2]
        normals = np.cos(angle) * self.frame[2] + np.sin(angle) * along
        return self.middle_mm + self.radius_mm * (normals - self.frame[2]), normals


def _fitted(ground: Ground, middle: Floats, frame: Floats, reach_mm: float) -> tuple[Floats, float]:
    """Return the frame, turned to the surface's normal, and the radius of the sphere that fits it there."""
    near = ground.points_mm[np.linalg.norm(ground.points_mm - middle, axis=1) <= max(reach_mm, 5.0)]
    local = (near - middle) @ frame.T
    system = np.column_stack([np.ones(len(local)), local[:, :2], -(local[:, :2] ** 2).sum(axis=1) / 2])
    _, right, up, curvature = np.linalg.lstsq(system, local[:, 2], rcond=None)[0]
    normal = unit_vectors(np.array([-right, -up, 1.0]) @ frame)
    upward = unit_vectors(frame[1] - (frame[1] @ normal) * normal)
    radius = 1 / curvature if abs(curvature) > 1 / _FLATTEST_MM else _FLATTEST_MM
    return np.stack([np.cross(upward, normal), upward, normal]), float(radius)
