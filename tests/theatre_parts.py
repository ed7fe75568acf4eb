"""Caps in four places of a head, far from the origin, on which holes and marks are made."""

from __future__ import annotations

import numpy as np
from shapes import Body, cap

RADIUS, WALL, ANGLE = 80.0, 4.0, 30.0
CENTRE = np.array([120.0, -250.0, 400.0])
#: Directions out of the head, LPS.
REGIONS = {
    "vertex": [0.0, 0.0, 1.0],
    "parietal": [1.0, 0.3, 0.6],
    "frontal": [0.1, -1.0, 0.4],
    "temporal": [-1.0, -0.4, -0.1],
}


def turned_to(direction: list[float]) -> np.ndarray:
    """Return a rotation (3, 3) that takes +z to a direction."""
    z = np.asarray(direction) / np.linalg.norm(direction)
    x = np.cross([0.0, 1.0, 0.2], z)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z])


def part(region: str = "parietal", *, edge_mm: float = 2.0, angle: float = ANGLE) -> Body:
    return cap(RADIUS, WALL, angle, edge_mm=edge_mm).moved(turned_to(REGIONS[region]), CENTRE)


def polar_mm(points: np.ndarray, region: str) -> np.ndarray:
    """Return the distance of points from the middle of the cap, along its outer surface."""
    arm = (points - CENTRE) @ turned_to(REGIONS[region])
    return RADIUS * np.arctan2(np.hypot(arm[:, 0], arm[:, 1]), arm[:, 2])


def on_cap(along_mm: float, turn_deg: float, region: str = "parietal") -> np.ndarray:
    """Return the point on the outer surface at a distance from its middle, in a direction."""
    polar, turn = along_mm / RADIUS, np.radians(turn_deg)
    local = [np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)]
    return CENTRE + RADIUS * turned_to(REGIONS[region]) @ local
