"""Position and size of virtual defects in the braincase's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.latitude_longitude import to_direction


@dataclass(frozen=True)
class Place:
    """Direction of the defect's middle in the braincase's frame, and its outline's half lengths and turn.

    Azimuth as in `latitude_longitude`; elevation counts from the long axis of the braincase.
    """

    azimuth_deg: float
    elevation_deg: float
    semi_axes_mm: tuple[float, float]
    turn_deg: float

    @property
    def direction(self) -> NDArray[np.float64]:
        """Unit vector (3,) in the frame."""
        return to_direction(self.azimuth_deg, self.elevation_deg)


#: Azimuth of the front, degrees.
_FRONT_DEG = -90.0
#: How far a defect may reach below the vault's floor in front, mm: to the upper rim of the orbit, or into it.
LOWER_IN_FRONT_MM = {"frontoorbital": 14.0, "orbital": 27.0}


def choose_place(rng: np.random.Generator, kind: str) -> Place:
    """Draw position, size and rotation of a defect of one kind."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    uniform = rng.uniform
    if kind == "bilateral":
        return Place(
            _FRONT_DEG + uniform(-6, 6), uniform(42, 72), (uniform(55, 70), uniform(36, 48)), uniform(-6, 6)
        )
    if kind == "frontoorbital":
        return Place(
            _FRONT_DEG + side * uniform(18, 42),
            uniform(0, 14),
            (uniform(30, 42), uniform(25, 35)),
            uniform(-20, 20),
        )
    if kind == "orbital":
        return Place(
            _FRONT_DEG + side * uniform(24, 34),
            uniform(-5, 4),
            (uniform(29, 37), uniform(27, 33)),
            uniform(-15, 15),
        )
    if kind == "parietotemporal":
        return Place(
            _FRONT_DEG + side * uniform(78, 106),
            uniform(4, 20),
            (uniform(42, 58), uniform(36, 47)),
            uniform(-15, 15),
        )
    elevation = np.degrees(np.arcsin(uniform(0.1, 1.0)))
    return Place(
        _FRONT_DEG + uniform(-180, 180), elevation, (uniform(26, 46), uniform(24, 40)), uniform(0, 180)
    )
