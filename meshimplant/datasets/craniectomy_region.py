"""What all virtual defects share: the box around one, the roughness of its wall, and the refusal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import InputError
from meshimplant.voxels.volume import Volume

#: Irregularity of the sawn wall, mm.
_ROUGHNESS_MM = 0.25

NO_VAULT = (
    "expected vault bone where the defect should be, got none: pass a complete skull whose vault is in the "
    "scan, or another kind or seed"
)


def box_around(complete: Volume, points_mm: NDArray[np.float64]) -> Volume:
    """Return the mask of the skull in a box around LPS points (n, 3)."""
    start, stop = complete.box_around(points_mm, 2)
    if np.any(stop <= 0) or np.any(start >= complete.shape):
        raise InputError(NO_VAULT)
    box = complete.crop(start, stop)
    return box.with_array(box.array != 0)


def roughness(rng: np.random.Generator, local: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return smooth noise, mm, with wavelengths of 5 to 15 mm, at points (n, 3)."""
    total = np.zeros(len(local), np.float32)
    points = local.astype(np.float32)
    for _ in range(6):
        wave = rng.normal(size=3)
        wave *= 2 * np.pi / (np.linalg.norm(wave) * rng.uniform(5, 15))
        total += np.sin(points @ wave.astype(np.float32) + np.float32(rng.uniform(0, 2 * np.pi)))
    return np.float32(_ROUGHNESS_MM / np.sqrt(3)) * total
