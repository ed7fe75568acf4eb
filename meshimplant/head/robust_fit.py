"""Robust least squares with slopes taken over steps of a stated size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray


def robust_fit(
    residuals: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    start: ArrayLike,
    *,
    steps: ArrayLike,
    robust: float,
) -> NDArray[np.float64]:
    """Return the parameters (n,) that minimise the Cauchy loss of `residuals`.

    Residuals read from voxels or tables have kinks and, within rounding, jumps; differences over a tiny step then say nothing.
    Here slopes are central differences over `steps`, one absolute step per parameter, chosen as large as the smallest
    change that matters.

    Parameters
    ----------
    residuals
        From parameters (n,) to residuals (m,).
    start
        Parameters to start from.
    steps
        Step of each parameter, in its own unit; also its scale.
    robust
        Residuals well above this hardly count.
    """
    from scipy.optimize import least_squares

    steps = np.asarray(steps, float)

    def slopes(at: NDArray[np.float64]) -> NDArray[np.float64]:
        sides = [(residuals(at + step) - residuals(at - step)) / (2 * step.sum()) for step in np.diag(steps)]
        return np.stack(sides, axis=1)

    fit = least_squares(
        residuals,
        np.asarray(start, float),
        slopes,
        loss="cauchy",
        f_scale=robust,
        x_scale=steps,
        max_nfev=60,
        xtol=1e-7,
        ftol=1e-9,
    )
    return np.asarray(fit.x)
