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
        Literal["coarse", "fine"], Parameter(help="Coarse comes first; fine refines what it left.")
    ] = "coarse",
    resume: Annotated[
        bool, Parameter(help="Go on with the run in OUTPUT, exactly where it was stopped.")
    ] = False,
    grow: Annotated[
        bool, Parameter(help="With --resume: learn from what was added to the training set since, too.")
    ] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], Parameter(help="Where to compute; auto: a GPU where there is one.")
    ] = "auto",
    minutes: Annotated[
        Positive | None, Parameter(help="Stop after this time, with a checkpoint to go on from.")
    ] = None,
    workers: Annotated[CountOrNone, Parameter(help="Threads that prepare samples ahead.")] = 0,
    json: AsJson = False,
) -> None:
    """Train a network on a training set; checkpoints, curves and progress are files in OUTPUT.

    OUTPUT/STAGE/curves.csv holds the loss, and on the skulls to choose by the error and the overlap, beside those of
    the completion without a network. OUTPUT/CONFIG.npz is the network as far as it is trained.

    Parameters
    ----------
    config
        TOML file of a network, or the name of one in the package, such as head.
    folder
        Training set of `training-set`.
    """
    from meshimplant.networks import open_store, read_config, require_torch

    require_torch()
    wanted, store = read_config(config), open_store(folder)
    from meshimplant.networks.export import export_run
    from meshimplant.networks.training import train as learn

    with working(f"training {wanted.name}, {stage}") as tell:
        trained = learn(
            wanted,
            store,
            output,
            stage=stage,
            resume=resume,
            grow=grow,
            device=device,
            minutes=minutes,
            workers=workers,
            tell=tell,
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
