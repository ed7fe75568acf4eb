"""A point-voxel network: points keep their own features, and meet their neighbours in a coarse grid of cells.

The idea of PVCNN (Liu et al., Point-Voxel CNN for efficient 3D deep learning, NeurIPS 2019) in plain torch: a point's branch is a
layer of its own, the cells' branch a dense convolution that is read back between the cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from meshimplant.networks.layers import norm_of


class Cells:
    """The cells that hold a set of points.

    Parameters
    ----------
    coords
        (N, 4) int64 batch, i, j, k of the points.
    edge
        Of a cell, in the points' unit.
    """

    def __init__(self, coords: Tensor, edge: float) -> None:
        self.batch = coords[:, 0]
        place = (coords[:, 1:] - coords[:, 1:].amin(dim=0) + 0.5) / edge
        index = place.floor().long()
        self.places = place - 0.5  # in cells, 0 at the first one's centre
        self.shape = [int(n) + 1 for n in index.amax(dim=0)]
        self.heads = int(self.batch.max()) + 1
        x, y, z = self.shape
        self.flat = ((self.batch * x + index[:, 0]) * y + index[:, 1]) * z + index[:, 2]
        self.size = self.heads * x * y * z
        self.count = torch.bincount(self.flat, minlength=self.size).clamp(min=1)

    def gather(self, features: Tensor) -> Tensor:
        """Return the mean of the points' features (N, C) in each cell, (B, C, x, y, z), 0 where none is."""
        total = features.new_zeros((self.size, features.shape[1])).index_add(0, self.flat, features)
        mean = total / self.count[:, None]
        return mean.reshape(self.heads, *self.shape, -1).permute(0, 4, 1, 2, 3)

    def read(self, values: Tensor) -> Tensor:
        """Return what cells (B, C, x, y, z) say at the points, (N, C), interpolated between their centres."""
        last = torch.tensor([max(1, n - 1) for n in self.shape], device=values.device)
        # grid_sample counts the axes backwards, from -1 to 1
        where = (2 * self.places / last - 1).flip(1).to(values.dtype)
        out = values.new_zeros((len(where), values.shape[1]))
        for head in range(self.heads):
            own = (self.batch == head).nonzero()[:, 0]
            read = functional.grid_sample(
                values[head : head + 1],
                where[own][None, :, None, None],
                padding_mode="border",
                align_corners=True,
            )
            out = out.index_copy(0, own, read[0, :, :, 0, 0].T)
        return out


class PointVoxelBlock(nn.Module):
    """Points and cells side by side; their answers are added."""

    def __init__(self, given: int, width: int) -> None:
        super().__init__()
        self.cells = nn.Sequential(
            nn.Conv3d(given, width, 3, padding=1, bias=False), norm_of(width), nn.SiLU(),
            nn.Conv3d(width, width, 3, padding=1, bias=False), norm_of(width), nn.SiLU(),
        )  # fmt: skip
        self.points = nn.Sequential(nn.Linear(given, width), nn.LayerNorm(width), nn.SiLU())

    def forward(self, features: Tensor, cells: Cells) -> Tensor:
        """Return (N, width) of (N, given)."""
        around = cells.read(self.cells(cells.gather(features)))
        own: Tensor = self.points(features)
        return around + own


class PointVoxelNet(nn.Module):
    """Blocks one after the other; the last layer sees the answers of all, and starts at zero.

    Parameters
    ----------
    features
        How many values each point is given.
    widths
        Channels of each block; those of every second one and after meet in cells twice as large as before.
    cell
        Edge of the first blocks' cells, voxels.
    """

    def __init__(self, features: int, widths: Sequence[int], *, cell: float) -> None:
        super().__init__()
        above = [features, *widths[:-1]]
        self.cell = cell
        self.blocks = nn.ModuleList(
            PointVoxelBlock(given, width) for given, width in zip(above, widths, strict=True)
        )
        self.last = nn.Linear(sum(widths), 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, coords: Tensor, features: Tensor) -> Tensor:
        """Return corrections (n, 1) of voxels (n, 4), int64 batch, i, j, k, with features (n, F)."""
        told, y = [], features
        for level, block in enumerate(self.blocks):
            if level % 2 == 0:
                cells = Cells(coords, self.cell * 2 ** (level // 2))
            y = block(y, cells)
            told.append(y)
        correction: Tensor = self.last(torch.cat(told, dim=1))
        return correction
