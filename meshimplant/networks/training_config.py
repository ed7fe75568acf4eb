"""`Training`: the settings by which one stage of a network is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from meshimplant.errors import InputError
from meshimplant.networks.config_tables import require_positive

#: Bits of convolutions and matrix products in training; see `precision`.
Precision = Literal["auto", "16", "32"]


@dataclass(frozen=True)
class Training:
    """Training of one of the two stages.

    Attributes
    ----------
    steps, batch : int
        Steps of the optimiser, and samples per step.
    learning_rate, weight_decay : float
        Parameters of AdamW.
    warmup : int
        Steps of linear rise of the learning rate, after which it falls along a cosine to a hundredth.
    clip : float
        Largest norm of the gradient.
    seed : int
        Seed of the initial weights and of every sample.
    huber_mm : float
        Error above which the Huber loss is linear.
    margin_mm : float
        Distance beyond the opening up to which errors have weight 1.
    near_mm : float
        Distance from the true surface, or the base's, up to which they do; at most 7, because distances are
        clipped at 8.
    outside_weight : float
        Weight of all other errors.
    jitter_fraction : float
        Fraction of the samples that are rotated, shifted and scaled; the others are only mirrored at random
        and thickened.
    rotation_deg, shift_mm, scale_fraction, thickness_mm : float
        Largest rotation, shift, change of size and change of thickness of a sample.
    astray_mm : float
        Largest additional error of a sample's prior: a constant, and a gradient along each axis.
    average : float
        Decay of the running mean of the weights, which is the network that is evaluated and exported.
    patch_mm : float
        Edge of the part of a sample's band that is used in one step of the fine stage.
    every, checkpoint : int
        Steps between two evaluations on the tuning cases, and between two checkpoints.
    looked_at : int
        Number of tuning cases per evaluation, spread over all; the last evaluation uses all of them.
    without : tuple of str
        Kinds of defect to leave out.
    precision : str
        Bits of convolutions and matrix products: ``16``, ``32``, or ``auto``: 16 where the device has the
        instructions. Everything else is computed in 32 bits.
    """

    steps: int = 6000
    batch: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup: int = 100
    clip: float = 1.0
    seed: int = 0
    huber_mm: float = 1.0
    margin_mm: float = 4.0
    near_mm: float = 4.0
    outside_weight: float = 0.02
    jitter_fraction: float = 0.5
    rotation_deg: float = 4.0
    shift_mm: float = 2.0
    scale_fraction: float = 0.05
    thickness_mm: float = 0.6
    astray_mm: float = 0.3
    average: float = 0.998
    patch_mm: float = 60.0
    every: int = 250
    checkpoint: int = 100
    looked_at: int = 20
    without: tuple[str, ...] = ()
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise InputError(
                f"expected training.*.precision among {', '.join(get_args(Precision))}, "
                f"got {self.precision!r}: correct it"
            )
        for name in (
            "steps", "batch", "learning_rate", "clip", "huber_mm", "patch_mm",
            "every", "checkpoint", "looked_at",
        ):  # fmt: skip
            require_positive(getattr(self, name), f"training.*.{name}")
        for name in (
            "weight_decay", "warmup", "seed", "margin_mm", "near_mm", "outside_weight", "rotation_deg",
            "shift_mm", "scale_fraction", "thickness_mm", "astray_mm", "jitter_fraction", "average",
        ):  # fmt: skip
            if getattr(self, name) < 0:
                raise InputError(
                    f"expected training.*.{name} of at least 0, got {getattr(self, name):g}: correct it"
                )
