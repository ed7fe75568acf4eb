"""The verb `average`: a mean vault of complete skulls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import Output, OutputOptions, SkullOptions
from meshimplant_cli.outputs import require_free_file
from meshimplant_cli.terminal import show, working

if TYPE_CHECKING:
    from meshimplant.complete.population import HeadVault

Data = Annotated[str, Parameter(help="Kind and origin of the skulls; stored in the file.")]
Licence = Annotated[str, Parameter(help="What the licence of the skulls permits; stored in the file.")]


def average(
    *skulls: Path,
    output: Output,
    data: Data,
    licence: Licence,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Average complete skulls into a mean vault for `--template`.

    Each skull is aligned to the mean of all, together with its mirror image. Radius and thickness are taken
    relative to the skull's own, and their median is computed for each direction. The result depends on the
    skulls only.

    Parameters
    ----------
    skulls
        Two or more complete skulls: masks, CTs, DICOM studies or closed meshes.
    """
    if len(skulls) < 2:
        raise UsageError(f"expected at least two complete skulls, got {len(skulls)}: name more files")
    require_free_file(output, (".npz",), force=output_options.force)
    from meshimplant.complete.population import build_vault_mean

    inputs = Inputs()
    mean = build_vault_mean(
        read_vaults(skulls, skull_options, inputs), about={"data": data, "licence": licence}
    )
    mean.save(output)
    result = {"output": output.name, **mean.about}
    show(
        result,
        as_json=output_options.json,
        text=f"{output.name}: the mean vault of {mean.about['skulls']} skulls",
        inputs=inputs,
    )


def read_vaults(skulls: tuple[Path, ...], skull_options: SkullOptions, inputs: Inputs) -> list[HeadVault]:
    """Read the vaults of skulls, holding one skull in memory at a time."""
    from meshimplant.complete.population import read_head_vault

    def each() -> Iterator[HeadVault]:
        for number, path in enumerate(skulls, start=1):
            progress(f"skull {number} of {len(skulls)}")
            yield read_head_vault(inputs.skull(path, skull_options))

    with working("reading skulls") as progress:
        return list(each())
