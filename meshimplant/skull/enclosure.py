"""`find_braincase`: the place that the bone of a mask encloses best, and whether a braincase fits there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.pose import coarse_bodies
from meshimplant.voxels.volume import Volume

#: A skull encloses a point on this fraction of all sides at least, and on one side or the other along this
#: fraction of all axes. Measured on 75 complete skulls and 20 with defects: 0.93 and more, and 1.00. On 35 of
#: them with half of the vault taken away, all below the centre cut off, or scaled to 0.5: 0.64 and 0.90 at
#: least. A cap reaches 0.62, half a vault alone 0.60, an implant 0.46, a jaw 0.19, a ring
#: of 60 mm radius and 80 mm height (a neck collar) 0.61; half a head passes, and so does a long tube.
LEAST_SIDES_FRACTION, LEAST_AXES_FRACTION = 0.63, 0.88
#: A braincase is at least this wide in its narrowest direction, mm: those skulls scaled to 0.5 are 70 mm
#: wide, a knee with hollow bones 44 mm.
LEAST_WIDTH_MM = 56.0
#: The bone of a braincase lies this far from a point inside, mm.
_RADIUS_MM = (20.0, 100.0)
#: Edge of the voxels in which rays are followed, distance of points along a ray, and of their origins, mm.
VOXEL_MM, _STEP_MM, _APART_MM = 4.0, 4.0, 16.0


@dataclass(frozen=True, eq=False)
class Enclosure:
    """The place that the bone of a mask encloses best, if possible from one side or the other on all axes.

    Attributes
    ----------
    centre_mm : (3,) array
        That place, LPS.
    sides_fraction : float
        Fraction of all directions in which bone follows within the size of a braincase.
    axes_fraction : float
        Fraction of all axes along which it follows on one side at least.
    extents_mm : (3,) array
        Size of the largest body along the axes of the grid.
    """

    centre_mm: NDArray[np.float64]
    sides_fraction: float
    axes_fraction: float
    extents_mm: NDArray[np.float64]

    @property
    def is_wide(self) -> bool:
        """Whether the body is as wide as a braincase."""
        return float(self.extents_mm.min()) >= LEAST_WIDTH_MM

    @property
    def is_braincase(self) -> bool:
        """Whether as much is enclosed as by the smallest rest of a skull, and there is room for a brain."""
        return (
            self.is_wide
            and self.sides_fraction >= LEAST_SIDES_FRACTION
            and self.axes_fraction >= LEAST_AXES_FRACTION
        )


def find_braincase(mask: Volume) -> Enclosure:
    """Find the place that the largest body of a mask encloses best, wherever the head's top is.

    From points 16 mm apart, rays are followed in 162 directions to the first bone on a grid of about 4 mm.

    Parameters
    ----------
    mask : Volume
        Non-zero is bone; not empty.

    Returns
    -------
    Enclosure
    """
    return enclosure_of(coarse_bodies(mask, VOXEL_MM)[0])


def enclosure_of(bone: Volume) -> Enclosure:
    """Return what one body of coarse bone, see `coarse_bodies`, encloses."""
    origins = _origins(bone)
    directions, opposite = _directions()
    sides = np.concatenate([_enclosing(bone, part, directions) for part in np.array_split(origins, 8)])
    axes = (sides | sides[:, opposite]).mean(axis=1)
    around = sides.mean(axis=1)
    best = int((around - (axes < LEAST_AXES_FRACTION)).argmax())
    return Enclosure(bone.to_mm(origins[best]), float(around[best]), float(axes[best]), extents_mm(bone))


def extents_mm(bone: Volume) -> NDArray[np.float64]:
    """Return the size (3,) of a mask along the axes of its grid, mm."""
    return (np.ptp(np.argwhere(bone.array), axis=0) + 1) * bone.spacing_mm


@lru_cache(maxsize=1)
def _directions() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return 162 near-uniform unit vectors (n, 3), and the index of the opposite of each."""
    import trimesh

    directions = np.asarray(trimesh.creation.icosphere(subdivisions=2, radius=1.0).vertices, float)
    return directions, (directions @ directions.T).argmin(axis=1)


def _origins(bone: Volume) -> NDArray[np.int64]:
    """Return voxels (n, 3) without bone on a regular lattice."""
    strides = np.maximum(1, np.rint(_APART_MM / bone.spacing_mm).astype(int))
    lattice = np.meshgrid(
        *(np.arange(min(step, size) // 2, size, step) for size, step in zip(bone.shape, strides, strict=True))
    )
    index = np.stack(lattice, axis=-1).reshape(-1, 3)
    free = index[~bone.array[tuple(index.T)]]
    return free if len(free) else index


def _enclosing(
    bone: Volume, origins: NDArray[np.int64], directions: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which rays (origins, directions) meet their first bone at the distance of a braincase."""
    step = (directions @ np.linalg.inv(bone.affine)[:3, :3].T).astype(np.float32)
    found = np.zeros((len(origins), len(directions)), bool)
    origin, direction = (side.ravel() for side in np.indices(found.shape))
    start = origins.astype(np.float32) + np.float32(0.5)
    for radius in np.arange(_STEP_MM, _RADIUS_MM[1] + _STEP_MM / 2, _STEP_MM, dtype=np.float32):
        index = (start[origin] + radius * step[direction]).astype(np.int32)
        inside = ((index >= 0) & (index < bone.shape)).all(axis=1)
        origin, direction, index = origin[inside], direction[inside], index[inside]
        hit = bone.array[tuple(index.T)]
        if radius >= _RADIUS_MM[0]:
            found[origin[hit], direction[hit]] = True
        origin, direction = origin[~hit], direction[~hit]
    return found
