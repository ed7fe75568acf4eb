"""`deviation_from_mirrored`: how far a part stands out of the head's other side."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.head.pose import HeadPose
from meshimplant.mesh.rays import RayCaster
from meshimplant.mesh.vectors import unit_vectors

#: Bone of the other side is looked for this far above and below the part, mm: a hand's breadth would find the
#: wrong bone. Source: our choice.
_REACH_MM = 20.0
#: Cosine between a surface and the way out of the head from which on it is an outer surface.
_OUTWARD = 0.6


def deviation_from_mirrored(
    part: trimesh.Trimesh, skull: trimesh.Trimesh, pose: HeadPose
) -> NDArray[np.float64]:
    """Return how far the outer surface of a part stands out of the mirror image of the head's other side.

    Parameters
    ----------
    part : Trimesh
        LPS mm.
    skull : Trimesh
        Surface of the bone, LPS mm.
    pose : HeadPose
        The head's symmetry plane and centre.

    Returns
    -------
    (n,) array
        mm along the direction from the head's centre, positive where the part stands out; nan on the inner
        surface and on the border, and where the other side has no bone within 20 mm.
    """
    vertices = np.asarray(part.vertices, float)
    outward = unit_vectors(vertices - pose.centre_mm)
    lean = np.einsum("ij,ij->i", np.asarray(part.vertex_normals, float), outward)
    outer = np.flatnonzero(lean > _OUTWARD)
    deviation = np.full(len(vertices), np.nan)
    ways = pose.mirror_directions(outward[outer])
    starts = pose.mirror_points(vertices[outer]) + _REACH_MM * ways
    depth_mm, _ = RayCaster(skull).first(starts, -ways)
    with np.errstate(invalid="ignore"):
        depth_mm = np.where(depth_mm <= 2 * _REACH_MM, depth_mm, np.nan)
    deviation[outer] = depth_mm - _REACH_MM
    return deviation
