"""`robust_fit`: robust least squares with finite differences over steps of a stated size."""

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

    Residuals interpolated from voxels or maps have kinks and, within rounding, jumps, so that differences
    over a tiny step are meaningless. The Jacobian is therefore computed by central differences over `steps`,
    one absolute step per parameter, chosen as large as the smallest change that matters.

    Parameters
    ----------
    residuals : callable
        Maps parameters (n,) to residuals (m,).
    start : (n,) array
        Initial parameters.
    steps : (n,) array
        Step of each parameter, in its own unit; also its scale.
    robust : float
        Scale of the loss: residuals well above it have little weight.

    Returns
    -------
    (n,) array
    """
    from scipy.optimize import least_squares

    steps = np.asarray(steps, float)

    def jacobian(at: NDArray[np.float64]) -> NDArray[np.float64]:
        sides = [(residuals(at + step) - residuals(at - step)) / (2 * step.sum()) for step in np.diag(steps)]
        return np.stack(sides, axis=1)

    fit = least_squares(
        residuals,
        np.asarray(start, float),
        jacobian,
        loss="cauchy",
        f_scale=robust,
        x_scale=steps,
        max_nfev=60,
        xtol=1e-7,
        ftol=1e-9,
    )
    return np.asarray(fit.x)
