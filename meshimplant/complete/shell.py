"""`Shell`: the solid between two surfaces on a chart of the vault."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.head.chart import Chart
from meshimplant.head.pose import HeadPose
from meshimplant.voxels.fields import sample
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

#: Signed distance outside the grid of a predicted head.
_NO_BONE_MM = -8.0
#: Below the vault bone may lie as deep as this fraction of the estimated radius: the roof of the orbit.
DEEPEST = 0.6


@dataclass(frozen=True, eq=False)
class Shell:
    """Bone between two surfaces over part of a chart.

    Attributes
    ----------
    chart : Chart
    inner_mm, outer_mm : (size, size) arrays
        Radii of the two surfaces from the head's centre.
    extent_mm : (size, size) array
        Signed distance along the bone to the edge of the part that the shell covers, positive inside.
    head : Volume or None
        Signed distance of the completed head, in the head's own frame, from a model that predicts brow, orbit
        and base, which are no shell.
    share : (size, size) array or None
        Weight of the two surfaces against `head`, 0 to 1.
    """

    chart: Chart
    inner_mm: NDArray[np.float64]
    outer_mm: NDArray[np.float64]
    extent_mm: NDArray[np.float64]
    head: Volume | None = None
    share: NDArray[np.float64] | None = None

    def box(
        self, grid: Grid, pose: HeadPose, *, margin_mm: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the voxels within `margin_mm` of the shell as ``(start, stop)``; may reach beyond `grid`."""
        used = self.extent_mm > -margin_mm
        directions = self.chart.directions[used] @ pose.axes
        deep = np.zeros_like(used) if self.share is None else self.share < 1
        inner_mm = np.where(deep, np.minimum(self.inner_mm, DEEPEST * self.outer_mm), self.inner_mm)
        points = [pose.centre_mm + directions * radius[used][:, None] for radius in (inner_mm, self.outer_mm)]
        return grid.box_around(np.concatenate(points), margin_mm / grid.spacing_mm)

    def field(self, grid: Grid, pose: HeadPose) -> Volume:
        """Return the shell's signed distance at the voxels of `grid`, float32 mm, positive inside.

        Radial distances are converted to normal ones by each surface's slope, so that values are correct to
        first order near the surface.
        """
        out = np.empty(grid.shape, np.float32)
        share = np.ones(self.extent_mm.shape) if self.share is None else self.share
        maps = (self.inner_mm, self.outer_mm, *self._cosines(), self.extent_mm, share)
        layers = [values.astype(np.float32) for values in maps]
        i, j = np.meshgrid(np.arange(grid.shape[0]), np.arange(grid.shape[1]), indexing="ij")
        for k in range(grid.shape[2]):
            index = np.stack([i, j, np.full_like(i, k)], axis=-1)
            points = ((grid.to_mm(index) - pose.centre_mm) @ pose.axes.T).astype(np.float32)
            out[..., k] = self._distance(points, layers)
        return Volume(out, grid.affine)

    def _distance(
        self, points: NDArray[np.float32], layers: list[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Return the signed distance (...) at points (..., 3) of the head's frame."""
        radius = np.linalg.norm(points, axis=-1)
        nodes = self.chart.to_nodes(points / np.maximum(radius, 1e-3)[..., None])
        inner, outer, inner_cos, outer_cos, extent, share = (
            ndimage.map_coordinates(layer, nodes, order=1, mode="nearest", output=np.float32)
            for layer in layers
        )
        depth = np.minimum((radius - inner) * inner_cos, (outer - radius) * outer_cos)
        if self.head is not None:
            predicted = sample(self.head, points.reshape(-1, 3), fill=_NO_BONE_MM).reshape(depth.shape)
            depth = share * depth + (1 - share) * predicted.astype(np.float32)
        return np.minimum(depth, extent)

    def _cosines(self) -> list[NDArray[np.float64]]:
        """Return the cosine between ray and surface normal, for the inner and the outer surface."""
        cosines = []
        for radius in (self.inner_mm, self.outer_mm):
            slope = np.gradient(radius, self.chart.spacing_mm)
            steepness = np.hypot(*slope) * self.chart.radius_mm / radius
            cosines.append(1 / np.sqrt(1 + steepness**2))
        return cosines
