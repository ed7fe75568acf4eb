"""`skull_surface`: a light surface of the bone, for pictures."""

from __future__ import annotations

import numpy as np
import trimesh

from meshimplant.line.extract import extract
from meshimplant.skull.thick_slices import interpolate_slices
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

#: Voxel edge of the skull in pictures, mm: two pixels of the sheet; its surface has about as many faces as a page may hold.
_PICTURE_MM = 1.4
#: Voxels averaged along one axis at most: six cubed still count in a byte.
_MOST_AVERAGED = 6


def skull_surface(skull: Volume) -> trimesh.Trimesh:
    """Return a surface of the bone for pictures, from voxels averaged to about 1.4 mm, thick slices interpolated.

    Voxels are counted in bytes, and in the bone's box alone.
    """
    skull = interpolate_slices(skull)
    factor = np.clip(np.rint(_PICTURE_MM / skull.spacing_mm).astype(int), 1, _MOST_AVERAGED)
    start, stop = bounding_box(skull.array)
    skull = skull.crop(start - factor, stop + 2 * factor)
    count = (skull.array != 0).view(np.uint8)
    for axis, step in enumerate(factor):
        length = count.shape[axis] // step
        layers = [np.moveaxis(count, axis, 0)[first : length * step : step] for first in range(step)]
        count = np.moveaxis(sum(layers[1:], start=layers[0]), 0, axis)
    array = count.astype(np.float32) / np.float32(np.prod(factor))
    return extract(Volume(array, skull.coarsened(factor)), level=0.5)
