"""Numeric precision of training: convolutions and matrix products in 16 or 32 bits, all else in 32.

In 16 bits (bfloat16) only the inputs of convolutions and matrix products are rounded. Weights, optimiser,
running mean, normalisations, activations, sums of gradients, distances and losses stay in 32 bits. Trained
networks run in 32 bits everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn

from meshimplant.networks.training_config import Precision

Bits = Literal["16", "32"]


def resolve_precision(precision: Precision, device: torch.device) -> Bits:
    """Resolve ``auto``: 16 bits if the device has the instructions, else 32.

    Measured on a processor with AVX-512 BF16, one core: a coarse step takes 0.12 s in 16 bits and 0.30 s in
    32. A processor without such instructions emulates them, which is several times slower than 32 bits.
    """
    if precision == "auto":
        return "16" if has_16_bit_units(device) else "32"
    return precision


def has_16_bit_units(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 numbers in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def mixed_precision(bits: Bits, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which a network is trained: convolutions and matrix products run in ``bits``."""
    return nullcontext() if bits == "32" else torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def full_precision(device: str) -> Iterator[None]:
    """Compute in true 32 bits: without autocast, and without TF32, the GPUs' default for convolutions."""
    tf32 = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        with torch.autocast(device, enabled=False):
            yield
    finally:
        torch.backends.cudnn.allow_tf32 = tf32


def multiply_dtype(x: Tensor) -> torch.dtype:
    """Return the type for matrix products of ``x``: autocast's if it is on, else its own."""
    if torch.is_autocast_enabled(x.device.type):
        return torch.get_autocast_dtype(x.device.type)
    return x.dtype


class GroupNorm(nn.GroupNorm):
    """Group normalisation in 32 bits, whatever the precision of its input."""

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 values of the same shape."""
        return super().forward(x.float())


class LayerNorm(nn.LayerNorm):
    """Layer normalisation in 32 bits, whatever the precision of its input."""

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 values of the same shape."""
        return super().forward(x.float())


def apply_in_32_bits(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a layer in 32 bits: for the last layer, whose values are distances."""
    with torch.autocast(x.device.type, enabled=False):
        result: Tensor = layer(x.float())
    return result
