"""Cells hold the mean of their points and are read between their centres."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from meshimplant.networks.point_voxel import Cells, PointVoxelNet


def points(seed: int = 0, heads: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(heads, 9, 7, 11, generator=generator) < 0.4).nonzero()


def test_a_cell_holds_the_mean_of_its_points() -> None:
    coords = points()
    features = torch.randn(len(coords), 3)
    dense = Cells(coords, 4.0).gather(features)
    assert dense.shape == (2, 3, 3, 2, 3)
    owner = torch.cat([coords[:, :1], coords[:, 1:] // 4], dim=1)
    for head, i, j, k in owner.unique(dim=0).tolist():
        own = (owner == torch.tensor([head, i, j, k])).all(dim=1)
        torch.testing.assert_close(dense[head, :, i, j, k], features[own].mean(dim=0))


@pytest.mark.parametrize("edge", [2.0, 2.5])
def test_what_is_linear_in_space_is_read_exactly_between_the_centres(edge: float) -> None:
    coords = torch.stack(torch.meshgrid(torch.arange(1), *(torch.arange(3, 19),) * 3, indexing="ij"), dim=-1)
    coords = coords.reshape(-1, 4)
    cells = Cells(coords, edge)
    x, y, z = (torch.arange(n) for n in cells.shape)
    told = (x[:, None, None] + 2.0 * y[:, None] - 3.0 * z)[None, None] * 1.0
    read = cells.read(told)[:, 0]
    wanted = cells.places @ torch.tensor([1.0, 2.0, -3.0])
    last = torch.tensor(cells.shape) - 1
    inner = ((cells.places >= 0) & (cells.places <= last)).all(dim=1)
    assert inner.sum() > 1000
    torch.testing.assert_close(read[inner], wanted[inner], rtol=1e-4, atol=1e-4)


def test_heads_of_a_batch_do_not_meet() -> None:
    torch.manual_seed(0)
    network = PointVoxelNet(3, (4, 4, 4), cell=3.0).eval()
    nn.init.normal_(network.last.weight)
    coords = points()
    features = torch.randn(len(coords), 3)
    changed = features.clone()
    changed[coords[:, 0] == 1] += 1
    with torch.no_grad():
        one, two = network(coords, features), network(coords, changed)
    same = (one == two)[:, 0]
    assert same[coords[:, 0] == 0].all()
    assert not same[coords[:, 0] == 1].any()


def test_a_point_is_told_of_its_neighbours() -> None:
    torch.manual_seed(0)
    network = PointVoxelNet(2, (4,), cell=2.0)
    nn.init.normal_(network.last.weight)
    coords = points(heads=1)
    features = torch.randn(len(coords), 2, requires_grad=True)
    network(coords, features)[0].sum().backward()
    assert features.grad is not None
    reached = features.grad.abs().sum(dim=1) > 0
    assert reached[0]
    assert 5 < reached.sum() <= len(coords)


def test_one_layer_of_cells_is_read_without_dividing_by_nothing() -> None:
    coords = torch.tensor([[0, 4, 4, 4], [0, 5, 4, 4]])
    read = Cells(coords, 8.0).read(torch.full((1, 1, 1, 1, 1), 7.0))
    assert read[:, 0].tolist() == [7.0, 7.0]
