"""A point-voxel network: points keep their own features and exchange information in a coarse grid of cells.

The idea of PVCNN (Liu et al., Point-Voxel CNN for efficient 3D deep learning, NeurIPS 2019) in plain torch: a
linear layer per point, and dense convolutions on the cells that are interpolated back at the points.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from meshimplant.networks.layers import group_norm
from meshimplant.networks.precision import LayerNorm, apply_in_32_bits


class Cells:
    """The cells that hold a set of points.

    Parameters
    ----------
    coords : (N, 4) int64 tensor
        Batch index, i, j, k of the points.
    edge : float
        Edge of a cell, in the points' unit.
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
        """Return the mean of the points' features (N, C) per cell, (B, C, x, y, z); 0 in empty cells."""
        total = features.new_zeros((self.size, features.shape[1])).index_add(0, self.flat, features)
        mean = total / self.count[:, None]
        return mean.reshape(self.heads, *self.shape, -1).permute(0, 4, 1, 2, 3)

    def read(self, values: Tensor) -> Tensor:
        """Interpolate values of cells (B, C, x, y, z) at the points, (N, C)."""
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
    """A branch for points and a branch for cells, whose outputs are added."""

    def __init__(self, given: int, width: int) -> None:
        super().__init__()
        self.cells = nn.Sequential(
            nn.Conv3d(given, width, 3, padding=1, bias=False), group_norm(width), nn.SiLU(),
            nn.Conv3d(width, width, 3, padding=1, bias=False), group_norm(width), nn.SiLU(),
        )  # fmt: skip
        self.points = nn.Sequential(nn.Linear(given, width), LayerNorm(width), nn.SiLU())

    def forward(self, features: Tensor, cells: Cells) -> Tensor:
        """Return (N, width) of (N, given)."""
        around = cells.read(self.cells(cells.gather(features)))
        own: Tensor = self.points(features)
        return around + own


class PointVoxelNet(nn.Module):
    """A sequence of blocks; the last layer sees the outputs of all of them, and starts at zero.

    Parameters
    ----------
    features : int
        Number of features per point.
    widths : sequence of int
        Channels of each block; after every second block the cells' edge doubles.
    cell : float
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
        outputs, y = [], features
        for level, block in enumerate(self.blocks):
            if level % 2 == 0:
                cells = Cells(coords, self.cell * 2 ** (level // 2))
            y = block(y, cells)
            outputs.append(y)
        return apply_in_32_bits(self.last, torch.cat(outputs, dim=1))
