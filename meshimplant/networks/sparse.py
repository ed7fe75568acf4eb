"""Sparse convolutions in plain torch: voxels as rows of a table, neighbours gathered and multiplied.

Nothing is computed or stored for empty voxels. All three kinds (submanifold, strided, transposed) are one
operation, `gather_convolve`, with different kernel maps. Its gradient is the same operation with the inverse
map, so no sum depends on the order of threads on any device.
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
from meshimplant.networks.precision import multiply_dtype

#: Values gathered at once, so that they fit the CPU's cache; measured on 150 000 voxels of 16 channels, one
#: thread.
_CHUNK_VALUES = 1_000_000
_OFFSETS = tuple(product((-1, 0, 1), repeat=3))
_CHILDREN = 8


@dataclass(frozen=True, eq=False)
class KernelMap:
    """The kernel map of a sparse convolution: the input row of each output row, per kernel position.

    Attributes
    ----------
    table : (outputs, K) int32 tensor
        Input rows; the number of inputs where there is none.
    inverse : (inputs, K) int32 tensor
        The output row that takes this input at this position; the number of outputs where there is none.
    """

    table: Tensor
    inverse: Tensor

    @property
    def reversed(self) -> KernelMap:
        """The kernel map of the transposed convolution."""
        return KernelMap(self.inverse, self.table)


@dataclass(frozen=True, eq=False)
class ActiveVoxels:
    """The voxels that carry features, of one grid or of a batch of grids.

    Attributes
    ----------
    coords : (n, 4) int64 tensor
        Batch index, i, j, k of each voxel, without duplicates; none negative.
    """

    coords: Tensor

    def __post_init__(self) -> None:
        if self.coords.ndim != 2 or self.coords.shape[1] != 4 or self.coords.dtype != torch.int64:
            raise InputError(
                "expected coordinates (n, 4) as int64, "
                f"got {tuple(self.coords.shape)} as {self.coords.dtype}: "
                "pass batch index, i, j, k"
            )
        if len(self.coords) and int(self.coords.min()) < 0:
            raise InputError("expected coordinates of at least 0, got negative ones: shift the grid")
        if bool((self._sorted[0].diff() == 0).any()):
            raise InputError("expected every voxel once, got some twice: use torch.unique on the coordinates")

    @cached_property
    def neighbours(self) -> KernelMap:
        """Kernel map of the 3 x 3 x 3 submanifold convolution, offsets in the order of a dense kernel."""
        columns = [self._rows_of(self.coords + self._shift(offset)) for offset in _OFFSETS]
        table = torch.stack(columns, dim=1)
        return KernelMap(table, table.flip(1))

    @cached_property
    def coarser(self) -> tuple[ActiveVoxels, KernelMap]:
        """The occupied voxels of twice the edge, and the kernel map of the strided convolution onto them."""
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
        return ActiveVoxels(parents), KernelMap(table, inverse)

    def _rows_of(self, coords: Tensor) -> Tensor:
        """Return the rows (m,) int32 of coordinates (m, 4); the number of voxels where absent."""
        keys, order = self._sorted
        queries = self._keys(coords)
        at = torch.searchsorted(keys, queries).clamp(max=len(keys) - 1)
        return torch.where(keys[at] == queries, order[at], len(keys)).int()

    @cached_property
    def _extent(self) -> Tensor:
        """Positions along each axis, with one spare on either side for unique keys of neighbours."""
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
    """Gather and multiply; only input and weight are saved for the gradient, not the gathered rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, kernel_map: KernelMap, dtype: torch.dtype) -> Tensor:
        x, weight = x.to(dtype), weight.to(dtype)
        ctx.save_for_backward(x, weight)
        ctx.kernel_map = kernel_map
        return _convolve(x, weight, kernel_map.table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.to(x.dtype).contiguous()
        by_input = by_weight = None
        if ctx.needs_input_grad[0]:
            by_input = _convolve(gradient, weight.transpose(1, 2), ctx.kernel_map.inverse)
        if ctx.needs_input_grad[1]:
            by_weight = torch.zeros_like(weight, dtype=_sum_dtype(weight))
            flat = by_weight.view(-1, weight.shape[2])
            for rows, gathered in _gathered(x, ctx.kernel_map.table):
                if flat.dtype == x.dtype:
                    flat.addmm_(gathered.T, gradient[rows])
                else:
                    flat += torch.mm(gathered.T, gradient[rows])
        return by_input, by_weight, None, None


def gather_convolve(x: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    """Return the sum over kernel positions k of ``x[table[:, k]] @ weight[k]``; absent rows are 0.

    Parameters
    ----------
    x : (inputs, C) tensor
    weight : (K, C, D) tensor
        Of the type of `x`, float32 or float64.
    kernel_map : Links
        Tables of K columns.

    Returns
    -------
    (outputs, D) tensor
        Of the type of `x`. Under autocast the products are computed in its 16-bit type; chunks are summed in
        32 bits.
    """
    return _GatherConvolve.apply(x, weight, kernel_map, multiply_dtype(x))


def _convolve(x: Tensor, weight: Tensor, table: Tensor) -> Tensor:
    flat = weight.reshape(-1, weight.shape[2])
    out = x.new_empty((len(table), weight.shape[2]), dtype=_sum_dtype(x))
    for rows, gathered in _gathered(x, table):
        if out.dtype == x.dtype:
            torch.mm(gathered, flat, out=out[rows])
        else:
            out[rows] = torch.mm(gathered, flat)
    return out


def _sum_dtype(x: Tensor) -> torch.dtype:
    """Return the type in which products are summed: at least 32 bits."""
    return torch.promote_types(x.dtype, torch.float32)


def _gathered(x: Tensor, table: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of output rows with their gathered inputs, (rows, K * C)."""
    padded = torch.cat([x, x.new_zeros((1, x.shape[1]))])
    places, width = table.shape[1], x.shape[1]
    step = max(1, _CHUNK_VALUES // (places * width))
    for start in range(0, len(table), step):
        rows = slice(start, min(start + step, len(table)))
        yield rows, padded.index_select(0, table[rows].reshape(-1)).view(-1, places * width)
