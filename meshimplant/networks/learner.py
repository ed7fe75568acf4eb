"""One stage of a network in training: its weights, their running mean, the optimiser and the loss."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from meshimplant.errors import InputError
from meshimplant.networks.apply_stages import apply_stages, coarse_correction
from meshimplant.networks.architectures import build_coarse, build_fine
from meshimplant.networks.band import coarse_result, correction_weight, dense_features, select_band
from meshimplant.networks.config import Config, Stage
from meshimplant.networks.dense_fine import DenseFine
from meshimplant.networks.head_grid import CLIP_MM, take_coarse, unpack_field
from meshimplant.networks.latent import LatentTerm
from meshimplant.networks.precision import Bits, full_precision, mixed_precision, resolve_precision
from meshimplant.networks.run_folder import RunFolder, RunState
from meshimplant.networks.scores import Scores, score
from meshimplant.networks.training_config import Training
from meshimplant.networks.training_samples import Augmentation, HeadCrops, Sample, make_sample
from meshimplant.networks.training_store import CaseName

#: Final learning rate as a fraction of the highest.
_LAST_RATE = 0.01


class Learner:
    """One stage's network, its running mean and its optimiser."""

    def __init__(self, config: Config, stage: Stage, run: RunFolder, device: torch.device) -> None:
        self.config, self.stage, self.run, self.device = config, stage, run, device
        self.training: Training = config.training[stage]
        self.precision: Bits = resolve_precision(self.training.precision, device)
        torch.manual_seed(self.training.seed)
        built = build_coarse(config) if stage == "coarse" else build_fine(config)
        self.network = built.to(device)
        self.mean = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(self.training.average))
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=self.training.learning_rate,
            weight_decay=self.training.weight_decay,
        )
        self.coarse: nn.Module | None = None
        if stage == "fine":
            self.coarse = trained_coarse(config, run.folder, device)
        self.latent: LatentTerm | None = None
        if stage == "coarse" and config.latent is not None:
            self.latent = LatentTerm(config.latent, device)

    def load(self, state: RunState) -> None:
        """Restore a checkpoint, if there is one; precision ``auto`` means the one the run began with."""
        if state.precision and self.training.precision == "auto":
            self.precision = state.precision
        state.precision = self.precision
        if state.tensors:
            self.network.load_state_dict(state.tensors["network"])
            self.mean.load_state_dict(state.tensors["mean"])
            self.optimiser.load_state_dict(state.tensors["optimiser"])
            torch.set_rng_state(state.tensors["generator"])
            if self.latent is not None:
                self.latent.load(state.tensors["latent"])

    def tensors(self) -> dict[str, Any]:
        """Return the tensors for a checkpoint."""
        tensors = {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": torch.get_rng_state(),
        }
        return tensors if self.latent is None else tensors | {"latent": self.latent.state()}

    def step(self, number: int, samples: list[Sample]) -> float:
        """Take one optimiser step on some samples; return their mean loss, mm."""
        rate = learning_rate(self.training, number)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        with full_precision(self.device.type):
            for place, sample in enumerate(samples):
                loss = self.loss(sample, np.random.default_rng([self.training.seed, 11, number, place]))
                (loss / len(samples)).backward()
                total += float(loss.detach()) / len(samples)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.training.clip)
        self.optimiser.step()
        self.mean.update_parameters(self.network)
        if self.latent is not None:
            for sample in samples:
                self.latent.learn(self._tensors(sample)[1])
        return total

    def loss(self, sample: Sample, rng: np.random.Generator) -> Tensor:
        """Return the weighted Huber loss of one sample, mm."""
        fields, target, weight = self._tensors(sample)
        if self.stage == "fine":
            return self._fine_loss(sample, fields, target, weight, rng)
        with self._mixed():
            prediction = self.network(fields)
        loss = weighted_huber(prediction, target, weight, self.training.huber_mm)
        if self.latent is None:
            return loss
        with self._mixed():
            return loss + self.latent.term(prediction, target)

    def _mixed(self) -> AbstractContextManager[None]:
        """Return the context for the forward pass of the network in training."""
        return mixed_precision(self.precision, self.device)

    def _fine_loss(
        self, sample: Sample, fields: Tensor, target: Tensor, weight: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Return the loss of the fine network in a box around a random voxel of the band."""
        if self.coarse is None:
            raise InputError(
                "expected a trained coarse network for the fine stage, got none: train stage coarse first"
            )
        with torch.no_grad():
            correction = coarse_correction(self.config, self.coarse, take_coarse(fields))
            band = select_band(fields, correction, self.config, grid=sample.grid)
        if len(band.coords) == 0:
            return sum(p.sum() * 0 for p in self.network.parameters())  # type: ignore[return-value]
        middle = band.coords[int(rng.integers(len(band.coords)))]
        if isinstance(self.network, DenseFine):
            start = coarse_result(fields, correction, self.config)
            part = (slice(None), *self.network.window(middle[1:].tolist(), sample.grid.shape))
            features = dense_features(fields, start, sample.grid)
            with self._mixed():
                finer = self.network(features[:, :, part[1], part[2], part[3]])[:, 0]
            prediction = start[part] + correction_weight(fields, self.config)[part] * finer
            return weighted_huber(prediction, target[:, 0][part], weight[:, 0][part], self.training.huber_mm)
        reach = self.training.patch_mm / 2 / sample.grid.spacing_mm
        chosen = ((band.coords - middle)[:, 1:].abs() <= reach).all(dim=1)
        coords = band.coords[chosen]
        b, i, j, k = coords.unbind(dim=1)
        with self._mixed():
            prediction = band.start[chosen] + self.network(coords, band.features[chosen])
        band_target, band_weight = (values[b, 0, i, j, k][:, None] for values in (target, weight))
        return weighted_huber(prediction, band_target, band_weight, self.training.huber_mm)

    def _tensors(self, sample: Sample) -> tuple[Tensor, Tensor, Tensor]:
        arrays = (sample.channels, sample.target[None], sample.weight[None])
        fields, target, weight = (torch.from_numpy(a)[None].to(self.device) for a in arrays)
        return fields, target, weight

    def scores(self, crops: HeadCrops, cases: tuple[CaseName, ...]) -> Scores | None:
        """Return the mean scores of the running mean on tuning cases; None if there are none."""
        if not cases:
            return None
        self.mean.eval()
        return Scores.mean(self.score(crops, case) for case in cases)

    def score(self, crops: HeadCrops, case: CaseName) -> Scores:
        """Return the scores of the running mean on one case."""
        data = self.config.data
        sample = make_sample(crops[case], data, self.training, Augmentation(), coarse=False)
        network: nn.Module = self.mean.module
        coarse, fine = (network, None) if self.coarse is None else (self.coarse, network)
        with torch.no_grad(), full_precision(self.device.type):
            fields = self._tensors(sample)[0]
            result = apply_stages(self.config, coarse, fine, fields, sample.grid)[0, 0].cpu().numpy()
        inputs = dict(zip(data.channels, sample.channels, strict=True))
        stored = crops[case].fields
        defective, opening = (
            unpack_field(stored[name]) / np.float32(CLIP_MM) for name in ("defective", "opening")
        )
        return score(result, inputs[data.base], sample.target, defective, opening)


def trained_coarse(config: Config, folder: Path, device: torch.device | str = "cpu") -> nn.Module:
    """Return the coarse network below a fine one: the run's, or the stand-in for architecture ``none``."""
    if config.coarse.architecture == "none":
        return build_coarse(config)
    return trained_stage(folder, "coarse", device)


def trained_stage(folder: Path, stage: Stage, device: torch.device | str = "cpu") -> nn.Module:
    """Return the network of a run's checkpoint: the running mean of its weights, ready for use."""
    run = RunFolder(folder, stage)
    state, config = run.load(), run.config()
    network = build_coarse(config) if stage == "coarse" else build_fine(config)
    mean = AveragedModel(network)
    mean.load_state_dict(state.tensors["mean"])
    return mean.module.to(device).eval().requires_grad_(False)


def learning_rate(training: Training, step: int) -> float:
    """Return the learning rate of one step: a linear rise, then half a cosine down to a hundredth."""
    rise = min(1.0, (step + 1) / (training.warmup + 1))
    progress = min(1.0, max(0.0, (step - training.warmup) / max(1, training.steps - training.warmup)))
    fall = _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * progress))
    return training.learning_rate * rise * fall


def weighted_huber(prediction: Tensor, target: Tensor, weight: Tensor, huber_mm: float) -> Tensor:
    """Return the weighted mean Huber loss, mm, of fields in units of `CLIP_MM`."""
    error = functional.huber_loss(prediction * CLIP_MM, target * CLIP_MM, delta=huber_mm, reduction="none")
    return (error * weight).sum() / weight.sum().clamp(min=1e-6)
