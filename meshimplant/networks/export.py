"""Export a training run as a weights file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from meshimplant.networks.config import Stage
from meshimplant.networks.learner import trained_stage
from meshimplant.networks.run_folder import RunFolder
from meshimplant.networks.training_store import NEW_HEAD, CaseName, Store
from meshimplant.networks.weights import write_weights


def export_run(folder: str | Path, store: Store) -> Path:
    """Write a run's network, as far as it is trained, to ``NAME.npz`` in the run's folder; return that path.

    NAME is the name of the config. Raises `FileReadError` if the run's first stage is missing or damaged.
    """
    folder = Path(folder)
    stages: tuple[Stage, ...] = ("coarse", "fine")
    begun = [stage for stage in stages if RunFolder(folder, stage).begun]
    config = RunFolder(folder, begun[0] if begun else "coarse").config()
    trained: dict[Stage, nn.Module] = {}
    about: dict[str, Any] = {"data": store.about["data"], "defects_per_skull": store.about["defects"]}
    for stage in begun:
        state = RunFolder(folder, stage).load()
        trained[stage] = trained_stage(folder, stage)
        about[stage] = {"steps": state.step, "seconds": round(state.seconds), "cases": len(state.cases)}
        about[stage] |= {"precision": state.precision} if state.precision else {}
        heads = {CaseName.of(name).skull for name in state.cases}
        about["skulls"] = len({head.split(NEW_HEAD)[0] for head in heads})
        about["new_heads"] = sum(NEW_HEAD in head for head in heads)
    path = folder / f"{config.name}.npz"
    write_weights(path, config, trained, about)
    return path
