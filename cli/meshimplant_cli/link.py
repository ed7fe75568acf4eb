"""The verb `link`: resample skulls onto one common grid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from meshimplant_cli.options import Output, OutputOptions, Positive, SkullOptions
from meshimplant_cli.terminal import (
    UsageError,
    require_free_folder,
    show,
    suffix_of,
    table,
    working,
)

Shape = tuple[int, int, int]


def link(
    *skulls: Path,
    output: Output,
    spacing_mm: Annotated[Positive, Parameter(help="Edge of the common grid's voxels.")] = 2.0,
    shape: Annotated[
        Shape | None, Parameter(help="Voxels along each axis; the fewest that hold all when left out.")
    ] = None,
    axes: Annotated[Literal["head", "scanner"], Parameter(help="Whose axes the grid has.")] = "head",
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Lay skulls of different grids on one common grid: crop, resample, pad; thin bone stays closed.

    Writes a mask of each skull into OUTPUT under its own name, as .nrrd whose affine leads to that patient's millimetres; a
    prediction on it is what `design --complete` and `--implant` take.

    Parameters
    ----------
    skulls
        Complete or defective skulls: masks, CTs, DICOM folders or closed meshes.
    """
    require_free_folder(output, force=output_options.force)
    names = [path.name[: len(path.name) - len(suffix_of(path))] for path in skulls]
    if not skulls or len(set(names)) < len(names):
        raise UsageError(
            f"expected one or more skulls of different names, got {len(skulls)}: rename the files"
        )
    from meshimplant import link as lay
    from meshimplant import write_volume
    from meshimplant.io.atomic import atomic_folder

    together = [skulls] if shape is None else [(path,) for path in skulls]
    rows: list[tuple[str, float]] = []
    with working("linking") as tell, atomic_folder(output) as folder:
        for paths in together:
            tell(f"linking {paths[0].name}")
            masks = [skull_options.skull(path).mask for path in paths]
            for item in lay(masks, spacing_mm=spacing_mm, shape=shape, frame=axes):
                name = f"{names[len(rows)]}.nrrd"
                write_volume(item.volume, folder / name)
                rows.append((name, item.outside_fraction))
        size = item.volume.shape
    told = [{"output": name, "outside_fraction": outside} for name, outside in rows]
    lines = table([("skull", "bone outside the grid"), *rows])
    show(
        {"shape": size, "spacing_mm": spacing_mm, "skulls": told},
        as_json=output_options.json,
        text=f"{lines}\n{' x '.join(map(str, size))} voxels of {spacing_mm:g} mm",
    )
