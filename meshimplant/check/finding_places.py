"""Places of findings."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

Place = tuple[float, float, float]


def place_of(point_mm: ArrayLike) -> Place:
    """Return a point (3,) as the three plain numbers that a finding holds, LPS mm."""
    x, y, z = np.asarray(point_mm, float)
    return float(x), float(y), float(z)
