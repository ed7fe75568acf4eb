"""Grids of the networks: boxes in the head's own frame, so that all heads are aligned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.errors import GeometryError
from meshimplant.head.pose import HeadPose
from meshimplant.voxels.volume import Volume

if TYPE_CHECKING:
    from torch import Tensor

#: Signed distances are clipped here; it is also the unit of the networks' input and output.
CLIP_MM = 8.0
#: Resolution of signed distances on disk: +-`CLIP_MM` is stored as +-120.
STEP_MM = 1 / 15


_Values = TypeVar("_Values", "NDArray[Any]", "Tensor")


@dataclass(frozen=True)
class HeadGrid:
    """A box of cubic voxels in the head's frame (left, back, top; mm from the head's centre).

    Attributes
    ----------
    low_mm : (3,) tuple
        Corner of the box, half a voxel below the first voxel's centre.
    shape : (3,) tuple of int
    spacing_mm : float
    """

    low_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    spacing_mm: float

    @property
    def affine(self) -> NDArray[np.float64]:
        """Map from voxel indices to the head's frame, (4, 4)."""
        affine = np.diag([self.spacing_mm, self.spacing_mm, self.spacing_mm, 1.0])
        affine[:3, 3] = np.add(self.low_mm, self.spacing_mm / 2)
        return affine

    def affine_in(self, pose: HeadPose) -> NDArray[np.float64]:
        """Map from voxel indices to the patient's LPS millimetres, (4, 4)."""
        return pose.frame @ self.affine

    def line_mm(self, axis: int) -> NDArray[np.float32]:
        """Return the voxels' centres along one axis, in the head's frame, (shape[axis],)."""
        places = self.low_mm[axis] + self.spacing_mm * (np.arange(self.shape[axis]) + 0.5)
        return places.astype(np.float32)

    def points_mm(self) -> NDArray[np.float32]:
        """Return the voxels' centres in the head's frame, (*shape, 3)."""
        lines = [self.line_mm(axis) for axis in range(3)]
        return np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)

    def crop(self, start: ArrayLike, stop: ArrayLike) -> HeadGrid:
        """Return the grid of the voxels ``start <= index < stop`` of this one."""
        first, after = np.asarray(start, int), np.asarray(stop, int)
        if np.any(first < 0) or np.any(after > self.shape) or np.any(after <= first):
            raise GeometryError(
                f"expected a box inside the {self.shape} grid, got {first.tolist()} to {after.tolist()}"
            )
        low = np.add(self.low_mm, self.spacing_mm * first)
        i, j, k = (int(n) for n in after - first)
        return HeadGrid((float(low[0]), float(low[1]), float(low[2])), (i, j, k), self.spacing_mm)

    def volume(self, values: NDArray[Any]) -> Volume:
        """Return values (*shape) as a Volume in the head's own frame, where the head has `identity_pose`."""
        if values.shape != self.shape:
            raise GeometryError(
                f"expected values of shape {self.shape}, got {values.shape}: they must lie on this grid"
            )
        return Volume(values, self.affine)


#: Both span the same box; the centres of COARSE are every third centre of FINE (`take_coarse`).
FINE = HeadGrid((-96.0, -120.0, -54.0), (192, 240, 144), 1.0)
COARSE = HeadGrid((-96.0, -120.0, -54.0), (64, 80, 48), 3.0)


def sample_head(volume: Volume, pose: HeadPose, grid: HeadGrid, fill: float) -> NDArray[np.float32]:
    """Interpolate a volume at the voxels of a head's grid, trilinearly.

    Parameters
    ----------
    volume : Volume
        On any grid, in the patient's LPS millimetres.
    pose : HeadPose
        Position of the head in the volume's frame.
    grid : HeadGrid
    fill : float
        Value outside the volume.

    Returns
    -------
    (*grid.shape) float32 array
    """
    matrix = np.linalg.inv(volume.affine) @ grid.affine_in(pose)
    source = volume.array.view(np.uint8) if volume.array.dtype == bool else volume.array
    return ndimage.affine_transform(
        source, matrix[:3, :3], matrix[:3, 3], grid.shape, output=np.float32, order=1, cval=fill
    )


def take_coarse(fine: _Values) -> _Values:
    """Return values of `FINE` (..., x, y, z) at the voxel centres of `COARSE`."""
    return fine[..., 1::3, 1::3, 1::3]


def pack_field(field_mm: NDArray[np.floating]) -> NDArray[np.int8]:
    """Return a signed distance, clipped to `CLIP_MM`, in whole steps of `STEP_MM`."""
    return np.rint(np.clip(field_mm, -CLIP_MM, CLIP_MM) / STEP_MM).astype(np.int8)


def unpack_field(steps: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return the signed distance, mm, from the steps of `pack_field`."""
    return steps.astype(np.float32) * np.float32(STEP_MM)
