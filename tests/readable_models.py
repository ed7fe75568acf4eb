"""A small undamaged file of every kind that holds a model, a network or what one is trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from readable_files import Kind

from meshimplant.complete.image_model import ImageModel, grid_nodes
from meshimplant.complete.models import read_model
from meshimplant.complete.population import HeadVault, read_head_vault
from meshimplant.complete.shape_model import POINTS, ShapeModel
from meshimplant.head.mean_vault import VaultMean
from meshimplant.head.sphere import direction_sphere
from meshimplant.networks.architectures import build_coarse, build_fine
from meshimplant.networks.config import Stage, config_from, read_config
from meshimplant.networks.run_folder import CHECKPOINT, CONFIG, RunFolder, RunState
from meshimplant.networks.training_store import ABOUT, open_store, start_store
from meshimplant.networks.weights import read_weights, write_weights

_ABOUT = {"data": "made up", "licence": "CC0", "skulls": 3}


def _mean(folder: Path) -> Path:
    ones = np.ones(len(direction_sphere()[0]))
    VaultMean(ones, ones, _ABOUT).save(folder / "in.npz")
    return folder / "in.npz"


def _shape(folder: Path) -> Path:
    radii = np.ones((2, POINTS)) - [[0.0], [0.1]]
    ShapeModel(radii, 0.01 * radii[None], _ABOUT).save(folder / "in.npz")
    return folder / "in.npz"


def _image(folder: Path) -> Path:
    distances = np.array([1.0, 0.9])[:, None] - np.linalg.norm(grid_nodes(), axis=1)
    ImageModel(distances, 0.01 * distances[None], _ABOUT).save(folder / "in.npz")
    return folder / "in.npz"


def _vault(folder: Path) -> Path:
    HeadVault(direction_sphere()[0] * 90, np.full(len(direction_sphere()[0]), 6.0)).save(folder / "in.npz")
    return folder / "in.npz"


def _tables() -> dict[str, Any]:
    widths = {"widths": [2, 3]}
    return {"coarse": widths, "fine": widths, "data": {"channels": ["prior", "opening"]}}


def _weights(folder: Path) -> Path:
    config = config_from(_tables())
    modules: dict[Stage, Any] = {"coarse": build_coarse(config), "fine": build_fine(config)}
    write_weights(folder / "in.npz", config, modules, _ABOUT)
    return folder / "in.npz"


def _config(folder: Path) -> Path:
    import tomli_w

    (folder / "in.toml").write_text(tomli_w.dumps(_tables()))
    return folder / "in.toml"


def _run(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        run = RunFolder(folder, "coarse")
        run.begin(config_from(_tables()))
        state = RunState(2, 1.5, ["000-0-given"], [], [0.5], {"network": {"a": _tensor()}}, "32")
        run.save(state, {"step": 2})
        return run.place / name

    return make


def _tensor() -> Any:
    import torch

    return torch.arange(6.0)


def _store(folder: Path) -> Path:
    start_store(folder, data="made up", skulls={"000": "training", "001": "tuning"}, seed=1, defects=2)
    return folder / ABOUT


def _read_store(path: Path) -> object:
    store = open_store(path.parent)
    return store.skulls("training"), store.cases("tuning")


#: Kinds of models, networks and training sets.
MODEL_KINDS: dict[str, Kind] = {
    "mean vault": Kind(_mean, read_model),
    "shape model": Kind(_shape, read_model),
    "image model": Kind(_image, read_model),
    "head vault": Kind(_vault, read_head_vault),
    "weights": Kind(_weights, read_weights),
    "training config": Kind(_config, read_config),
    "run config": Kind(_run(CONFIG), lambda path: RunFolder(path.parent.parent, "coarse").config()),
    "checkpoint": Kind(_run(CHECKPOINT), lambda path: RunFolder(path.parent.parent, "coarse").load()),
    "training set": Kind(_store, _read_store),
}
