"""Vectors of unit length."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Shorter vectors are divided by this, so that a zero vector stays zero.
_LEAST_LENGTH = 1e-30


def unit_vectors(vectors: ArrayLike) -> NDArray[np.float64]:
    """Return one vector (3,) or many (..., 3) scaled to unit length; zero vectors stay zero."""
    values = np.asarray(vectors, float)
    if values.ndim == 1:
        return values / max(float(np.linalg.norm(values)), _LEAST_LENGTH)
    return values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), _LEAST_LENGTH)
