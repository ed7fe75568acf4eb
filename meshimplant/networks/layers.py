"""Dense blocks and the dense U-Net, over volumes or over slices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from meshimplant.errors import InputError
from meshimplant.networks.precision import GroupNorm, apply_in_32_bits

#: Channels per normalisation group: statistics of a few channels over a whole head are stable at a batch size
#: of 1.
_GROUP = 4
#: Convolutions over slices (2) and over volumes (3).
_CONVOLUTIONS: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}


class Block(nn.Module):
    """Two convolutions, each with normalisation and SiLU; with a residual connection if `residual`."""

    def __init__(self, given: int, width: int, *, residual: bool, dims: int = 3) -> None:
        super().__init__()
        convolution = _CONVOLUTIONS[dims]
        self.first = convolution(given, width, 3, padding=1, bias=False)
        self.second = convolution(width, width, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([group_norm(width), group_norm(width)])
        self.skip: nn.Module | None = None
        if residual:
            self.skip = nn.Identity() if given == width else convolution(given, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width, X, Y, Z) of (B, given, X, Y, Z), or without Z over slices."""
        y = functional.silu(self.norms[0](self.first(x)))
        y = self.norms[1](self.second(y))
        return functional.silu(y if self.skip is None else y + self.skip(x))


class UNet(nn.Module):
    """A dense U-Net that corrects one of its channels, or returns a correction.

    The last layer starts at zero, so an untrained network returns its base unchanged.

    Parameters
    ----------
    channels : int
        Number of input fields.
    base : int or None
        Index of the field to correct; None: return the correction alone.
    widths : sequence of int
        Channels per level, finest first; each further level halves the grid.
    residual : bool
        Whether blocks have residual connections.
    dims : int
        3: over volumes (B, C, X, Y, Z); 2: over slices (B, C, X, Y).
    """

    def __init__(
        self, channels: int, base: int | None, widths: Sequence[int], *, residual: bool, dims: int = 3
    ) -> None:
        super().__init__()
        convolution = _CONVOLUTIONS[dims]
        self.base = base
        self.levels = len(widths)
        above = [channels, *widths[:-1]]
        self.down = nn.ModuleList(
            Block(given, width, residual=residual, dims=dims)
            for given, width in zip(above, widths, strict=True)
        )
        self.shrink = nn.ModuleList(convolution(width, width, 2, stride=2) for width in widths[:-1])
        pairs = list(pairwise(widths))
        self.grow = nn.ModuleList(convolution(deep, width, 1) for width, deep in pairs)
        self.up = nn.ModuleList(
            Block(2 * width, width, residual=residual, dims=dims) for width in widths[:-1]
        )
        self.last = convolution(widths[0], 1, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Return the corrected base, or the correction, (B, 1, ...), of fields (B, C, ...).

        Raises `InputError` if the grid cannot be halved at every level.
        """
        require_divisible(x.shape[2:], self.levels)
        skipped = []
        y = x
        for level, block in enumerate(self.down):
            y = block(y)
            if level < self.levels - 1:
                skipped.append(y)
                y = self.shrink[level](y)
        for level in reversed(range(self.levels - 1)):
            y = functional.interpolate(self.grow[level](y), scale_factor=2.0, mode="nearest")
            y = self.up[level](torch.cat([skipped.pop(), y], dim=1))
        correction = apply_in_32_bits(self.last, y)
        return correction if self.base is None else x[:, self.base : self.base + 1] + correction


class Unchanged(nn.Module):
    """A stand-in that returns the base unchanged, for a config whose fine stage does all the work."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.base = base

    def forward(self, x: Tensor) -> Tensor:
        """Return the base, (B, 1, X, Y, Z), of fields (B, C, X, Y, Z)."""
        return x[:, self.base : self.base + 1]


def require_divisible(shape: Sequence[int], levels: int) -> None:
    """Raise `InputError` unless a grid of this shape can be halved ``levels - 1`` times."""
    step = 2 ** (levels - 1)
    if any(int(size) % step for size in shape):
        raise InputError(
            f"expected a grid with edges divisible by {step} for {levels} levels, "
            f"got {tuple(int(n) for n in shape)}: "
            "pad it, or choose fewer widths"
        )


def group_norm(width: int) -> GroupNorm:
    """Return a normalisation over groups of about `_GROUP` channels."""
    groups = max(n for n in range(1, max(1, width // _GROUP) + 1) if width % n == 0)
    return GroupNorm(groups, width)
