"""Predict the completed skull's signed distance with a trained network, for the head and its mirror image."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from meshimplant.errors import InputError
from meshimplant.networks.apply_stages import apply_stages
from meshimplant.networks.channels import focus_box, mirror_field, stack_channels
from meshimplant.networks.head_grid import CLIP_MM, FINE, take_coarse
from meshimplant.networks.precision import full_precision
from meshimplant.networks.weights import Weights

Device = Literal["auto", "cpu", "cuda"]
Field = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HeadPrediction:
    """A network's prediction for one opening of one head.

    Attributes
    ----------
    views_mm : tuple of two (*FINE.shape) float32 arrays
        Signed distance of the completed skull, clipped to `CLIP_MM`: of the head, and of its mirror image,
        mirrored back. Their difference measures the network's uncertainty.
    device : str
        ``cpu`` or ``cuda``.
    fell_back : bool
        Whether the GPU ran out of memory and the CPU did the work.
    seconds : float
    """

    views_mm: tuple[Field, Field]
    device: str
    fell_back: bool
    seconds: float

    @property
    def field_mm(self) -> Field:
        """The prediction: the mean of both views."""
        return (self.views_mm[0] + self.views_mm[1]) * np.float32(0.5)


def resolve_device(device: str) -> str:
    """Return the device to compute on, ``cpu`` or ``cuda``; ``auto`` chooses a GPU if there is one.

    Raises `InputError` for an unknown name, and for ``cuda`` without a GPU.
    """
    if device not in get_args(Device):
        raise InputError(
            f"expected a device among {', '.join(get_args(Device))}, got {device!r}: choose one of them"
        )
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise InputError(
            "expected a GPU that torch can use, got none: choose device cpu, or install torch for CUDA"
        )
    return "cuda" if available and device != "cpu" else "cpu"


def predict(fields: Mapping[str, Field], weights: Weights, *, device: str = "auto") -> HeadPrediction:
    """Complete one opening of a head with a network, for the head and for its mirror image, in 32 bits.

    Parameters
    ----------
    fields : dict of (*FINE.shape) float32 arrays
        By name, mm: the config's channels, and always ``opening`` and ``prior``.
    weights : Weights
    device : str
        ``auto``, ``cpu`` or ``cuda``. A GPU that runs out of memory hands over to the CPU.

    Returns
    -------
    HeadPrediction

    Raises
    ------
    InputError
        There is no such device.
    """
    chosen = resolve_device(device)
    start = time.perf_counter()
    try:
        views, fell_back = _views(fields, weights, chosen), False
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        chosen, fell_back = "cpu", True
        views = _views(fields, weights, chosen)
    return HeadPrediction(views, chosen, fell_back, round(time.perf_counter() - start, 3))


def _views(fields: Mapping[str, Field], weights: Weights, device: str) -> tuple[Field, Field]:
    """Return the prediction for the head, and for its mirror image, mirrored back."""
    own = _predict_view(fields, weights, device)
    other = _predict_view({name: mirror_field(field) for name, field in fields.items()}, weights, device)
    return own, mirror_field(other)


def _predict_view(fields: Mapping[str, Field], weights: Weights, device: str) -> Field:
    """Return the base, corrected in the networks' input box."""
    base = fields[weights.config.data.base]
    start, stop = focus_box(take_coarse(fields["opening"]), take_coarse(fields["prior"]))
    box = tuple(slice(3 * int(low), 3 * int(high)) for low, high in zip(start, stop, strict=True))
    visible = stack_channels(
        weights.config.data.channels, {name: field[box] for name, field in fields.items()}
    )
    for module in weights.modules.values():
        module.to(device)
    coarse, fine = weights.modules["coarse"], weights.modules.get("fine")
    with torch.inference_mode(), full_precision(device):
        x = torch.from_numpy(visible)[None].to(device)
        result = apply_stages(weights.config, coarse, fine, x, FINE.crop(3 * start, 3 * stop))
        inside: Field = result[0, 0].cpu().numpy() * np.float32(CLIP_MM)
    completed = base.copy()
    completed[box] = np.clip(inside, -CLIP_MM, CLIP_MM)
    return completed
