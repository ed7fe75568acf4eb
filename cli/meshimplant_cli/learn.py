"""Verbs that learn from complete skulls: average."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshimplant_cli.options import Answer, Output, Reading
from meshimplant_cli.terminal import UsageError, require_free_file, show, working

if TYPE_CHECKING:
    from meshimplant.volume import Volume


def average(
    *skulls: Path,
    output: Output,
    data: Annotated[str, Parameter(help="What the skulls are and where they come from; kept in the file.")],
    licence: Annotated[str, Parameter(help="What the skulls' licence lets others do; kept in the file.")],
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

    with working("reading skulls") as tell:

        def each() -> Iterator[Volume]:
            for number, path in enumerate(skulls, start=1):
                tell(f"skull {number} of {len(skulls)}")
                yield reading.skull(path).mask
            tell("averaging")

        mean = build_vault_mean(each(), about={"data": data, "licence": licence})
        mean.save(output)
    result = {"output": output.name, **mean.about}
    show(result, as_json=answer.json, text=f"{output.name}: the mean vault of {mean.about['skulls']} skulls")


VERBS = (average,)
