"""Fill the unknown nodes of a map from its known ones."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def fill_from_nearest(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a map with each unknown node set to the nearest known value; unchanged if none is known."""
    from scipy.spatial import cKDTree

    filled = values.copy()
    if known.any() and not known.all():
        nearest = cKDTree(np.argwhere(known)).query(np.argwhere(~known))[1]
        filled[~known] = values[known][nearest]
    return filled


def average_known(
    values: NDArray[np.float64],
    known: NDArray[np.bool_],
    width: float,
    *,
    edge: Literal["reflect", "nearest"] = "reflect",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the Gaussian-weighted mean of the known values around each node of a map, and its weight.

    Parameters
    ----------
    values : (rows, columns) array
        Values at the nodes; ignored where not known.
    known : (rows, columns) array of bool
        Which values count.
    width : float
        Standard deviation of the Gaussian, in nodes.
    edge : str
        How the map goes on beyond its edge, as in `scipy.ndimage`.

    Returns
    -------
    mean : (rows, columns) array
        0 where no known value is near.
    weight : (rows, columns) array
        Share of the Gaussian that lies on known nodes, 0 to 1.
    """
    weight = ndimage.gaussian_filter(known.astype(float), width, mode=edge)
    total = ndimage.gaussian_filter(np.where(known, values, 0.0), width, mode=edge)
    return total / np.maximum(weight, 1e-9), weight
