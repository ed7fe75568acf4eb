"""`surface_tree`: nearest-neighbour queries among points on a surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from scipy.spatial import cKDTree


def surface_tree(points: ArrayLike) -> cKDTree:
    """Return a k-d tree of points (n, 3) on a surface.

    Nodes are split at the midpoint and not shrunk around their points. Measured on 39 000 vertices of a
    part's outer surface and 130 000 points within 10 mm of it: 0.5 s for all nearest vertices, against 1.4 s
    with scipy's defaults.
    """
    from scipy.spatial import cKDTree

    return cKDTree(np.asarray(points, float), balanced_tree=False, compact_nodes=False)
