"""Precision: 16 bits give the gradients of 32, and the run names its precision."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from meshimplant.errors import InputError
from meshimplant.networks import precision
from meshimplant.networks.config import Coarse, Config, Data, Fine, Latent, config_from
from meshimplant.networks.export import export_run
from meshimplant.networks.layers import Block
from meshimplant.networks.learner import Learner
from meshimplant.networks.point_voxel import PointVoxelBlock
from meshimplant.networks.precision import (
    full_precision,
    has_16_bit_units,
    mixed_precision,
    resolve_precision,
)
from meshimplant.networks.run_folder import RunFolder
from meshimplant.networks.sparse import ActiveVoxels, gather_convolve
from meshimplant.networks.sparse_unet import SparseBlock
from meshimplant.networks.training_config import Training
from meshimplant.networks.training_loop import train
from meshimplant.networks.training_samples import Augmentation, HeadCrops, make_sample
from meshimplant.networks.training_store import Store
from meshimplant.networks.weights import read_weights

CPU = torch.device("cpu")


def _config(fine: Fine | None = None, *, latent: Latent | None = None, **training: Any) -> Config:
    """A network of one learning stage: the coarse one, or `fine` alone."""
    values = Training(batch=1, patch_mm=20, steps=1, **training)
    coarse = Coarse("unet" if fine is None else "none", widths=(4, 8))
    data = Data(("defective", "opening", "prior"))
    return Config("tiny", data, coarse, fine, {"coarse": values, "fine": values}, latent)


def _loss_and_gradients(config: Config, store: Store, folder: Path, bits: str) -> tuple[float, torch.Tensor]:
    """Return the loss of one sample and all its gradients, by a network whose last layer is not 0."""
    stage = "coarse" if config.fine is None else "fine"
    config = replace(config, training={stage: replace(config.training[stage], precision=bits)})
    learner = Learner(config, stage, RunFolder(folder, stage), CPU)
    for name, values in learner.network.named_parameters():
        if name.endswith("last.weight"):
            torch.nn.init.constant_(values, 0.05)
    piece = HeadCrops(store, config.data.channels)[store.cases("training")[0]]
    sample = make_sample(piece, config.data, learner.training, Augmentation(), coarse=stage == "coarse")
    loss = learner.loss(sample, np.random.default_rng(0))
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(values.dtype == values.grad.dtype == torch.float32 for values in learner.network.parameters())
    return float(loss.detach()), torch.cat([values.grad.flatten() for values in learner.network.parameters()])


@pytest.mark.parametrize(
    ("fine", "latent"),
    [
        (None, None),
        (None, Latent(widths=(4, 4), weight=1.0)),
        (Fine("sparse-unet", widths=(4, 8)), None),
        (Fine("point-voxel", widths=(8, 8)), None),
        (Fine("patch-unet", widths=(4, 8), window_mm=16), None),
        (Fine("slice-unet", widths=(4, 8), window_mm=2), None),
    ],
    ids=["unet", "latent", "sparse-unet", "point-voxel", "patch-unet", "slice-unet"],
)
def test_16_bits_give_the_loss_and_the_gradients_of_32(
    fine: Fine | None, latent: Latent | None, spheres: Store, tmp_path: Path
) -> None:
    (loss, gradients), (loss_16, gradients_16) = (
        _loss_and_gradients(_config(fine, latent=latent), spheres, tmp_path, bits) for bits in ("32", "16")
    )
    assert loss_16 != loss  # convolutions do run in 16 bits
    assert loss_16 == pytest.approx(loss, rel=2e-3)
    assert float(torch.cosine_similarity(gradients, gradients_16, dim=0)) > 0.999
    assert float(gradients_16.norm() / gradients.norm()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("block", [Block(4, 8, residual=True), SparseBlock(4, 8), PointVoxelBlock(4, 8)])
def test_normalisations_give_32_bits(block: torch.nn.Module) -> None:
    seen = []
    for module in block.modules():
        if isinstance(module, torch.nn.GroupNorm | torch.nn.LayerNorm):
            module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.dtype))
    sites = ActiveVoxels(torch.ones(1, 4, 4, 4).nonzero())
    with mixed_precision("16", CPU):
        if isinstance(block, Block):
            block(torch.randn(1, 4, 4, 4, 4))
        elif isinstance(block, SparseBlock):
            block(torch.randn(64, 4), sites.neighbours)
        else:
            from meshimplant.networks.point_voxel import Cells

            block(torch.randn(64, 4), Cells(sites.coords, 2.0))
    assert seen
    assert set(seen) == {torch.float32}


def test_gradients_of_a_sparse_convolution_are_summed_in_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many chunks there are: summed in 16 bits, a thousand equal terms would stand still at 256."""
    sites = ActiveVoxels(torch.ones(1, 10, 10, 10).nonzero())
    x, weight = torch.ones(1000, 1), torch.ones(27, 1, 1, requires_grad=True)
    monkeypatch.setattr("meshimplant.networks.sparse._CHUNK_VALUES", 27)
    with mixed_precision("16", CPU):
        out = gather_convolve(x, weight, sites.neighbours)
    assert out.dtype == torch.float32
    out.sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    assert float(weight.grad[13]) == 1000  # the middle of the kernel: every voxel


@pytest.mark.parametrize(
    ("capabilities", "bits"), [({"avx512_bf16": True}, "16"), ({"amx_bf16": True}, "16"), ({}, "32")]
)
def test_auto_takes_16_bits_where_the_processor_computes_them(
    capabilities: dict[str, bool], bits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert has_16_bit_units(CPU) == (bits == "16")
    assert resolve_precision("auto", CPU) == bits
    assert (resolve_precision("16", CPU), resolve_precision("32", CPU)) == ("16", "32")


def test_full_precision_turns_autocast_and_tf32_off_and_back() -> None:
    before = torch.backends.cudnn.allow_tf32
    with mixed_precision("16", CPU):
        with full_precision("cpu"):
            assert not torch.is_autocast_enabled("cpu")
            assert not torch.backends.cudnn.allow_tf32
        assert torch.is_autocast_enabled("cpu")
    assert torch.backends.cudnn.allow_tf32 == before


def test_a_run_and_its_weights_name_the_precision_and_a_resumed_run_keeps_it(
    spheres: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resumed(steps: int, bits: str) -> str:
        config = _config(checkpoint=1)
        stages = {name: replace(one, steps=steps, precision=bits) for name, one in config.training.items()}
        trained = train(replace(config, training=stages), spheres, tmp_path / "run", resume=True)
        progress = json.loads((tmp_path / "run" / "coarse" / "progress.json").read_text())
        weights = read_weights(export_run(tmp_path / "run", spheres))
        assert trained.precision == progress["precision"] == weights.about["coarse"]["precision"]
        return trained.precision

    monkeypatch.setattr(precision, "has_16_bit_units", lambda _device: True)
    assert resumed(1, "auto") == "16"
    monkeypatch.setattr(precision, "has_16_bit_units", lambda _device: False)
    assert resumed(2, "auto") == "16"
    assert resumed(3, "32") == "32"
    assert resumed(4, "auto") == "32"


def test_another_precision_is_refused() -> None:
    with pytest.raises(InputError, match=r"training\.\*\.precision among auto, 16, 32, got '8'"):
        config_from({"training": {"coarse": {"precision": "8"}}})
