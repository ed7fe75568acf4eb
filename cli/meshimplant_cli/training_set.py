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
        Parameter(help="Of SkullFix: those that statistics may be made from, or look-alikes too."),
    ] = "training",
    defects_per_skull: Annotated[
        Count, Parameter(help="Virtual defects in each, of seven kinds in turn.")
    ] = 7,
    new_heads: Annotated[
        CountOrNone,
        Parameter(help="Heads made of each skull and another one's share in its form, with a defect each."),
    ] = 0,
    tuning: Annotated[
        CountOrNone, Parameter(help="How many of the last skulls are not learnt from, to choose by.")
    ] = 10,
    data: Annotated[
        str,
        Parameter(help="What the skulls are, and what their licence lets others do; kept in the weights."),
    ] = "",
    seed: Annotated[int, Parameter(help="Same skulls and seed, same defects.")] = 0,
    print_options: PrintOptions = PrintOptions(),
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
    show({"output": output.name, "skulls": len(chosen), **counts}, as_json=print_options.json, text=text)
