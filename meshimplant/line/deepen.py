"""`deepen`: extend a body towards the inside of the head, so that the wall thickness fits into it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.errors import require_type
from meshimplant.voxels.grid import box_slices
from meshimplant.voxels.volume import Volume

_STEP_MM = 0.5


def deepen(body: Volume, depth_mm: float, *, inside_mm: ArrayLike) -> Volume:
    """Sweep a body towards a point inside the head; its outer surface stays.

    Where the vault is thinner than the part (temples, thin skulls), the body is not deep enough for the
    part's thickness. Moving the inner surface of a mesh would fold it at the border; sweeping the field
    cannot.

    Parameters
    ----------
    body : Volume
        Field, mm, positive inside, on a grid with at least `depth_mm` of room on the inner side of the body.
    depth_mm : float
        Length of the sweep, >= 0.
    inside_mm : (3,)
        LPS point inside the head.

    Returns
    -------
    Volume
        The union of the body's positions along the sweep, on the same grid. Values are distances near the
        outer surface and lower bounds elsewhere. Farther than `depth_mm` and three voxels from the body's
        bounding box they are unchanged.

    Notes
    -----
    A voxel that the sweep adds lies within `depth_mm` and one voxel of the body, and meshing reads two more
    voxels. So what lies outside that box, such as debris elsewhere on the skull, is not processed.
    """
    require_type(body, Volume, "the body")
    start, stop = body.box_of(body.array > 0, depth_mm, extra_voxels=4)
    near = np.argwhere(body.array[box_slices(start, stop)] > -(depth_mm + 2.0)) + start
    points = body.to_mm(near)
    outwards = points - np.asarray(inside_mm, float)
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    step_index = outwards @ np.linalg.inv(body.affine)[:3, :3].T
    values = body.array[tuple(near.T)].copy()
    for distance in np.linspace(0, depth_mm, 1 + int(np.ceil(depth_mm / _STEP_MM)))[1:]:
        np.maximum(values, _read(body, near + distance * step_index), out=values)
    array = body.array.copy()
    array[tuple(near.T)] = values
    return body.with_array(array)


def _read(body: Volume, index: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the values of a field at fractional indices (n, 3)."""
    return ndimage.map_coordinates(body.array, index.T, order=1, mode="nearest", output=np.float32)
