"""Sparse convolutions in plain torch: voxels as rows of a table, neighbours looked up once, gathered and multiplied.

Nothing is computed or stored for empty voxels. All three kinds (submanifold, strided down, transposed up) are one operation,
`gather_convolve`, which differs only by its table of neighbours; its gradient is the same operation with the inverse table, so
that no sum depends on the order of threads, on no device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from meshimplant.errors import InputError

#: Values gathered at once, as many as a processor's cache holds; measured on 150 000 voxels of 16 channels, one thread.
_CHUNK_VALUES = 1_000_000
_OFFSETS = tuple(product((-1, 0, 1), repeat=3))
_CHILDREN = 8


@dataclass(frozen=True, eq=False)
class Links:
    """Which rows of the input each row of the output takes, per place of the kernel.

    Attributes
    ----------
    table : (outputs, K) int32 tensor
        Rows of the input; as many as there are inputs where there is none.
    inverse : (inputs, K) int32 tensor
        The row of the output that takes this input at this place; as many as there are outputs where none does.
    """

    table: Tensor
    inverse: Tensor

    @property
    def reversed(self) -> Links:
        """The links of the transposed convolution."""
        return Links(self.inverse, self.table)


@dataclass(frozen=True, eq=False)
class Sites:
    """A set of voxels, of one grid or of a batch of them.

    Attributes
    ----------
    coords : (n, 4) int64 tensor
        Batch index, i, j, k of every voxel, each once; none negative.
    """

    coords: Tensor

    def __post_init__(self) -> None:
        if self.coords.ndim != 2 or self.coords.shape[1] != 4 or self.coords.dtype != torch.int64:
            raise InputError(
                f"expected coordinates (n, 4) as int64, got {tuple(self.coords.shape)} as {self.coords.dtype}: "
                "pass batch index, i, j, k"
            )
        if len(self.coords) and int(self.coords.min()) < 0:
            raise InputError("expected coordinates of at least 0, got negative ones: shift the grid")
        if bool((self._sorted[0].diff() == 0).any()):
            raise InputError("expected every voxel once, got some twice: use torch.unique on the coordinates")

    @cached_property
    def neighbours(self) -> Links:
        """Links of the 3 x 3 x 3 submanifold convolution, offsets in the order of a dense kernel."""
        columns = [self._rows_of(self.coords + self._shift(offset)) for offset in _OFFSETS]
        table = torch.stack(columns, dim=1)
        return Links(table, table.flip(1))

    @cached_property
    def coarser(self) -> tuple[Sites, Links]:
        """The voxels of twice the edge that hold at least one of these, and the links of the strided convolution onto them."""
        half = self.coords.clone()
        half[:, 1:] //= 2
        parents, parent = torch.unique(half, dim=0, return_inverse=True)
        place = self.coords[:, 1:] % 2
        slot = (place[:, 0] * 2 + place[:, 1]) * 2 + place[:, 2]
        table = torch.full((len(parents), _CHILDREN), len(self.coords), dtype=torch.int32, device=half.device)
        inverse = torch.full(
            (len(self.coords), _CHILDREN), len(parents), dtype=torch.int32, device=half.device
        )
        rows = torch.arange(len(self.coords), device=half.device)
        table[parent, slot] = rows.int()
        inverse[rows, slot] = parent.int()
        return Sites(parents), Links(table, inverse)

    def _rows_of(self, coords: Tensor) -> Tensor:
        """Return the row (m,) int32 of coordinates (m, 4) at most one voxel away; the number of voxels where there is none."""
        keys, order = self._sorted
        wanted = self._keys(coords)
        at = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        return torch.where(keys[at] == wanted, order[at], len(keys)).int()

    @cached_property
    def _extent(self) -> Tensor:
        """Number of places along each axis, with one spare on either side, so that no neighbour's key is another's."""
        if not len(self.coords):
            raise InputError("expected at least one voxel, got none: widen the band, or refine nothing")
        return self.coords.max(dim=0).values + 3

    @cached_property
    def _sorted(self) -> tuple[Tensor, Tensor]:
        keys, order = torch.sort(self._keys(self.coords))
        return keys, order

    def _keys(self, coords: Tensor) -> Tensor:
        b, i, j, k = (coords + 1).unbind(dim=1)
        size = self._extent
        return ((b * size[1] + i) * size[2] + j) * size[3] + k

    def _shift(self, offset: tuple[int, ...]) -> Tensor:
        return torch.tensor([0, *offset], device=self.coords.device)


class _GatherConvolve(torch.autograd.Function):
    """Gather, multiply; only input and weight are kept for the gradient, not what was gathered."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, links: Links) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.links = links
        return _convolve(x, weight, links.table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.to(x.dtype).contiguous()
        by_input = by_weight = None
        if ctx.needs_input_grad[0]:
            by_input = _convolve(gradient, weight.transpose(1, 2), ctx.links.inverse)
        if ctx.needs_input_grad[1]:
            by_weight = torch.zeros_like(weight)
            flat = by_weight.view(-1, weight.shape[2])
            for rows, gathered in _gathered(x, ctx.links.table):
                flat.addmm_(gathered.T, gradient[rows])
        return by_input, by_weight, None


def gather_convolve(x: Tensor, weight: Tensor, links: Links) -> Tensor:
    """Return (outputs, D): the sum over places k of ``x[table[:, k]] @ weight[k]``, absent rows being 0.

    Parameters
    ----------
    x : (inputs, C) tensor
    weight : (K, C, D) tensor
    links
        With tables of K columns.
    """
    return _GatherConvolve.apply(x, weight.to(x.dtype), links)


def _convolve(x: Tensor, weight: Tensor, table: Tensor) -> Tensor:
    flat = weight.reshape(-1, weight.shape[2])
    out = x.new_empty((len(table), weight.shape[2]))
    for rows, gathered in _gathered(x, table):
        torch.mm(gathered, flat, out=out[rows])
    return out


def _gathered(x: Tensor, table: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield the rows of the output, some at a time, and what they take, (rows, K * C)."""
    padded = torch.cat([x, x.new_zeros((1, x.shape[1]))])
    places, width = table.shape[1], x.shape[1]
    step = max(1, _CHUNK_VALUES // (places * width))
    for start in range(0, len(table), step):
        rows = slice(start, min(start + step, len(table)))
        yield rows, padded.index_select(0, table[rows].reshape(-1)).view(-1, places * width)
