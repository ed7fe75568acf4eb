"""The sparse U-Net: refines the voxels near the surface at full resolution."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from meshimplant.networks.precision import LayerNorm, apply_in_32_bits
from meshimplant.networks.sparse import ActiveVoxels, KernelMap, gather_convolve

#: Positions of a submanifold kernel, and children of a voxel of twice the edge.
_PLACES, _CHILDREN = 27, 8


class SparseConvolution(nn.Module):
    """A convolution over a kernel map, without bias: weights (positions, inputs, outputs)."""

    def __init__(self, given: int, width: int, places: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(places, given, width))
        nn.init.kaiming_uniform_(self.weight.view(places * given, width).T, a=5**0.5)

    def forward(self, x: Tensor, kernel_map: KernelMap) -> Tensor:
        """Return (outputs, width) of (inputs, given)."""
        return gather_convolve(x, self.weight, kernel_map)


class SparseBlock(nn.Module):
    """A residual block of two submanifold convolutions, normalised per voxel."""

    def __init__(self, given: int, width: int) -> None:
        super().__init__()
        self.first = SparseConvolution(given, width, _PLACES)
        self.second = SparseConvolution(width, width, _PLACES)
        self.norms = nn.ModuleList([LayerNorm(width), LayerNorm(width)])
        self.skip = nn.Identity() if given == width else nn.Linear(given, width)

    def forward(self, x: Tensor, kernel_map: KernelMap) -> Tensor:
        """Return (n, width) of (n, given) over the kernel map of one set of voxels."""
        y = functional.silu(self.norms[0](self.first(x, kernel_map)))
        y = self.norms[1](self.second(y, kernel_map))
        return functional.silu(y + self.skip(x))


class SparseUNet(nn.Module):
    """A U-Net over a set of voxels that predicts a correction of each.

    The last layer starts at zero, so an untrained network corrects nothing.

    Parameters
    ----------
    features : int
        Number of features per voxel.
    widths : sequence of int
        Channels per level, finest first; each further level doubles the voxel's edge.
    """

    def __init__(self, features: int, widths: Sequence[int]) -> None:
        super().__init__()
        above = [features, *widths[:-1]]
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(
            SparseBlock(given, width) for given, width in zip(above, widths, strict=True)
        )
        self.shrink = nn.ModuleList(SparseConvolution(width, width, _CHILDREN) for width in widths[:-1])
        self.grow = nn.ModuleList(SparseConvolution(deep, width, _CHILDREN) for width, deep in pairs)
        self.up = nn.ModuleList(SparseBlock(2 * width, width) for width in widths[:-1])
        self.last = nn.Linear(widths[0], 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, coords: Tensor, features: Tensor) -> Tensor:
        """Return corrections (n, 1) of voxels (n, 4), int64 batch, i, j, k, with features (n, F)."""
        voxels = ActiveVoxels(coords)
        y = features
        above: list[tuple[Tensor, ActiveVoxels, KernelMap]] = []
        for level, block in enumerate(self.down):
            y = block(y, voxels.neighbours)
            if level < len(self.shrink):
                parents, kernel_map = voxels.coarser
                above.append((y, voxels, kernel_map))
                y, voxels = self.shrink[level](y, kernel_map), parents
        for level in reversed(range(len(self.up))):
            skipped, voxels, kernel_map = above.pop()
            y = self.grow[level](y, kernel_map.reversed)
            y = self.up[level](torch.cat([skipped, y], dim=1), voxels.neighbours)
        return apply_in_32_bits(self.last, y)
