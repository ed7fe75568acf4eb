"""`collision`: whether a piece of a mould comes off another body along a straight way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.manufacture.pull import FREE_MM
from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.mesh.rays import RayCaster

#: How far the pieces of a mould are moved apart, mm. It is proven for all of the way, not for steps of it.
TRAVEL_MM = 40.0
#: Rays into a body start this deep in it, mm.
_SKIN_MM = 1e-3

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Collision:
    """Where two bodies meet as one of them is moved away.

    Attributes
    ----------
    area_mm2 : float
        Area of the faces, of both, that meet the other body.
    place_mm : (3,) array or None
        The place of the largest of these faces, in the frame of the bodies.
    """

    area_mm2: float
    place_mm: Floats | None


def collision(moving: trimesh.Trimesh, standing: trimesh.Trimesh, axis: Floats) -> Collision:
    """Return where a body that is moved by `TRAVEL_MM` along a unit vector meets another one.

    From a point `FREE_MM` inside the body under the middle of each of its faces a ray runs along the way:
    where it meets the other body, more than `FREE_MM` of material does. The same is done backwards from the
    other body. Contact, edges thinner than `FREE_MM` and touching by less than it are no collision.
    """
    area, place, largest = 0.0, None, 0.0
    for body, other, way in ((moving, standing, axis), (standing, moving, -np.asarray(axis))):
        normals, areas = face_normals_and_areas(body)
        start = np.asarray(body.triangles_center) - FREE_MM * normals
        distance = RayCaster(other).first(start, np.broadcast_to(way, start.shape))[0]
        met = np.flatnonzero(distance <= TRAVEL_MM)
        skin = np.asarray(body.triangles_center)[met] - _SKIN_MM * normals[met]
        met = met[RayCaster(body).first(skin, -normals[met])[0] > FREE_MM]
        area += float(areas[met].sum())
        if len(met) and areas[met].max() > largest:
            largest, place = float(areas[met].max()), start[met[np.argmax(areas[met])]]
    return Collision(area, place)
