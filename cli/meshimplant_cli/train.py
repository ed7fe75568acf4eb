"""The verb `train`: train a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.options import AsJson, Output, Positive
from meshimplant_cli.terminal import show, working

CountOrNone = Annotated[int, Parameter(validator=Number(gte=0))]


def train(
    config: Path,
    folder: Path,
    /,
    *,
    output: Output,
    stage: Annotated[
        Literal["coarse", "fine"],
        Parameter(help="The coarse stage comes first; the fine stage refines its result."),
    ] = "coarse",
    resume: Annotated[
        bool, Parameter(help="Continue the run in OUTPUT exactly where it was stopped.")
    ] = False,
    grow: Annotated[
        bool, Parameter(help="With --resume: also learn from what was added to the training set since.")
    ] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], Parameter(help="Device; auto uses a GPU if there is one.")
    ] = "auto",
    minutes: Annotated[Positive | None, Parameter(help="Stop after this time, with a checkpoint.")] = None,
    workers: Annotated[CountOrNone, Parameter(help="Threads that prepare samples in advance.")] = 0,
    json: AsJson = False,
) -> None:
    """Train a network on a training set; OUTPUT receives checkpoints, curves and progress.

    OUTPUT/STAGE/curves.csv holds the loss, and error and overlap on the held-out skulls next to those of the
    completion without a network. OUTPUT/CONFIG.npz is the network as trained so far.

    Parameters
    ----------
    config
        TOML file of a network, or the name of a packaged one, such as head.
    folder
        Training set of `training-set`.
    """
    from meshimplant.networks import open_store, read_config, require_torch

    require_torch()
    network_config, store = read_config(config), open_store(folder)
    from meshimplant.networks.export import export_run
    from meshimplant.networks.training_loop import train as train_network

    with working(f"training {network_config.name}, {stage}") as progress:
        trained = train_network(
            network_config,
            store,
            output,
            stage=stage,
            resume=resume,
            grow=grow,
            device=device,
            minutes=minutes,
            workers=workers,
            progress=progress,
        )
        weights = export_run(output, store)
    scores = None if trained.scores is None else vars(trained.scores)
    result = {"output": weights.name, "stage": stage, "steps": trained.steps, "finished": trained.finished}
    text = f"{output.name}: {stage} stage, {trained.steps} steps, loss {trained.loss:.4f}"
    if scores:
        text += (
            f"; error {scores['error_mm']:.3f} mm (without a network {scores['base_error_mm']:.3f}), "
            f"Dice {scores['dice']:.4f} ({scores['base_dice']:.4f})"
        )
    show(result | {"loss": trained.loss, "scores": scores}, as_json=json, text=text)
