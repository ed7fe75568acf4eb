"""Surfaces of the phantom as maps over azimuth and elevation, composed of smooth lobes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.latitude_longitude import map_directions, to_direction

#: Azimuth, elevation (as in `latitude_longitude`) and width in degrees, height in mm.
Lobe = tuple[float, float, float, float]
#: Step of the maps in azimuth and elevation.
_STEP_DEG = 2.0


@cache
def directions() -> NDArray[np.float64]:
    """Return the unit directions (azimuth, elevation, 3) of the maps."""
    return map_directions(_STEP_DEG)


def superellipsoid(semi_axes: dict[str, float]) -> NDArray[np.float64]:
    """Return the radius of a superellipsoid with different semi-axes in each direction.

    Parameters
    ----------
    semi_axes : dict of float
        ``side``, ``front``, ``back``, ``up`` and ``down``, mm; the common ``power``; and ``taper``, by how
        much it is broader at the back than in front.
    """
    side, back, up = np.moveaxis(directions(), -1, 0)
    power = semi_axes["power"]
    breadth = semi_axes["side"] * (1 + semi_axes["taper"] * back)
    total = np.abs(side / breadth) ** power
    total += np.abs(back / np.where(back < 0, semi_axes["front"], semi_axes["back"])) ** power
    total += np.abs(up / np.where(up < 0, semi_axes["down"], semi_axes["up"])) ** power
    return total ** (-1 / power)


def _lobe(azimuth_deg: float, elevation_deg: float, width_deg: float) -> NDArray[np.float64]:
    middle = to_direction(azimuth_deg, elevation_deg)
    sharpness = 1 / np.radians(width_deg) ** 2
    return np.exp(sharpness * (directions() @ middle - 1))


def lobes(table: Iterable[Lobe], rng: np.random.Generator, spread: float) -> NDArray[np.float64]:
    """Return the sum of a table's lobes and their mirror images, with random heights around the table's."""
    total = np.zeros(directions().shape[:2])
    for azimuth, elevation, width, height in table:
        drawn = height * rng.normal(1, spread)
        total += drawn * _lobe(azimuth, elevation, width)
        if abs(azimuth) != 90:
            total += drawn * _lobe(180 - azimuth, elevation, width)
    return total


def relief(
    rng: np.random.Generator, heights_mm: tuple[float, ...], widths_deg: tuple[float, ...]
) -> NDArray[np.float64]:
    """Return smooth random relief over all directions; at each width, enough lobes to cover the sphere."""
    total = np.zeros(directions().shape[:2])
    for height, width in zip(heights_mm, widths_deg, strict=True):
        count = int(2.0 / np.radians(width) ** 2) + 4
        elevations = np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
        for azimuth, elevation in zip(rng.uniform(-90, 270, count), elevations, strict=True):
            total += height * rng.normal() * _lobe(azimuth, elevation, width)
    return total
