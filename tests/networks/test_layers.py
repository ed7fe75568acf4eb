"""The dense U-Net: its base at first, the right shapes, halves of a grid that can be halved."""

from __future__ import annotations

import pytest
import torch

from meshimplant.errors import InputError
from meshimplant.networks.layers import UNet


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("widths", [(3,), (4, 8), (6, 8, 10)])
def test_an_untrained_network_returns_its_base(widths: tuple[int, ...], residual: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 8, 12, 16)
    answer = UNet(3, 1, widths, residual=residual)(x)
    assert torch.equal(answer, x[:, 1:2])


@pytest.mark.parametrize("residual", [True, False])
def test_it_learns_what_needs_more_than_one_voxel(residual: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 2, 8, 8, 8)
    target = torch.nn.functional.avg_pool3d(x[:, 1:], 3, stride=1, padding=1)
    network = UNet(2, 0, (4, 8), residual=residual)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(80):
        loss = (network(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_deepest_level_reaches_farther_than_the_first() -> None:
    torch.manual_seed(0)
    x = torch.zeros(1, 1, 16, 16, 16, requires_grad=True)
    reach = []
    for widths in ((4,), (4, 4, 4)):
        network = UNet(1, 0, widths, residual=True)
        torch.nn.init.ones_(network.last.weight)
        network.apply(lambda module: isinstance(module, torch.nn.GroupNorm) and _plain(module))
        (seen,) = torch.autograd.grad((network(x) - x)[0, 0, 8, 8, 8], x)
        reach.append(int((seen[0, 0, :, 8, 8] != 0).sum()))
    assert reach == [5, 16]


def test_a_grid_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(InputError, match=r"divisible by 4 for 3 levels, got \(8, 8, 6\)"):
        UNet(1, 0, (2, 2, 2), residual=True)(torch.zeros(1, 1, 8, 8, 6))


def _plain(norm: torch.nn.Module) -> None:
    """Take the statistics out of a norm: they reach over the whole grid."""
    norm.forward = lambda x: x + 0.5  # type: ignore[method-assign]
