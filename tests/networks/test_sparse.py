"""Sparse convolutions equal dense ones, in values and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from meshimplant.errors import InputError
from meshimplant.networks import sparse
from meshimplant.networks.sparse import ActiveVoxels, gather_convolve
from meshimplant.networks.sparse_unet import SparseUNet

SHAPE = (6, 8, 10)


def some_sites(share: float, *, batch: int = 1, seed: int = 0) -> ActiveVoxels:
    """Return voxels of a grid, shuffled: rows may come in any order."""
    random = torch.Generator().manual_seed(seed)
    kept = (torch.rand(batch, *SHAPE, generator=random) < share).nonzero()
    return ActiveVoxels(kept[torch.randperm(len(kept), generator=random)])


def dense_of(
    sites: ActiveVoxels, values: torch.Tensor, *, batch: int, shape: tuple[int, ...] = SHAPE
) -> torch.Tensor:
    """Return rows laid into a dense grid (B, C, X, Y, Z) of zeros."""
    grid = values.new_zeros(batch, *shape, values.shape[1]).index_put(sites.coords.unbind(dim=1), values)
    return grid.movedim(-1, 1)


def rows_of(sites: ActiveVoxels, grid: torch.Tensor) -> torch.Tensor:
    return grid.movedim(1, -1)[sites.coords.unbind(dim=1)]


def dense_kernel(weight: torch.Tensor, edge: int) -> torch.Tensor:
    """Return a (K, C, D) kernel as that of a dense convolution, (D, C, edge, edge, edge)."""
    return weight.permute(2, 1, 0).reshape(weight.shape[2], weight.shape[1], edge, edge, edge)


@pytest.mark.parametrize(("share", "batch"), [(1.1, 1), (0.3, 1), (0.3, 3)])
def test_a_submanifold_convolution_is_a_masked_dense_one(share: float, batch: int) -> None:
    sites = some_sites(share, batch=batch)
    x = torch.randn(len(sites.coords), 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(27, 3, 5, dtype=torch.float64, requires_grad=True)
    out = gather_convolve(x, weight, sites.neighbours)
    dense = functional.conv3d(dense_of(sites, x, batch=batch), dense_kernel(weight, 3), padding=1)
    expected = rows_of(sites, dense)
    torch.testing.assert_close(out, expected)
    ahead = torch.randn_like(out)
    got = torch.autograd.grad(out, (x, weight), ahead)
    torch.testing.assert_close(got, torch.autograd.grad(expected, (x, weight), ahead))


@pytest.mark.parametrize(("share", "batch"), [(1.1, 1), (0.2, 2)])
def test_a_strided_convolution_is_a_dense_one_at_the_voxels_with_children(share: float, batch: int) -> None:
    sites = some_sites(share, batch=batch)
    parents, links = sites.coarser
    x = torch.randn(len(sites.coords), 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(8, 3, 4, dtype=torch.float64, requires_grad=True)
    out = gather_convolve(x, weight, links)
    dense = functional.conv3d(dense_of(sites, x, batch=batch), dense_kernel(weight, 2), stride=2)
    expected = rows_of(parents, dense)
    torch.testing.assert_close(out, expected)
    half = tuple(n // 2 for n in SHAPE)
    occupied = dense_of(parents, torch.ones(len(parents.coords), 1), batch=batch, shape=half)
    children = dense_of(sites, torch.ones(len(sites.coords), 1), batch=batch)
    assert torch.equal(occupied, functional.max_pool3d(children, 2))
    ahead = torch.randn_like(out)
    got = torch.autograd.grad(out, (x, weight), ahead)
    torch.testing.assert_close(got, torch.autograd.grad(expected, (x, weight), ahead))


@pytest.mark.parametrize("share", [1.1, 0.2])
def test_a_transposed_convolution_is_a_dense_one_at_the_voxels_that_were_there(share: float) -> None:
    sites = some_sites(share)
    parents, links = sites.coarser
    x = torch.randn(len(parents.coords), 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(8, 4, 3, dtype=torch.float64, requires_grad=True)
    out = gather_convolve(x, weight, links.reversed)
    grid = dense_of(parents, x, batch=1, shape=tuple(n // 2 for n in SHAPE))
    kernel = weight.permute(1, 2, 0).reshape(4, 3, 2, 2, 2)
    expected = rows_of(sites, functional.conv_transpose3d(grid, kernel, stride=2))
    torch.testing.assert_close(out, expected)
    ahead = torch.randn_like(out)
    got = torch.autograd.grad(out, (x, weight), ahead)
    torch.testing.assert_close(got, torch.autograd.grad(expected, (x, weight), ahead))


def test_gradients_agree_with_finite_differences() -> None:
    sites = some_sites(0.05)
    x = torch.randn(len(sites.coords), 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(27, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: gather_convolve(a, b, sites.neighbours), (x, weight))


def test_work_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = some_sites(0.4)
    x, weight = torch.randn(len(sites.coords), 3), torch.randn(27, 3, 4)
    whole = gather_convolve(x, weight, sites.neighbours)
    monkeypatch.setattr(sparse, "_CHUNK_VALUES", 500)
    torch.testing.assert_close(gather_convolve(x, weight, sites.neighbours), whole)


def test_the_order_of_the_voxels_does_not_matter() -> None:
    torch.manual_seed(0)
    network = _lively(SparseUNet(2, (4, 8, 8)))
    sites = some_sites(0.4)
    x = torch.randn(len(sites.coords), 2)
    order = torch.randperm(len(x))
    with torch.no_grad():
        torch.testing.assert_close(network(sites.coords[order], x[order]), network(sites.coords, x)[order])


def test_heads_of_a_batch_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    network = _lively(SparseUNet(2, (4, 8)))
    sites = some_sites(0.4, batch=2)
    x = torch.randn(len(sites.coords), 2)
    second = sites.coords[:, 0] == 1
    alone = sites.coords[second].clone()
    alone[:, 0] = 0
    with torch.no_grad():
        torch.testing.assert_close(network(sites.coords, x)[second], network(alone, x[second]))


def test_an_untrained_network_corrects_nothing_but_can_learn_to() -> None:
    torch.manual_seed(0)
    network = SparseUNet(2, (4, 8))
    sites = some_sites(0.4)
    x = torch.randn(len(sites.coords), 2)
    assert not network(sites.coords, x).any()
    target = x[:, :1] * x[:, 1:]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(120):
        loss = (network(sites.coords, x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize(
    ("coords", "said"),
    [
        (torch.zeros(3, 3, dtype=torch.int64), r"\(n, 4\) as int64, got \(3, 3\)"),
        (torch.zeros(3, 4), "as torch.float32"),
        (torch.tensor([[0, 0, -1, 0]]), "at least 0, got negative"),
        (torch.tensor([[0, 1, 2, 3], [0, 0, 0, 0], [0, 1, 2, 3]]), "every voxel once"),
        (torch.zeros(0, 4, dtype=torch.int64), "at least one voxel, got none"),
    ],
)
def test_coordinates_that_are_none_are_refused(coords: torch.Tensor, said: str) -> None:
    with pytest.raises(InputError, match=said):
        ActiveVoxels(coords)


def test_a_neighbour_beyond_the_edge_is_none() -> None:
    corners = torch.tensor([[0, 0, 0, 9], [0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]])
    links = ActiveVoxels(corners).neighbours
    assert np.array_equal((links.table < 4).sum(dim=1).numpy(), [1, 2, 2, 1])


def _lively(network: SparseUNet) -> SparseUNet:
    """Return the network with a last layer that is not 0, so that its answer tells of what is before."""
    torch.nn.init.normal_(network.last.weight)
    return network
