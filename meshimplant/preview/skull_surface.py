"""`skull_surface`, `picture_skull`: a surface of the skull with few faces, for pictures."""

from __future__ import annotations

import numpy as np
import trimesh

from meshimplant.line.extract import extract
from meshimplant.preview.decimate import MAX_SKULL_FACES, decimate
from meshimplant.skull.thick_slices import interpolate_slices
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

#: Voxel size of the skull in pictures, mm: two pixels of the sheet; about as many faces as a page may hold.
_PICTURE_MM = 1.4
#: Most voxels averaged along one axis: the sum of six cubed still fits into a byte.
_MOST_AVERAGED = 6


def skull_surface(skull: Volume) -> trimesh.Trimesh:
    """Return a surface of the skull for pictures, from voxels averaged to about 1.4 mm.

    Thick slices are interpolated first. Only the bounding box of the bone is averaged, with sums in bytes.

    Parameters
    ----------
    skull : Volume
        Mask of bone.

    Returns
    -------
    Trimesh
        LPS mm.
    """
    return extract(averaged_bone(skull, _PICTURE_MM), level=0.5)


def picture_skull(skull: Volume) -> trimesh.Trimesh:
    """Return the `skull_surface` of a mask with no more faces than the pictures show, LPS mm."""
    return decimate(skull_surface(skull), max_faces=MAX_SKULL_FACES)


def averaged_bone(skull: Volume, voxel_mm: float) -> Volume:
    """Return the fraction of bone (float32) in blocks of about `voxel_mm`, on the box of the bone."""
    skull = interpolate_slices(skull)
    factor = np.clip(np.rint(voxel_mm / skull.spacing_mm).astype(int), 1, _MOST_AVERAGED)
    start, stop = bounding_box(skull.array)
    skull = skull.crop(start - factor, stop + 2 * factor)
    count = (skull.array != 0).view(np.uint8)
    for axis, step in enumerate(factor):
        length = count.shape[axis] // step
        layers = [np.moveaxis(count, axis, 0)[first : length * step : step] for first in range(step)]
        count = np.moveaxis(sum(layers[1:], start=layers[0]), 0, axis)
    array = count.astype(np.float32) / np.float32(np.prod(factor))
    return Volume(array, skull.coarsened(factor))
