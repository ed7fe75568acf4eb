"""`fit_symmetry_plane`: the plane that mirrors the intact bone of a head onto itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.robust_fit import robust_fit
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

#: Distances between surface and mirror image for a plane's parameters.
Residuals = Callable[[NDArray[np.float64]], NDArray[np.float64]]
#: Number of points that the plane is fitted to, and scale of the robust loss, mm.
FIT_POINTS = 16_000
_ROBUST_MM = 2.0
#: Steps of the finite differences: two angles (radians) and the offset (mm), about half a coarse voxel at the
#: surface.
_STEPS = np.array([0.01, 0.01, 1.0])


def fit_symmetry_plane(
    field: Volume,
    points: NDArray[np.float64],
    pivot: NDArray[np.float64],
    axes: NDArray[np.float64] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], float, float]:
    """Fit the plane across which the bone's surface coincides best with its mirror image.

    Parameters
    ----------
    field : Volume
        Signed distance of the bone, mm, positive inside.
    points : (n, 3) array
        Points of the bone's surface, LPS mm.
    pivot : (3,) array
        Point that the plane is tilted about, LPS mm.
    axes : (3, 3) array, optional
        Frame (rows) whose first axis is the start for the normal, through `pivot`; None: the best of a coarse
        grid of planes whose normals are near LPS left.
    weights : (n,) array, optional
        Weight of each point; None: `FIT_POINTS` of the points, with equal weights.

    Returns
    -------
    normal : (3,) array
        Unit vector.
    offset : float
        Distance of the plane from the LPS origin along the normal, mm.
    residual : float
        Median distance between the surface and its mirror image, mm.
    """
    frame = np.eye(3) if axes is None else axes

    def residuals_of(moving: NDArray[np.float64]) -> Residuals:
        own, from_pivot = sample(field, moving), moving - pivot

        def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
            normal = _normal(parameters[:2], frame)
            height = from_pivot @ normal - parameters[2]
            mirrored = sample(field, moving - 2 * height[:, None] * normal, fill=-10.0)
            return np.clip(mirrored, -10.0, 3.0) - own

        return residuals

    start = np.zeros(3)
    if axes is None:
        start = _best_start(residuals_of(points[:: max(1, len(points) // 1_500)]))
    if weights is None:
        points = points[:: max(1, len(points) // FIT_POINTS)]
        weights = np.ones(len(points))
    counted = weights > 0
    weights, residuals = weights[counted], residuals_of(points[counted])

    best = robust_fit(
        lambda parameters: weights * residuals(parameters), start, steps=_STEPS, robust=_ROBUST_MM
    )
    normal = _normal(best[:2], frame)
    return normal, float(pivot @ normal + best[2]), float(np.median(np.abs(residuals(best))))


def _best_start(residuals: Residuals) -> NDArray[np.float64]:
    """Return the best of a grid of tilts within 14 degrees and offsets within 10 mm, by robust loss."""
    tilts, offsets = np.linspace(-0.24, 0.24, 5), np.linspace(-10, 10, 5)
    starts = np.array(np.meshgrid(tilts, tilts, offsets)).reshape(3, -1).T
    losses = [np.log1p((residuals(start) / _ROBUST_MM) ** 2).mean() for start in starts]
    return starts[int(np.argmin(losses))]


def _normal(angles: NDArray[np.float64], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first of `axes` (rows), tilted by `angles` (radians) towards the second and third."""
    normal = np.array([1.0, np.tan(angles[0]), np.tan(angles[1])]) @ axes
    return normal / np.linalg.norm(normal)
