"""Use a trained network: a head's fields in, the completed skull's signed distance out, seen from both sides."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from meshimplant.errors import InputError
from meshimplant.networks.channels import focus_of, mirrored, stack
from meshimplant.networks.forward import corrected
from meshimplant.networks.head_grid import CLIP_MM, FINE, coarse_of
from meshimplant.networks.weights import Weights

Device = Literal["auto", "cpu", "cuda"]
Field = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HeadPrediction:
    """A network's answer for one opening of one head.

    Attributes
    ----------
    views_mm : tuple of two (*FINE.shape) float32 arrays
        Signed distance of the completed skull, clipped to `CLIP_MM`: for the head as it is, and for its mirror image,
        mirrored back. Where they differ, the network does not know.
    device : str
        Where it was computed, ``cpu`` or ``cuda``.
    fell_back : bool
        The device that was asked for ran out of memory, and the processor did the work.
    seconds : float
    """

    views_mm: tuple[Field, Field]
    device: str
    fell_back: bool
    seconds: float

    @property
    def field_mm(self) -> Field:
        """The answer: the mean of both views."""
        return (self.views_mm[0] + self.views_mm[1]) * np.float32(0.5)


def device_of(asked: str) -> str:
    """Return the device to compute on, ``cpu`` or ``cuda``; ``auto`` takes a GPU where there is one.

    Raises `InputError` for an unknown name, and for a GPU where there is none.
    """
    if asked not in get_args(Device):
        raise InputError(f"expected a device among {', '.join(get_args(Device))}, got {asked!r}")
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise InputError(
            "expected a GPU that torch can use, got none: choose device cpu, or install torch for CUDA"
        )
    return "cuda" if there and asked != "cpu" else "cpu"


def predict(fields: Mapping[str, Field], weights: Weights, *, device: str = "auto") -> HeadPrediction:
    """Complete one opening of a head by a network, as it is and mirrored.

    Parameters
    ----------
    fields : dict of (*FINE.shape) float32 arrays
        By name, mm: the config's channels, ``opening`` and ``prior`` in any case.
    weights
        Of the network.
    device
        ``auto``, ``cpu`` or ``cuda``. A GPU that runs out of memory hands over to the processor.

    Raises
    ------
    InputError
        There is no such device.
    """
    chosen = device_of(device)
    start = time.perf_counter()
    try:
        views, fell_back = _views(fields, weights, chosen), False
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        chosen, fell_back = "cpu", True
        views = _views(fields, weights, chosen)
    return HeadPrediction(views, chosen, fell_back, round(time.perf_counter() - start, 3))


def _views(fields: Mapping[str, Field], weights: Weights, device: str) -> tuple[Field, Field]:
    """Return the answer for the head as it is, and for its mirror image, mirrored back."""
    here = _answer(fields, weights, device)
    there = _answer({name: mirrored(field) for name, field in fields.items()}, weights, device)
    return here, mirrored(there)


def _answer(fields: Mapping[str, Field], weights: Weights, device: str) -> Field:
    """Return the base, corrected in the box that networks are shown."""
    base = fields[weights.config.data.base]
    start, stop = focus_of(coarse_of(fields["opening"]), coarse_of(fields["prior"]))
    box = tuple(slice(3 * int(low), 3 * int(high)) for low, high in zip(start, stop, strict=True))
    shown = stack(weights.config.data.channels, {name: field[box] for name, field in fields.items()})
    for module in weights.modules.values():
        module.to(device)
    coarse, fine = weights.modules["coarse"], weights.modules.get("fine")
    with torch.inference_mode():
        x = torch.from_numpy(shown)[None].to(device)
        found = corrected(weights.config, coarse, fine, x, FINE.crop(3 * start, 3 * stop))
        inside: Field = found[0, 0].cpu().numpy() * np.float32(CLIP_MM)
    answer = base.copy()
    answer[box] = np.clip(inside, -CLIP_MM, CLIP_MM)
    return answer
