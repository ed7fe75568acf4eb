"""Modes of variation of a population, and their robust, bounded fit to one head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Rounds of reweighting.
_ROUNDS = 8


def principal_modes(
    rows: NDArray[np.floating], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of rows and their strongest modes, each one standard deviation long.

    The sign of a mode makes its sum positive, so that equal rows give equal modes on every machine.

    Parameters
    ----------
    rows : (s, ...) array
        One row for each member of the population.
    count : int
        Number of modes; at most one less than there are rows.

    Returns
    -------
    mean : (...) array
    modes : (k, ...) array
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
    """Return the coefficients (k,), each within +-`limit`, of the robust fit of `terms` to `values`.

    The prior of each coefficient is a standard normal. Values lose weight (Cauchy loss) as their residual
    exceeds `robust`, so that features which no member of the population has (a burr hole, a sinus, the edge
    of the opening) have little influence.

    Parameters
    ----------
    terms : (n, k) array
        Modes at the measured places.
    values : (n,) array
        Measured values.
    noise : float
        Standard deviation of one value. Raise it where values are many and their errors correlated.
    limit : float
        Bound of the coefficients, standard deviations.
    robust : float
        Scale of the Cauchy loss, in the unit of `values`.

    Returns
    -------
    (k,) array
    """
    from scipy.optimize import lsq_linear

    prior = np.eye(terms.shape[1])
    coefficients = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        weight = np.sqrt(1 / (1 + ((values - terms @ coefficients) / robust) ** 2)) / noise
        rows = np.concatenate([terms * weight[:, None], prior])
        targets = np.append(values * weight, np.zeros(len(prior)))
        # The triangular factor has the same least-squares solution, with only k + 1 rows.
        system = np.column_stack([rows, targets])
        triangle: NDArray[np.float64] = np.linalg.qr(system, mode="r")  # type: ignore[assignment]
        coefficients = np.asarray(
            lsq_linear(triangle[:, :-1], triangle[:, -1], bounds=(-limit, limit)).x, np.float64
        )
    return coefficients
