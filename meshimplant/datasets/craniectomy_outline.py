"""Random outlines of craniectomies on a plane: smooth but irregular, with burr holes at the corners."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.voxels.distance import distance_inside, distance_outside

#: Edge of the square on which outlines are drawn, and its step. The largest outline, a bifrontal one,
#: reaches 75 mm out.
HALF_MM = 110.0
STEP_MM = 0.5
#: Drill bits for burr holes are 11 to 14 mm wide.
BURR_RADIUS_MM = (5.5, 7.0)


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed curve on a plane as a signed distance.

    Attributes
    ----------
    distance_mm : (n, n) array
        Distance to the curve, mm, positive inside, at the nodes of `axis_mm` x `axis_mm`.
    lean : (n, n) array
        How far the wall moves inwards per millimetre of depth (tangent of its angle), at the same nodes.
        Positive: the hole is narrower at the inner table; negative: it is undercut.
    """

    distance_mm: NDArray[np.float32]
    lean: NDArray[np.float32]

    def read(
        self, across_mm: NDArray[np.floating], along_mm: NDArray[np.floating], depth_mm: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Return the distance to the wall, positive inside the hole, at positions on the plane and depths."""
        index = (np.stack([across_mm, along_mm]) + HALF_MM) / STEP_MM
        distance = ndimage.map_coordinates(self.distance_mm, index, order=1, mode="nearest")
        lean = ndimage.map_coordinates(self.lean, index, order=1, mode="nearest")
        return np.asarray(distance - lean * depth_mm, np.float32)


def plane() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the coordinates, mm, of the nodes on which outlines are drawn: two (n, n) arrays."""
    axis = np.arange(-HALF_MM, HALF_MM + STEP_MM / 2, STEP_MM)
    across, along = np.meshgrid(axis, axis, indexing="ij")
    return across, along


def draw_outline(
    rng: np.random.Generator,
    *,
    semi_axes_mm: tuple[float, float],
    turn_deg: float,
    within_mm: NDArray[np.float64] | None = None,
) -> Outline:
    """Draw one outline about the plane's origin.

    A superellipse between ellipse and rounded rectangle, waved by 3 to 6 % of its size, with three to five
    burr holes on its rim; corners rounded at 1.5 mm.

    Parameters
    ----------
    semi_axes_mm, turn_deg
        Half lengths of the superellipse, and its turn in the plane.
    within_mm : (n, n) array
        Where this is negative there must be no hole (below the vault's floor).
    """
    across, along = plane()
    angle = np.arctan2(along, across)
    inside = _rim_radius(rng, angle - np.radians(turn_deg), semi_axes_mm) - np.hypot(across, along)
    for corner in _corners(rng, semi_axes_mm, turn_deg):
        burr = rng.uniform(*BURR_RADIUS_MM) - np.hypot(across - corner[0], along - corner[1])
        inside = np.maximum(inside, burr)
    if within_mm is not None:
        inside = np.minimum(inside, within_mm)
    return Outline(signed_outline(inside > 0), _lean(rng, angle))


def _rim_radius(
    rng: np.random.Generator, angle: NDArray[np.float64], semi_axes_mm: tuple[float, float]
) -> NDArray[np.float64]:
    """Radius of the waved superellipse in each direction of its own axes."""
    power = rng.uniform(2.0, 3.2)
    norm = np.abs(np.cos(angle) / semi_axes_mm[0]) ** power + np.abs(np.sin(angle) / semi_axes_mm[1]) ** power
    size = rng.uniform(0.03, 0.06)
    waves = np.zeros_like(angle)
    for order in range(2, 9):
        waves += np.cos(order * angle + rng.uniform(0, 2 * np.pi)) * rng.normal() / order
    return norm ** (-1 / power) * (1 + size * waves)


def _corners(
    rng: np.random.Generator, semi_axes_mm: tuple[float, float], turn_deg: float
) -> list[NDArray[np.float64]]:
    """Places of the burr holes: spread around the rim, a little inside it."""
    count = int(rng.integers(3, 6))
    start = rng.uniform(0, 2 * np.pi)
    turn = np.radians(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    corners = []
    for step in range(count):
        angle = start + 2 * np.pi * (step + rng.uniform(-0.2, 0.2)) / count
        corners.append(rotation @ (0.97 * np.array(semi_axes_mm) * (np.cos(angle), np.sin(angle))))
    return corners


def signed_outline(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the signed distance, mm, positive inside, of a mask (n, n) with its corners rounded."""
    signed = distance_inside(inside) - distance_outside(inside)
    return np.asarray(ndimage.gaussian_filter(signed * STEP_MM, 1.5 / STEP_MM), np.float32)


def _lean(rng: np.random.Generator, angle: NDArray[np.float64]) -> NDArray[np.float32]:
    """Draw the lean of the wall: mostly inwards by 0 to 30 degrees, undercut by up to 15 in places."""
    lean = np.full_like(angle, rng.uniform(0.0, 0.3))
    for order in range(1, 4):
        lean += 0.12 * rng.normal() * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    return np.clip(lean, -0.27, 0.58).astype(np.float32)
