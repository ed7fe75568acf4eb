"""The verb `training-set`: make a training set for networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.options import Count, Output, PrintOptions
from meshimplant_cli.terminal import show, working

CountOrNone = Annotated[int, Parameter(validator=Number(gte=0))]


def training_set(
    folder: Path,
    /,
    *,
    output: Output,
    skulls: Annotated[
        Literal["training", "all"],
        Parameter(help="Of SkullFix: only distinct patients, or look-alikes too."),
    ] = "training",
    defects_per_skull: Annotated[
        Count, Parameter(help="Virtual defects in each skull, of seven kinds in turn.")
    ] = 7,
    new_heads: Annotated[
        CountOrNone,
        Parameter(help="Heads made by warping each skull towards another one, with one defect each."),
    ] = 0,
    tuning: Annotated[
        CountOrNone, Parameter(help="Number of skulls, the last ones, that are held out for tuning.")
    ] = 10,
    data: Annotated[
        str,
        Parameter(help="Kind of the skulls, and what their licence permits; stored in the weights."),
    ] = "",
    seed: Annotated[int, Parameter(help="The same skulls and seed give the same defects.")] = 0,
    print_options: PrintOptions = PrintOptions(),
) -> None:
    """Make a training set for networks: complete skulls in the frame of the head, with virtual defects.

    Each defect is also completed without a network, since networks learn to correct that completion. The
    validation skulls of SkullFix are never used. A defect takes about 10 s on one core. The same command
    continues an interrupted run, and can add defects and heads. The folder holds patients' anatomy: treat it
    like the skulls.

    Parameters
    ----------
    folder
        Data set with complete skulls, as for `cases`.
    """
    from meshimplant import list_cases
    from meshimplant.networks import build_store, training_cases
    from meshimplant.runtime.value_text import count_of

    chosen = training_cases(list_cases(folder), which=skulls)
    with working("reading") as progress:
        store = build_store(
            chosen,
            output,
            data=data or folder.name,
            tuning=tuning,
            defects=defects_per_skull,
            new_heads=new_heads,
            seed=seed,
            progress=progress,
        )
    counts = {split: len(store.cases(split)) for split in ("training", "tuning")}
    text = (
        f"{output.name}: {count_of(counts['training'], 'case')} for training, {counts['tuning']} for tuning"
    )
    show({"output": output.name, "skulls": len(chosen), **counts}, as_json=print_options.json, text=text)
