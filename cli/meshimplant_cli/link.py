"""The verb `link`: resample skulls onto one common grid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import Output, OutputOptions, Positive, SkullOptions
from meshimplant_cli.outputs import free_folder, suffix_of
from meshimplant_cli.terminal import show, table, working

Shape = tuple[int, int, int]


def link(
    *skulls: Path,
    output: Output,
    spacing_mm: Annotated[Positive, Parameter(help="Voxel edge of the common grid.")] = 2.0,
    shape: Annotated[
        Shape | None,
        Parameter(help="Voxels along each axis. Default: the smallest grid that holds all skulls."),
    ] = None,
    axes: Annotated[Literal["head", "scanner"], Parameter(help="Axes of the grid.")] = "head",
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Resample skulls of different grids onto one common grid; thin bone stays closed.

    Writes a mask of each skull into OUTPUT under its own name, as .nrrd whose affine leads to the millimetres
    of that patient; `design --complete` and `--implant` accept predictions on it.

    Parameters
    ----------
    skulls
        Complete or defective skulls: masks, CTs, DICOM studies or closed meshes.
    """
    names = [path.name[: len(path.name) - len(suffix_of(path))] for path in skulls]
    if not skulls or len(set(names)) < len(names):
        raise UsageError(
            f"expected one or more skulls with different names, got {len(skulls)}: rename the files"
        )
    from meshimplant import link as link_skulls
    from meshimplant import write_volume
    from meshimplant.io.atomic import atomic_folder

    batches = [skulls] if shape is None else [(path,) for path in skulls]
    rows: list[tuple[str, float]] = []
    force = output_options.force
    inputs = Inputs()
    with (
        free_folder(output, force=force),
        working("linking") as progress,
        atomic_folder(output, force=force) as folder,
    ):
        for paths in batches:
            progress(f"linking {paths[0].name}")
            masks = [inputs.skull(path, skull_options) for path in paths]
            for item in link_skulls(masks, spacing_mm=spacing_mm, shape=shape, frame=axes):
                name = f"{names[len(rows)]}.nrrd"
                write_volume(item.volume, folder / name)
                rows.append((name, item.outside_fraction))
        size = item.volume.shape
    outputs = [{"output": name, "outside_fraction": outside} for name, outside in rows]
    lines = table([("skull", "bone outside the grid"), *rows])
    kept = sorted({path.name for path in output.iterdir()}.difference(name for name, _ in rows))
    text = f"{lines}\n{' x '.join(map(str, size))} voxels of {spacing_mm:g} mm"
    show(
        {"shape": size, "spacing_mm": spacing_mm, "skulls": outputs, "other_files": kept},
        as_json=output_options.json,
        text=f"{text}\nkept beside them: {', '.join(kept)}" if kept else text,
        inputs=inputs,
    )
