"""`intact_bone`: where bone around an implant is intact surface, and not the wall of the defect."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.head.direction_map import DirectionMap, Extent
from meshimplant.head.fill import fill_from_nearest
from meshimplant.implant.surfaces import OutwardField
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

#: Bone whose surface lies within this of the implant's surface continues it, mm; deeper bone (a sinus, the
#: orbit) does not.
_REACH_MM = 4.0
#: Intact bone surface is parallel to the implant's within this angle, cosine of 37 degrees.
_PARALLEL_COSINE = 0.8
_STEP_MM = 0.3
_FAR = -1e3


def intact_bone(
    view: DirectionMap,
    bone: Volume,
    part: Extent,
    outwards: OutwardField,
    *,
    side: int,
    reach_mm: float = _REACH_MM,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Find the skull's outer (side 1) or inner (side -1) surface over, under and around an implant.

    Parameters
    ----------
    view : DirectionMap
        The map.
    bone : Volume
        Signed distance of the defective skull, mm, positive inside.
    part : Extent
        The implant on the map.
    outwards : OutwardField
        Local outward direction of the implant.
    side : int
        1 for the outer surface, -1 for the inner one.
    reach_mm : float
        Distance from the implant's surface, along each direction, within which bone is searched.

    Returns
    -------
    surface, intact : (rows, columns) arrays
        Distance of the bone's surface from the centre, and where it is intact. Bone that is tilted by more
        than 37 degrees is the wall of the defect.
    """
    radii = fill_from_nearest(part.outer_mm if side > 0 else part.inner_mm, part.hit)
    surface, found = _first_bone(view, bone, radii, side, reach_mm)
    points = view.points_at(surface)[found]
    half = 0.5 * np.eye(3)
    gradient = np.stack(
        [sample(bone, points + e, fill=0) - sample(bone, points - e, fill=0) for e in half], axis=1
    )
    gradient /= np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-6)
    intact = np.zeros(view.shape, bool)
    intact[found] = -side * np.einsum("ij,ij->i", gradient, outwards.at(points)) > _PARALLEL_COSINE
    return surface, ndimage.binary_opening(ndimage.binary_closing(intact)) & found


def _first_bone(
    view: DirectionMap, bone: Volume, radii: NDArray[np.float64], side: int, reach_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """March towards bone from `reach_mm` off the implant's surface; return where it begins, if it does.

    Steps that the distance to bone rules out are skipped; a fifth of the steps remain, with the same result.
    """
    offsets = side * np.arange(reach_mm, -reach_mm - _STEP_MM, -_STEP_MM)
    spare_mm = _STEP_MM + 2 * float(bone.spacing_mm.max())
    flat, unit = radii.ravel(), view.directions.reshape(-1, 3)
    surface, found = flat.copy(), np.zeros(flat.size, bool)
    due, before = np.zeros(flat.size, int), np.full(flat.size, np.inf)
    for number, offset in enumerate(offsets):
        index = np.flatnonzero(due == number)
        value = sample(bone, view.centre_mm + unit[index] * (flat[index] + offset)[:, None], fill=_FAR)
        entered = value > 0
        here = entered & (before[index] <= 0)
        hit = index[here]
        share = value[here] / np.maximum(value[here] - before[hit], 1e-6)
        surface[hit] = flat[hit] + offset + side * _STEP_MM * share
        found[hit] = True
        before[index] = value
        free_mm = np.where(value > _FAR, -value - spare_mm, 0.0)
        due[index] = np.where(entered, len(offsets), number + 1 + np.maximum(free_mm // _STEP_MM, 0))
    return surface.reshape(view.shape), found.reshape(view.shape)
