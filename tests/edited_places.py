"""The head whose design is edited, and places on its part."""

from __future__ import annotations

import numpy as np
from analytic_head import AnalyticHead

from meshimplant.mesh.vectors import unit_vectors

HEAD = AnalyticHead((0.5, 0.2, 0.8), axes_mm=(50.0, 60.0, 56.0), half_angle_deg=27.0)
VOXEL_MM = 1.8


def outer_mm(polar_deg: float = 0.0, turn_deg: float = 0.0) -> list[float]:
    """Return a point of the outer surface, so far from the middle of the hole and around it."""
    x, y = np.linalg.svd(HEAD.axis[None])[2][1:]
    polar, turn = np.radians([polar_deg, turn_deg])
    unit = np.cos(polar) * HEAD.axis + np.sin(polar) * (np.cos(turn) * x + np.sin(turn) * y)
    return (unit * HEAD.radius_mm(unit[None])[0]).tolist()


def top_mm() -> list[float]:
    """Return the middle of the outer surface."""
    return outer_mm()


def border_mm(turn_deg: float, by_mm: float = 0.0) -> list[float]:
    """Return a point of the outer edge of the border, or so far beyond it."""
    edge = np.linalg.norm(outer_mm(HEAD.half_angle_deg, turn_deg))
    return outer_mm(HEAD.half_angle_deg + float(np.degrees((by_mm - 1.0) / edge)), turn_deg)


def outward(point_mm: list[float]) -> list[float]:
    """Return the direction out of the head at a point of the outer surface."""
    normal = np.asarray(point_mm) / np.asarray(HEAD.axes_mm) ** 2
    return unit_vectors(normal[None])[0].tolist()
