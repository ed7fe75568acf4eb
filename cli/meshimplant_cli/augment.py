"""The verb `augment`: vary a complete skull for training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import Output, OutputOptions, SkullOptions
from meshimplant_cli.outputs import WRITABLE_VOXEL_SUFFIXES, require_free_file, suffix_of
from meshimplant_cli.terminal import show, working

Fraction = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]


def augment(
    skull: Path,
    /,
    *,
    output: Output,
    implant: Annotated[
        Path | None,
        Parameter(help="Its implant, changed in the same way and written next to OUTPUT as -implant."),
    ] = None,
    other: Annotated[
        list[Path] | None,
        Parameter(help="Skull towards whose shape to warp; of several, one is drawn."),
    ] = None,
    seed: Annotated[int, Parameter(help="The same seed gives the same skull.")] = 0,
    warp_fraction: Annotated[
        Fraction, Parameter(help="Largest fraction of the warp to the other's shape.")
    ] = 1.0,
    thickness_fraction: Annotated[
        Fraction, Parameter(help="Largest relative change of the vault's thickness.")
    ] = 0.25,
    rotation_deg: Annotated[float, Parameter(help="Largest rotation.")] = 10.0,
    mirror_fraction: Annotated[Fraction, Parameter(help="Probability of a mirror image.")] = 0.5,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Change a complete skull into another plausible one, for training: shape, thickness, position, side.

    The result is a mask on the input's grid.

    Parameters
    ----------
    skull
        Complete skull: mask or CT, DICOM study, or closed mesh.
    """
    require_free_file(output, WRITABLE_VOXEL_SUFFIXES, force=output_options.force)
    implant_file = output.with_name(f"{output.name[: -len(suffix_of(output))]}-implant{suffix_of(output)}")
    if implant is not None:
        require_free_file(implant_file, WRITABLE_VOXEL_SUFFIXES, force=output_options.force)
    from meshimplant import augment as augment_skull
    from meshimplant import read_head_shape, write_volume
    from meshimplant.datasets.augment import Ranges

    ranges = Ranges(
        rotation_deg=rotation_deg,
        mirror_fraction=mirror_fraction,
        thickness_fraction=thickness_fraction,
        warp_fraction=warp_fraction,
    )
    inputs = Inputs()
    with working("reading") as progress:
        masks = [inputs.skull(path, skull_options) for path in (skull, implant) if path is not None]
        shapes = []
        for number, path in enumerate(other or [], start=1):
            progress(f"shape {number} of {len(other or [])}")
            shapes.append(read_head_shape(inputs.skull(path, skull_options)))
        progress("augmenting")
        augmented = augment_skull(masks, seed=seed, others=shapes, ranges=ranges)
        files = [file for file, _ in zip((output, implant_file), augmented, strict=False)]
        for volume, file in zip(augmented, files, strict=True):
            write_volume(volume, file)
    volumes = [float(v.array.sum(dtype=int) * v.voxel_volume_mm3) for v in augmented]
    result = {"seed": seed, "outputs": [file.name for file in files], "volumes_mm3": volumes}
    text = "\n".join(f"{file.name}: {mm3 / 1000:.1f} cm3" for file, mm3 in zip(files, volumes, strict=True))
    show(result, as_json=output_options.json, text=text, inputs=inputs)
