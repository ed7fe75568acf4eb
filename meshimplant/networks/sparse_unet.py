"""The sparse U-Net: the stage that refines the voxels near the surface at full resolution."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from meshimplant.networks.sparse import Links, Sites, gather_convolve

#: Places of a submanifold kernel, and children of a voxel of twice the edge.
_PLACES, _CHILDREN = 27, 8


class SparseConvolution(nn.Module):
    """A convolution over given links: weights (places, given, width), no bias, for a norm follows."""

    def __init__(self, given: int, width: int, places: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(places, given, width))
        nn.init.kaiming_uniform_(self.weight.view(places * given, width).T, a=5**0.5)

    def forward(self, x: Tensor, links: Links) -> Tensor:
        """Return (outputs, width) of (inputs, given)."""
        return gather_convolve(x, self.weight, links)


class SparseBlock(nn.Module):
    """Two submanifold convolutions that add to their input, each normalised per voxel, so that no voxel depends on far ones."""

    def __init__(self, given: int, width: int) -> None:
        super().__init__()
        self.first = SparseConvolution(given, width, _PLACES)
        self.second = SparseConvolution(width, width, _PLACES)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.skip = nn.Identity() if given == width else nn.Linear(given, width)

    def forward(self, x: Tensor, links: Links) -> Tensor:
        """Return (n, width) of (n, given) over the links of one set of voxels."""
        y = functional.silu(self.norms[0](self.first(x, links)))
        y = self.norms[1](self.second(y, links))
        return functional.silu(y + self.skip(x))


class SparseUNet(nn.Module):
    """A U-Net over a set of voxels that predicts a correction for each.

    The last layer starts at zero, so that an untrained network corrects nothing.

    Parameters
    ----------
    features
        How many values each voxel is given.
    widths
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
        sites = Sites(coords)
        y = features
        above: list[tuple[Tensor, Sites, Links]] = []
        for level, block in enumerate(self.down):
            y = block(y, sites.neighbours)
            if level < len(self.shrink):
                parents, links = sites.coarser
                above.append((y, sites, links))
                y, sites = self.shrink[level](y, links), parents
        for level in reversed(range(len(self.up))):
            kept, sites, links = above.pop()
            y = self.grow[level](y, links.reversed)
            y = self.up[level](torch.cat([kept, y], dim=1), sites.neighbours)
        correction: Tensor = self.last(y)
        return correction
