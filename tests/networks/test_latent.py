"""The autoencoder learns shapes; its term moves the answer and not the autoencoder."""

from __future__ import annotations

import torch

from meshimplant.networks.config import Latent
from meshimplant.networks.latent import LatentTerm


def ball(radius: float) -> torch.Tensor:
    line = torch.arange(20.0) - 9.5
    far = (line[:, None, None] ** 2 + line[:, None] ** 2 + line**2).sqrt()
    return ((radius - far) / 8).clamp(-1, 1)[None, None]


def made() -> LatentTerm:
    torch.manual_seed(0)
    return LatentTerm(Latent(widths=(4, 8), learning_rate=1e-2), torch.device("cpu"))


def test_an_answer_like_the_truth_costs_nothing_and_a_farther_one_more() -> None:
    term = made()
    for _ in range(30):
        term.learn(ball(6))
    costs = [float(term.term(ball(radius), ball(6))) for radius in (6, 7, 9)]
    assert costs[0] == 0 < costs[1] < costs[2]


def test_the_gradient_reaches_the_answer_alone() -> None:
    term = made()
    answer = ball(7).requires_grad_()
    term.term(answer, ball(6)).backward()
    assert answer.grad is not None
    assert answer.grad.abs().sum() > 0
    assert all(p.grad is None for p in term.encoder.parameters())


def test_it_learns_to_tell_a_shape_again() -> None:
    term = made()
    losses = [term.learn(ball(6)) for _ in range(60)]
    assert losses[-1] < 0.3 * losses[0]


def test_what_it_is_can_be_kept_and_taken_on() -> None:
    one, other = made(), made()
    one.learn(ball(6))
    other.load(one.state())
    for mine, its in zip(one.encoder.parameters(), other.encoder.parameters(), strict=True):
        assert torch.equal(mine, its)
    torch.manual_seed(1)
    first = one.learn(ball(5))
    torch.manual_seed(1)
    assert other.learn(ball(5)) == first
