"""`deepen`: give a body more depth towards the inside of the head, so that a wall thickness can be cut from it everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.voxels.grid import box_slices
from meshimplant.voxels.volume import Volume

_STEP_MM = 0.5


def deepen(body: Volume, depth_mm: float, *, centre_mm: ArrayLike) -> Volume:
    """Sweep a body towards a point inside the head; its outer surface stays.

    A vault thinner than the part (temples, thin skulls) leaves no room to cut the part's thickness from. Moving the inner
    surface of a mesh would fold it at the border; the sweep of the field cannot.

    Parameters
    ----------
    body : Volume
        Field, positive inside, mm, with at least `depth_mm` of room on its inner side.
    depth_mm : float
        How far to sweep, >= 0.
    centre_mm : (3,)
        LPS point inside the head.

    Returns
    -------
    Volume
        The union of the body's positions along the sweep, on the same grid; values are distances near the outer surface
        and lower bounds elsewhere; farther than `depth_mm` and three voxels from the body's own box they are unchanged.

    Notes
    -----
    A voxel that the sweep takes in lies within `depth_mm` and one voxel of one that was inside, and a mesh of it reads no
    farther than two voxels on; so what lies beyond that box, debris of a whole skull, need not move.
    """
    start, stop = body.box_of(body.array > 0, depth_mm, extra_voxels=4)
    reach = np.argwhere(body.array[box_slices(start, stop)] > -(depth_mm + 2.0)) + start
    points = body.to_mm(reach)
    outwards = points - np.asarray(centre_mm, float)
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    step_index = outwards @ np.linalg.inv(body.affine)[:3, :3].T
    values = body.array[tuple(reach.T)].copy()
    for distance in np.linspace(0, depth_mm, 1 + int(np.ceil(depth_mm / _STEP_MM)))[1:]:
        np.maximum(values, _read(body, reach + distance * step_index), out=values)
    array = body.array.copy()
    array[tuple(reach.T)] = values
    return body.with_array(array)


def _read(body: Volume, index: NDArray[np.float64]) -> NDArray[np.float32]:
    return ndimage.map_coordinates(body.array, index.T, order=1, mode="nearest", output=np.float32)
