"""Every architecture by name returns its base before training."""

from __future__ import annotations

import pytest
import torch

from meshimplant.errors import InputError
from meshimplant.networks.architectures import COARSE_NETWORKS, FINE_NETWORKS, build_coarse, build_fine
from meshimplant.networks.band import feature_count
from meshimplant.networks.config import config_from, packaged_configs, read_config
from meshimplant.networks.dense_fine import DenseFine


@pytest.mark.parametrize("name", packaged_configs())
def test_every_packaged_config_makes_networks_that_return_their_base(name: str) -> None:
    config = read_config(name)
    torch.manual_seed(0)
    channels = config.data.channels
    x = torch.randn(1, len(channels), 16, 16, 16)
    place = channels.index(config.data.base)
    assert torch.equal(build_coarse(config)(x), x[:, place : place + 1])
    fine = None if config.fine is None else build_fine(config)
    if isinstance(fine, DenseFine):
        features = torch.randn(1, feature_count(config), 24, 24, 24)
        assert torch.equal(fine.whole(features), torch.zeros(1, 1, 24, 24, 24))
    elif fine is not None:
        coords = (torch.rand(1, 6, 6, 6) < 0.5).nonzero()
        features = torch.randn(len(coords), feature_count(config))
        answer = fine(coords, features)
        assert answer.shape == (len(coords), 1)
        assert not answer.any()


@pytest.mark.parametrize("base", ["prior", "defective"])
def test_the_base_is_the_channel_that_the_config_names(base: str) -> None:
    config = config_from({"data": {"channels": ["defective", "opening", "prior"], "base": base}})
    x = torch.randn(1, 3, 8, 8, 8)
    place = config.data.channels.index(base)
    assert torch.equal(build_coarse(config)(x), x[:, place : place + 1])


@pytest.mark.parametrize(
    ("tables", "build", "known"),
    [
        ({"coarse": {"architecture": "magic"}}, build_coarse, COARSE_NETWORKS),
        ({"fine": {"architecture": "magic"}}, build_fine, FINE_NETWORKS),
    ],
)
def test_an_unknown_architecture_is_refused_with_the_known_ones(tables, build, known) -> None:
    (stage,) = tables
    with pytest.raises(InputError, match=f"{stage}.architecture among {', '.join(known)}, got 'magic'"):
        build(config_from(tables))


def test_one_stage_has_no_fine_network() -> None:
    with pytest.raises(InputError, match=r"a table \[fine\]"):
        build_fine(config_from({}))
