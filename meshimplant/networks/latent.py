"""An autoencoder of complete skulls that learns beside the coarse network; its codes tell how far answers are from skulls.

The term ``gamma * ||z(truth) - z(answer)||`` of variational autoencoders as regularisers; the code is a map, so that boxes of any
size have one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from meshimplant.networks.config import Latent
from meshimplant.networks.layers import norm_of


class Encoder(nn.Module):
    """Fields (B, 1, X, Y, Z) to the mean and the log variance of their codes, (B, C, x, y, z) each."""

    def __init__(self, latent: Latent) -> None:
        super().__init__()
        above = [1, *latent.widths[:-1]]
        self.levels = nn.ModuleList(_halving(*pair) for pair in zip(above, latent.widths, strict=True))
        self.code = nn.Conv3d(latent.widths[-1], 2 * latent.widths[-1], 1)

    def forward(self, field: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance."""
        y = field
        for level in self.levels:
            y = level(y)
        mean, log_variance = self.code(y).chunk(2, dim=1)
        return mean, log_variance.clamp(-8, 8)


class Decoder(nn.Module):
    """Codes to fields of the size that is asked for."""

    def __init__(self, latent: Latent) -> None:
        super().__init__()
        widths = [*latent.widths[::-1], latent.widths[0]]
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv3d(given, width, 3, padding=1, bias=False), norm_of(width), nn.SiLU())
            for given, width in pairwise(widths)
        )
        self.last = nn.Conv3d(latent.widths[0], 1, 3, padding=1)

    def forward(self, code: Tensor, size: torch.Size) -> Tensor:
        """Return fields (B, 1, *size) of codes (B, C, x, y, z)."""
        y = code
        for level in self.levels:
            y = functional.interpolate(level(y), scale_factor=2.0, mode="nearest")
        y = functional.interpolate(y, size=size, mode="trilinear", align_corners=False)
        field: Tensor = self.last(y)
        return field


class LatentTerm:
    """The autoencoder, its optimiser, and the term that it adds to the coarse network's loss."""

    def __init__(self, latent: Latent, device: torch.device) -> None:
        self.latent = latent
        self.encoder, self.decoder = Encoder(latent).to(device), Decoder(latent).to(device)
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, lr=latent.learning_rate)

    def term(self, answer: Tensor, truth: Tensor) -> Tensor:
        """Return what an answer (B, 1, X, Y, Z) costs; its gradient reaches the answer and not the autoencoder."""
        held = {name: value.detach() for name, value in self.encoder.state_dict().items()}
        wanted = functional_call(self.encoder, held, (truth,))[0].detach()
        got = functional_call(self.encoder, held, (answer,))[0]
        return self.latent.weight * (got - wanted).square().mean()

    def learn(self, truth: Tensor) -> float:
        """Teach the autoencoder a complete skull, (B, 1, X, Y, Z); return its own loss."""
        self.optimiser.zero_grad(set_to_none=True)
        mean, log_variance = self.encoder(truth)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        again = self.decoder(code, truth.shape[2:])
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        loss = functional.huber_loss(again, truth) + self.latent.divergence * divergence
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Return all that a checkpoint must hold."""
        return {
            "encoder": self.encoder.state_dict(),
            "decoder": self.decoder.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take on what `state` returned."""
        self.encoder.load_state_dict(state["encoder"])
        self.decoder.load_state_dict(state["decoder"])
        self.optimiser.load_state_dict(state["optimiser"])


def _halving(given: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(given, width, 3, stride=2, padding=1, bias=False), norm_of(width), nn.SiLU()
    )
