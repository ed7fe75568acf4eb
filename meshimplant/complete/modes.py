"""Modes of a population, and their robust, bounded fit to the readings of one head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Rounds in which readings are weighted anew.
_ROUNDS = 8


def principal_modes(
    rows: NDArray[np.floating], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean (...) of rows (s, ...) and their strongest modes (k, ...), each one standard deviation long.

    k is `count`, or one less than there are rows. A mode's sign makes its sum positive, so that the same rows give the same
    modes on every machine.
    """
    flat = rows.reshape(len(rows), -1)
    mean = flat.mean(axis=0)
    _, size, right = np.linalg.svd(flat - mean, full_matrices=False)
    count = min(count, len(rows) - 1)
    modes = right[:count] * (size[:count, None] / np.sqrt(max(1, len(rows) - 1)))
    modes *= np.where(modes.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    return mean.reshape(rows.shape[1:]), modes.reshape(count, *rows.shape[1:])


def fit_modes(
    terms: NDArray[np.float64], values: NDArray[np.float64], *, noise: float, limit: float, robust: float
) -> NDArray[np.float64]:
    """Return coefficients (k,) with which `terms` (n, k) explain `values` (n,), each within +-`limit`.

    A priori each coefficient is a standard normal. Readings lose weight (Cauchy) as they depart by more than `robust`, so that
    what no member of the population has (a burr hole, a sinus, the edge of the opening) hardly counts.

    Parameters
    ----------
    noise
        Standard deviation of one reading, unit of `values`. Raise it where readings are many and their errors alike.
    """
    from scipy.optimize import lsq_linear

    prior = np.eye(terms.shape[1])
    coefficients = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        weight = np.sqrt(1 / (1 + ((values - terms @ coefficients) / robust) ** 2)) / noise
        rows = np.concatenate([terms * weight[:, None], prior])
        wanted = np.append(values * weight, np.zeros(len(prior)))
        # The triangle has the same minimum as the rows, and no more of them than there are coefficients.
        triangle: NDArray[np.float64] = np.linalg.qr(np.column_stack([rows, wanted]), mode="r")  # type: ignore[assignment]
        coefficients = np.asarray(
            lsq_linear(triangle[:, :-1], triangle[:, -1], bounds=(-limit, limit)).x, np.float64
        )
    return coefficients
