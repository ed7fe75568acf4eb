"""The verb `shape-model`: mean and modes of complete skulls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from meshimplant_cli.average import Data, Licence, read_vaults
from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import Count, Output, OutputOptions, SkullOptions
from meshimplant_cli.outputs import require_free_file
from meshimplant_cli.terminal import show


def shape_model(
    *skulls: Path,
    output: Output,
    data: Data,
    licence: Licence,
    modes: Annotated[Count, Parameter(help="Largest number of modes to keep.")] = 20,
    kind: Annotated[
        Literal["points", "images"], Parameter(help="Model surface points, or signed distances on a grid.")
    ] = "points",
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Learn mean and modes of complete skulls: a model for `--template` with `--method ssm` or `ssm-image`.

    The skulls are aligned as for `average`. A model of few skulls fits few heads: use twenty or more.

    Parameters
    ----------
    skulls
        Three or more complete skulls: masks, CTs, DICOM studies or closed meshes.
    """
    if len(skulls) < 3:
        raise UsageError(f"expected at least three complete skulls, got {len(skulls)}: name more files")
    require_free_file(output, (".npz",), force=output_options.force)
    from meshimplant.complete.population import build_shape_model
    from meshimplant.runtime.value_text import count_of

    about = {"data": data, "licence": licence}
    inputs = Inputs()
    model = build_shape_model(
        read_vaults(skulls, skull_options, inputs), about=about, modes=modes, images=kind == "images"
    )
    model.save(output)
    result = {"output": output.name, "modes": len(model.modes), **model.about}
    text = f"{output.name}: {count_of(len(model.modes), 'mode')} of {model.about['skulls']} skulls, on {kind}"
    show(result, as_json=output_options.json, text=text, inputs=inputs)
