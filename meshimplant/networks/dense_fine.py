"""Dense networks of the fine stage: they process every voxel at full resolution, by windows or by slices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn

from meshimplant.networks.layers import UNet

Window = tuple[slice, slice, slice]
#: Overlap of neighbouring windows as a fraction of their edge, and number of slices per forward pass.
_OVERLAP, _SLICES = 0.25, 8


class DenseFine(nn.Module, ABC):
    """A network that corrects every voxel of its input; `whole` processes a whole box, part by part."""

    @abstractmethod
    def window(self, middle: Sequence[int], shape: Sequence[int]) -> Window:
        """Return the part of a box, around a voxel, that one training step uses."""

    @abstractmethod
    def whole(self, features: Tensor) -> Tensor:
        """Return corrections (B, 1, X, Y, Z) of features (B, F, X, Y, Z)."""


class Patches(DenseFine):
    """A U-Net over cubic windows, which overlap and are blended: memory does not grow with the box.

    Parameters
    ----------
    features : int
        Number of features per voxel.
    widths : sequence of int
        Channels per level, finest first.
    edge : float
        Edge of a window, voxels; rounded so that it can be halved at every level.
    """

    def __init__(self, features: int, widths: Sequence[int], *, edge: float) -> None:
        super().__init__()
        step = 2 ** (len(widths) - 1)
        self.edge = max(1, round(edge / step)) * step
        self.network = UNet(features, None, widths, residual=True)

    def forward(self, features: Tensor) -> Tensor:
        """Return corrections (B, 1, x, y, z) of one window's features (B, F, x, y, z)."""
        return self.network(features)

    def window(self, middle: Sequence[int], shape: Sequence[int]) -> Window:
        """Return a window that contains the voxel."""
        lows = [
            min(max(0, int(m) - self.edge // 2), max(0, size - self.edge))
            for m, size in zip(middle, shape, strict=True)
        ]
        i, j, k = (slice(low, low + min(self.edge, size)) for low, size in zip(lows, shape, strict=True))
        return i, j, k

    def whole(self, features: Tensor) -> Tensor:
        """Return corrections of a box: means over windows, weighted towards the middle of a window.

        They are accumulated in main memory, whatever the device.
        """
        shape = features.shape[2:]
        total = torch.zeros((len(features), 1, *shape))
        count = torch.zeros(tuple(shape))
        for window in windows(shape, self.edge):
            weight = _window_weights(tuple(part.stop - part.start for part in window))
            answer = self(features[(..., *window)]).float().cpu()
            total[(..., *window)] += weight * answer
            count[window] += weight
        return (total / count).to(features.device)


class Slices(DenseFine):
    """A U-Net over axial slices: full resolution in the plane, no information from neighbouring slices.

    Parameters
    ----------
    features : int
        Number of features per voxel.
    widths : sequence of int
        Channels per level, finest first.
    slab : float
        Number of slices per training step.
    """

    def __init__(self, features: int, widths: Sequence[int], *, slab: float) -> None:
        super().__init__()
        self.slab = max(1, round(slab))
        self.network = UNet(features, None, widths, residual=True, dims=2)

    def forward(self, features: Tensor) -> Tensor:
        """Return corrections (B, 1, X, Y, z) of slices' features (B, F, X, Y, z)."""
        batch, given, x, y, z = features.shape
        flat = features.permute(0, 4, 1, 2, 3).reshape(batch * z, given, x, y)
        answer: Tensor = self.network(flat)
        return answer.reshape(batch, z, 1, x, y).permute(0, 2, 3, 4, 1)

    def window(self, middle: Sequence[int], shape: Sequence[int]) -> Window:
        """Return the slab of slices around the voxel."""
        low = min(max(0, int(middle[2]) - self.slab // 2), max(0, shape[2] - self.slab))
        return slice(0, shape[0]), slice(0, shape[1]), slice(low, low + min(self.slab, shape[2]))

    def whole(self, features: Tensor) -> Tensor:
        """Return corrections of a box, `_SLICES` slices at a time."""
        return torch.cat([self(part) for part in features.split(_SLICES, dim=4)], dim=4)


def windows(shape: Sequence[int], edge: int) -> list[Window]:
    """Return windows of at most this edge that cover a box and overlap by at least a quarter."""
    lines = []
    for size in shape:
        last = max(0, size - edge)
        count = -(-last // max(1, round(edge * (1 - _OVERLAP)))) + 1
        lows = [round(last * n / max(1, count - 1)) for n in range(count)]
        lines.append([slice(low, low + min(edge, size)) for low in lows])
    return [(i, j, k) for i, j, k in product(*lines)]


def _window_weights(shape: Sequence[int]) -> Tensor:
    """Return positive weights of a window's voxels, largest in the middle."""
    lines = [torch.minimum(n := torch.arange(1.0, size + 1), n.flip(0)) for size in shape]
    i, j, k = (line / line.max() for line in lines)
    return i[:, None, None] * j[:, None] * k
