"""An autoencoder of complete skulls; distances between its codes add to the loss of the coarse network.

This is the term ``gamma * ||z(truth) - z(prediction)||`` of variational autoencoders used as regularisers.
The code is a map, so boxes of any size have one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from meshimplant.networks.config import Latent
from meshimplant.networks.layers import group_norm


class Encoder(nn.Module):
    """Map fields (B, 1, X, Y, Z) to mean and log variance of their codes, (B, C, x, y, z) each."""

    def __init__(self, latent: Latent) -> None:
        super().__init__()
        above = [1, *latent.widths[:-1]]
        self.levels = nn.ModuleList(_halving(*pair) for pair in zip(above, latent.widths, strict=True))
        self.code = nn.Conv3d(latent.widths[-1], 2 * latent.widths[-1], 1)

    def forward(self, field: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the log variance of the codes."""
        y = field
        for level in self.levels:
            y = level(y)
        mean, log_variance = self.code(y).chunk(2, dim=1)
        return mean, log_variance.clamp(-8, 8)


class Decoder(nn.Module):
    """Map codes back to fields of a given size."""

    def __init__(self, latent: Latent) -> None:
        super().__init__()
        widths = [*latent.widths[::-1], latent.widths[0]]
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv3d(given, width, 3, padding=1, bias=False), group_norm(width), nn.SiLU())
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
    """The autoencoder, its optimiser, and its term of the coarse network's loss."""

    def __init__(self, latent: Latent, device: torch.device) -> None:
        self.latent = latent
        self.encoder, self.decoder = Encoder(latent).to(device), Decoder(latent).to(device)
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, lr=latent.learning_rate)

    def term(self, prediction: Tensor, truth: Tensor) -> Tensor:
        """Return the loss term of a prediction (B, 1, X, Y, Z); no gradient reaches the autoencoder."""
        frozen = {name: value.detach() for name, value in self.encoder.state_dict().items()}
        target = functional_call(self.encoder, frozen, (truth,))[0].detach().float()
        code = functional_call(self.encoder, frozen, (prediction,))[0].float()
        return self.latent.weight * (code - target).square().mean()

    def learn(self, truth: Tensor) -> float:
        """Train the autoencoder on a complete skull, (B, 1, X, Y, Z), in 32 bits; return its own loss."""
        self.optimiser.zero_grad(set_to_none=True)
        mean, log_variance = self.encoder(truth)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        decoded = self.decoder(code, truth.shape[2:])
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        loss = functional.huber_loss(decoded, truth) + self.latent.divergence * divergence
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {
            "encoder": self.encoder.state_dict(),
            "decoder": self.decoder.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state from a checkpoint."""
        self.encoder.load_state_dict(state["encoder"])
        self.decoder.load_state_dict(state["decoder"])
        self.optimiser.load_state_dict(state["optimiser"])


def _halving(given: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(given, width, 3, stride=2, padding=1, bias=False), group_norm(width), nn.SiLU()
    )
