"""The winding number: inside or outside, also of surfaces with holes, overlaps and crossings."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray


def winding_number(mesh: trimesh.Trimesh, points_mm: ArrayLike) -> NDArray[np.float64]:
    """Return the generalised winding number (n,) of a mesh at LPS points (n, 3).

    It is 1 inside, 0 outside and 1/2 on the surface. Overlapping bodies add up; near a hole it changes
    smoothly from 1 to 0.

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
