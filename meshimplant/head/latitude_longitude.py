"""Maps over azimuth and elevation: one value for each direction from a centre, on a regular grid.

Directions are those of a head's frame: x to the left, y to the back, z up. Azimuth, the first axis of every
map, turns about z: 0 is the left, 90 the back, -90 the front, -180 and 180 the right. Elevation, the second
axis, runs from -90 (down) to 90 (up). A map holds both ends of either range, so that it is closed at the
seam, and its step follows from its shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: Step of the maps of a vault, degrees; 2 mm on the bone.
STEP_DEG = 1.5


def to_direction(azimuth_deg: float, elevation_deg: float) -> NDArray[np.float64]:
    """Return the unit direction (3,) at an azimuth and an elevation."""
    return _directions(np.radians(azimuth_deg), np.radians(elevation_deg))


def map_directions(step_deg: float = STEP_DEG) -> NDArray[np.float64]:
    """Return the unit directions (azimuth, elevation, 3) of a map's nodes."""
    azimuth = np.radians(np.arange(-180, 180 + step_deg / 2, step_deg))
    elevation = np.radians(np.arange(-90, 90 + step_deg / 2, step_deg))
    return _directions(*np.meshgrid(azimuth, elevation, indexing="ij"))


def close_seam(values: NDArray[np.floating]) -> None:
    """Make a map (..., azimuth, elevation) the same to the last bit at azimuth -180 and 180, in place."""
    values[..., -1, :] = values[..., 0, :]


def interpolate_map(
    values: NDArray[np.floating],
    points: NDArray[np.floating],
    radius: NDArray[np.floating] | float = 1.0,
) -> NDArray[np.floating]:
    """Return a map's values (...), read linearly, in the directions of points.

    Parameters
    ----------
    values : (azimuth, elevation) array
        The map.
    points : (..., 3) array
        Points or unit directions in the head's frame; the result has their precision.
    radius : (...) array
        Distances of the points from the centre; 1 for unit directions.
    """
    step_deg = 180 / (values.shape[1] - 1)
    azimuth = np.degrees(np.arctan2(points[..., 1], points[..., 0]))
    elevation = np.degrees(np.arcsin(np.clip(points[..., 2] / radius, -1, 1)))
    nodes = [(azimuth + 180) / step_deg, (elevation + 90) / step_deg]
    return ndimage.map_coordinates(values, nodes, order=1, mode="nearest", output=points.dtype)


def _directions(azimuth: NDArray[np.float64], elevation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit directions (..., 3) at azimuths and elevations (...), radians."""
    level = np.cos(elevation)
    return np.stack([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)], axis=-1)
