"""The winding number: inside or outside, also for surfaces with holes, overlaps and crossings."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray


def winding_number(mesh: trimesh.Trimesh, points_mm: ArrayLike) -> NDArray[np.float64]:
    """Return the generalised winding number (n,) at LPS points (n, 3): 1 inside, 0 outside, 1/2 on the
    surface.

    Overlapping bodies add up; near a hole the number passes smoothly from 1 to 0.

    Source: Barill et al., Fast winding numbers for soups and clouds, ACM TOG 37(4), 2018, through libigl.
    """
    import igl

    points = np.ascontiguousarray(points_mm, np.float64).reshape(-1, 3)
    if not len(points):
        return np.zeros(0)
    vertices = np.ascontiguousarray(mesh.vertices, np.float64)
    return np.asarray(
        igl.fast_winding_number(vertices, np.ascontiguousarray(mesh.faces, np.int64), points)
    ).reshape(-1)
