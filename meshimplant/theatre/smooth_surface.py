"""`smooth_heights`: a surface on a map, smoothed without pulling in its edges, and continued beyond them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.head.fill import average_known

Floats = NDArray[np.float64]

#: Widths over which a parabola is fitted around each node, and over which what it leaves is averaged, mm.
_FIT_MM, _REST_MM = 8.0, 1.5
#: Heights that leave the parabola by more than this count little, mm; rounds of fitting.
_OUTLIER_MM, _ROUNDS = 1.0, 2
#: Share of the kernel that must be known for a fit of its own.
_LEAST_SHARE = 0.02
#: Powers of a parabola in two coordinates.
_POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))


def smooth_heights(
    heights_mm: Floats, known: NDArray[np.bool_], spacing_mm: float, *, terrace_mm: float = 0.0
) -> Floats:
    """Return the heights (rows, columns) of a smooth surface through the known nodes of a map.

    Around each node a parabola is fitted to the known heights, the nearer the more they count; so neither
    curvature nor slope pulls the surface at its edge, and it goes on smoothly beyond it. What the parabolas
    leave is averaged over a smaller width and added.

    Parameters
    ----------
    heights_mm : (rows, columns) array
        Heights at the nodes; ignored where not known.
    known : (rows, columns) array of bool
        Which of them are known.
    spacing_mm : float
        Distance between the nodes.
    terrace_mm : float
        What is left out of the rest: as much as terraces of voxels are high.

    Returns
    -------
    (rows, columns) array
        nan more than about 16 mm from any known node.
    """
    weight = known.astype(float)
    level = float(np.median(heights_mm[known]))
    values = np.where(known, heights_mm - level, 0.0)
    fitted = np.full(values.shape, np.nan)
    for number in range(_ROUNDS):
        fitted = _parabolas(values, weight, _FIT_MM / spacing_mm)
        if number + 1 < _ROUNDS:
            weight = known * np.where(np.abs(values - np.nan_to_num(fitted)) > _OUTLIER_MM, 0.05, 1.0)
    left = np.clip(np.where(known, values - fitted, 0.0), -_OUTLIER_MM, _OUTLIER_MM)
    mean, share = average_known(left, known & ~np.isnan(fitted), _REST_MM / spacing_mm, edge="nearest")
    rest = np.sign(mean) * np.maximum(np.abs(mean) - terrace_mm, 0) * np.clip(2 * share, 0, 1)
    return np.asarray(fitted + rest + level)


def _parabolas(values: Floats, weight: Floats, width: float) -> Floats:
    """Return at each node the parabola fitted around it; nan where too little is known."""
    reach = int(np.ceil(3 * width))
    along = np.arange(-reach, reach + 1) / width
    kernels = [np.exp(-0.5 * along**2) * along**power for power in range(5)]

    def moment(field: Floats, first: int, second: int) -> Floats:
        rows = ndimage.correlate1d(field, kernels[first], axis=0, mode="constant")
        return np.asarray(ndimage.correlate1d(rows, kernels[second], axis=1, mode="constant"))

    share = moment(weight, 0, 0) / kernels[0].sum() ** 2
    used = share > _LEAST_SHARE
    moments = {(i, j): moment(weight, i, j)[used] for i in range(5) for j in range(5) if i + j <= 4}
    system = np.stack(
        [np.stack([moments[a + c, b + d] for c, d in _POWERS], axis=-1) for a, b in _POWERS], axis=-2
    )
    right = np.stack([moment(weight * values, i, j)[used] for i, j in _POWERS], axis=-1)
    ridge = 1e-6 * moments[0, 0][:, None, None] * np.eye(len(_POWERS))
    found = np.full(values.shape, np.nan)
    found[used] = np.linalg.solve(system + ridge, right[..., None])[:, 0, 0]
    return found
