"""Verbs for data sets of skulls: cases, craniectomy, augment, link."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.options import Answer, Output, Positive, Print, Reading
from meshimplant_cli.terminal import (
    WRITABLE_VOXEL_SUFFIXES,
    UsageError,
    require_free_file,
    require_free_folder,
    show,
    suffix_of,
    table,
    working,
)

Kind = Literal[
    "challenge",
    "bilateral",
    "frontoorbital",
    "parietotemporal",
    "random",
    "random_1",
    "random_2",
    "orbital",
]
Shape = tuple[int, int, int]
Fraction = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]


def cases(folder: Path, /, *, answer: Print = Print()) -> None:
    """List the cases of a data set: SkullFix, SkullBreak or MUG500+, recognised by its folders.

    Cases of one group are one patient: keep them on one side of every split.

    Parameters
    ----------
    folder
        Where the data set is unpacked, or a folder up to two levels above.
    """
    from meshimplant import list_cases

    found = list_cases(folder)
    files = ("complete", "defective", "implant")
    rows: list[tuple[object, ...]] = [("case", "kind", "group", "files")]
    result = []
    for case in found:
        paths = {name: str(path) for name in files if (path := getattr(case, name)) is not None}
        rows.append((case.name, case.kind or "-", case.group, ", ".join(paths)))
        result.append(
            {"name": case.name, "dataset": case.dataset, "kind": case.kind, "group": case.group, **paths}
        )
    counts = ", ".join(f"{count} of {name}" for name, count in Counter(c.dataset for c in found).items())
    groups = len({case.group for case in found})
    show(
        {"cases": result, "groups": groups},
        as_json=answer.json,
        text=f"{table(rows)}\n{len(found)} cases ({counts}), {groups} groups",
    )


def craniectomy(
    completed: Path,
    /,
    *,
    output: Output,
    kind: Annotated[Kind, Parameter(help="Where and how large the hole is.")] = "random",
    seed: Annotated[int, Parameter(help="Same seed, same hole.")] = 0,
    defects: Annotated[
        int,
        Parameter(
            validator=Number(gte=1, lte=3), help="How many holes; the others lie at random places, apart."
        ),
    ] = 1,
    reading: Reading = Reading(),
    answer: Answer = Answer(),
) -> None:
    """Cut a virtual defect into a complete skull: a case with a known truth.

    Writes OUTPUT/defective.nrrd and OUTPUT/truth.nrrd on the input's grid.

    Parameters
    ----------
    completed
        Complete skull: mask or CT, DICOM folder, or closed mesh.
    """
    require_free_folder(output, force=answer.force)
    from meshimplant import craniectomy as cut_defect
    from meshimplant import write_volume
    from meshimplant.io.atomic import atomic_folder

    with working("cutting the defect"):
        skull = reading.skull(completed)
        case = cut_defect(skull.mask, kind=kind, seed=seed, defects=defects)
        with atomic_folder(output) as folder:
            write_volume(case.defective, folder / "defective.nrrd")
            write_volume(case.truth, folder / "truth.nrrd")
    volume_mm3 = float(case.truth.array.astype(bool).sum() * case.truth.voxel_volume_mm3)
    result = {"kind": case.kind, "seed": case.seed, "defects": defects, "truth_volume_mm3": volume_mm3}
    holes = "defect" if defects == 1 else "and other defects"
    show(
        result,
        as_json=answer.json,
        text=f"{output.name}: {case.kind} {holes} of {volume_mm3 / 1000:.1f} cm3 (seed {case.seed})",
    )


def augment(
    skull: Path,
    /,
    *,
    output: Output,
    implant: Annotated[
        Path | None, Parameter(help="Its implant, changed alike and written beside OUTPUT as -implant.")
    ] = None,
    other: Annotated[
        list[Path] | None,
        Parameter(help="Skull whose shape it may take on, in part; when given more than once, one is drawn."),
    ] = None,
    seed: Annotated[int, Parameter(help="Same seed, same skull.")] = 0,
    warp_fraction: Annotated[Fraction, Parameter(help="Farthest way to the other's shape.")] = 1.0,
    thickness_fraction: Annotated[
        Fraction, Parameter(help="The vault is made thicker or thinner by up to.")
    ] = 0.25,
    rotation_deg: Annotated[float, Parameter(help="Turned by up to.")] = 10.0,
    mirror_fraction: Annotated[Fraction, Parameter(help="Chance of a mirror image.")] = 0.5,
    reading: Reading = Reading(),
    answer: Answer = Answer(),
) -> None:
    """Change a complete skull into another plausible one, for learning: shape, thickness, place, side.

    The result is a mask on the input's grid.

    Parameters
    ----------
    skull
        Complete skull: mask or CT, DICOM folder, or closed mesh.
    """
    require_free_file(output, WRITABLE_VOXEL_SUFFIXES, force=answer.force)
    beside = output.with_name(f"{output.name[: -len(suffix_of(output))]}-implant{suffix_of(output)}")
    if implant is not None:
        require_free_file(beside, WRITABLE_VOXEL_SUFFIXES, force=answer.force)
    from meshimplant import augment as change
    from meshimplant import read_head_shape, write_volume
    from meshimplant.datasets.augment import Ranges

    ranges = Ranges(
        rotation_deg=rotation_deg,
        mirror_fraction=mirror_fraction,
        thickness_fraction=thickness_fraction,
        warp_fraction=warp_fraction,
    )
    with working("reading") as tell:
        masks = [reading.skull(path).mask for path in (skull, implant) if path is not None]
        shapes = []
        for number, path in enumerate(other or [], start=1):
            tell(f"shape {number} of {len(other or [])}")
            shapes.append(read_head_shape(reading.skull(path).mask))
        tell("augmenting")
        moved = change(masks, seed=seed, others=shapes, ranges=ranges)
        files = [file for file, _ in zip((output, beside), moved, strict=False)]
        for volume, file in zip(moved, files, strict=True):
            write_volume(volume, file)
    volumes = [float(v.array.sum(dtype=int) * v.voxel_volume_mm3) for v in moved]
    result = {"seed": seed, "outputs": [file.name for file in files], "volumes_mm3": volumes}
    text = "\n".join(f"{file.name}: {mm3 / 1000:.1f} cm3" for file, mm3 in zip(files, volumes, strict=True))
    show(result, as_json=answer.json, text=text)


def link(
    *skulls: Path,
    output: Output,
    spacing_mm: Annotated[Positive, Parameter(help="Edge of the common grid's voxels.")] = 2.0,
    shape: Annotated[
        Shape | None, Parameter(help="Voxels along each axis; the fewest that hold all when left out.")
    ] = None,
    axes: Annotated[Literal["head", "scanner"], Parameter(help="Whose axes the grid has.")] = "head",
    reading: Reading = Reading(),
    answer: Answer = Answer(),
) -> None:
    """Lay skulls of different grids on one common grid: crop, resample, pad; thin bone stays closed.

    Writes a mask of each skull into OUTPUT under its own name, as .nrrd whose affine leads to that patient's millimetres; a
    prediction on it is what `design --complete` and `--implant` take.

    Parameters
    ----------
    skulls
        Complete or defective skulls: masks, CTs, DICOM folders or closed meshes.
    """
    require_free_folder(output, force=answer.force)
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
            masks = [reading.skull(path).mask for path in paths]
            for item in lay(masks, spacing_mm=spacing_mm, shape=shape, frame=axes):
                name = f"{names[len(rows)]}.nrrd"
                write_volume(item.volume, folder / name)
                rows.append((name, item.outside_fraction))
        size = item.volume.shape
    told = [{"output": name, "outside_fraction": outside} for name, outside in rows]
    lines = table([("skull", "bone outside the grid"), *rows])
    show(
        {"shape": size, "spacing_mm": spacing_mm, "skulls": told},
        as_json=answer.json,
        text=f"{lines}\n{' x '.join(map(str, size))} voxels of {spacing_mm:g} mm",
    )


VERBS = (cases, craniectomy, augment, link)
