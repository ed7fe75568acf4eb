"""Verbs that learn from complete skulls, and what was learnt: average, shape-model, models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from meshimplant_cli.options import Answer, Count, Output, Print, Reading
from meshimplant_cli.terminal import UsageError, require_free_file, show, table, working

if TYPE_CHECKING:
    from meshimplant.complete.population import HeadVault

Data = Annotated[str, Parameter(help="What the skulls are and where they come from; kept in the file.")]
Licence = Annotated[str, Parameter(help="What the skulls' licence lets others do; kept in the file.")]


def average(
    *skulls: Path,
    output: Output,
    data: Data,
    licence: Licence,
    reading: Reading = Reading(),
    answer: Answer = Answer(),
) -> None:
    """Average complete skulls into a mean vault for `--template`.

    Each skull is laid on the mean of all, together with its mirror image; radius and thickness are taken relative
    to the skull's own, and the median is kept, direction by direction. The result depends on nothing but the skulls.

    Parameters
    ----------
    skulls
        Two or more complete skulls: masks, CTs, DICOM folders or closed meshes.
    """
    if len(skulls) < 2:
        raise UsageError(f"expected at least two complete skulls, got {len(skulls)}: name more files")
    require_free_file(output, (".npz",), force=answer.force)
    from meshimplant.complete.population import build_vault_mean

    mean = build_vault_mean(_heads(skulls, reading), about={"data": data, "licence": licence})
    mean.save(output)
    result = {"output": output.name, **mean.about}
    show(result, as_json=answer.json, text=f"{output.name}: the mean vault of {mean.about['skulls']} skulls")


def shape_model(
    *skulls: Path,
    output: Output,
    data: Data,
    licence: Licence,
    modes: Annotated[Count, Parameter(help="How many modes to keep at most.")] = 20,
    kind: Annotated[
        Literal["points", "images"], Parameter(help="Model surface points, or signed distances on a grid.")
    ] = "points",
    reading: Reading = Reading(),
    answer: Answer = Answer(),
) -> None:
    """Learn mean and modes of complete skulls: a shape model for `--template`, with `--method ssm` or `ssm-image`.

    The skulls are laid together as for `average`. A model of few skulls holds few heads: twenty are a beginning.

    Parameters
    ----------
    skulls
        Three or more complete skulls: masks, CTs, DICOM folders or closed meshes.
    """
    if len(skulls) < 3:
        raise UsageError(f"expected at least three complete skulls, got {len(skulls)}: name more files")
    require_free_file(output, (".npz",), force=answer.force)
    from meshimplant.complete.population import build_shape_model

    about = {"data": data, "licence": licence}
    model = build_shape_model(_heads(skulls, reading), about=about, modes=modes, images=kind == "images")
    model.save(output)
    result = {"output": output.name, "modes": len(model.modes), **model.about}
    text = f"{output.name}: {len(model.modes)} modes of {model.about['skulls']} skulls, on {kind}"
    show(result, as_json=answer.json, text=text)


def models(*, printing: Print = Print()) -> None:
    """List the models and networks in the package: what each is, what it was made from, and what its licence lets you do."""
    from meshimplant.complete.models import packaged_models
    from meshimplant.networks.packaged import packaged_weights

    found = packaged_models() | packaged_weights()
    rows = [(name, about["what"], str(about["skulls"]), about["licence"]) for name, about in found.items()]
    show(found, as_json=printing.json, text=table([("file", "what", "skulls", "licence"), *rows]))


def _heads(skulls: tuple[Path, ...], reading: Reading) -> list[HeadVault]:
    """Read the vaults, one skull in memory at a time."""
    from meshimplant.complete.population import read_head_vault

    def each() -> Iterator[HeadVault]:
        for number, path in enumerate(skulls, start=1):
            tell(f"skull {number} of {len(skulls)}")
            yield read_head_vault(reading.skull(path).mask)

    with working("reading skulls") as tell:
        return list(each())


VERBS = (average, shape_model, models)
