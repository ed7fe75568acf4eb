"""Verbs that train a network: training-set, train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.options import AsJson, Count, Output, Positive, Print
from meshimplant_cli.terminal import show, working

AtLeastNone = Annotated[int, Parameter(validator=Number(gte=0))]


def training_set(
    folder: Path,
    /,
    *,
    output: Output,
    skulls: Annotated[
        Literal["training", "all"],
        Parameter(help="Of SkullFix: those that statistics may be made from, or look-alikes too."),
    ] = "training",
    defects_per_skull: Annotated[
        Count, Parameter(help="Virtual defects in each, of seven kinds in turn.")
    ] = 7,
    new_heads: Annotated[
        AtLeastNone,
        Parameter(help="Heads made of each skull and another one's share in its form, with a defect each."),
    ] = 0,
    tuning: Annotated[
        AtLeastNone, Parameter(help="How many of the last skulls are not learnt from, to choose by.")
    ] = 10,
    data: Annotated[
        str,
        Parameter(help="What the skulls are, and what their licence lets others do; kept in the weights."),
    ] = "",
    seed: Annotated[int, Parameter(help="Same skulls and seed, same defects.")] = 0,
    printing: Print = Print(),
) -> None:
    """Make a training set for networks: complete skulls in the head's own frame, with virtual defects.

    Each defect is completed without a network too, for that is what a network learns to correct. SkullFix's validation
    skulls are never taken. It takes some 10 s per defect of one core; the same command goes on where it was stopped, and
    more defects and new heads may be asked for. The folder holds patients' anatomy: treat it like the skulls themselves.

    Parameters
    ----------
    folder
        Data set with complete skulls, as for `cases`.
    """
    from meshimplant import list_cases
    from meshimplant.networks import build_store, training_cases

    chosen = training_cases(list_cases(folder), which=skulls)
    with working("reading") as tell:
        store = build_store(
            chosen,
            output,
            data=data or folder.name,
            tuning=tuning,
            defects=defects_per_skull,
            new_heads=new_heads,
            seed=seed,
            tell=tell,
        )
    counts = {split: len(store.cases(split)) for split in ("training", "tuning")}
    text = f"{output.name}: {counts['training']} cases to learn from, {counts['tuning']} to choose by"
    show({"output": output.name, "skulls": len(chosen), **counts}, as_json=printing.json, text=text)


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
    workers: Annotated[AtLeastNone, Parameter(help="Threads that prepare samples ahead.")] = 0,
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


VERBS = (training_set, train)
