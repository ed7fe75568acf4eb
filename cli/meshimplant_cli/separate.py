"""The verb `separate`: the implant without debris."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    ASKING_BODY,
    BodyValues,
    Count,
    Output,
    OutputOptions,
    Positive,
    SkullOptions,
    Vector,
)
from meshimplant_cli.outputs import MESH_SUFFIXES, WRITABLE_VOXEL_SUFFIXES, is_mesh, require_free_file
from meshimplant_cli.terminal import show, table, volume_mm3, working

if TYPE_CHECKING:
    import trimesh

    from meshimplant.line.separate import Separation
    from meshimplant.voxels.volume import Volume


def separate(
    body: Path,
    /,
    *,
    output: Output,
    bodies: Annotated[Count, Parameter(help="Number of bodies to keep.")] = 1,
    opening_mm: Annotated[
        Positive | None,
        Parameter(help="Half the thickness of connections to cut. Default: 0.5; 1.5 with --skull or a mesh."),
    ] = None,
    near_mm: Annotated[Vector | None, Parameter(help="A point near the implant, LPS x y z.")] = None,
    skull: Annotated[
        Path | None,
        Parameter(
            help="The defective skull, for a prediction from elsewhere: films of misfit are cut; "
            "thin bone that stands free of the skull is kept."
        ),
    ] = None,
    body_values: BodyValues | None = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Separate the implant from debris: facial fragments, thin shells of misfit, and bridges to them.

    With more than one body, each is written to its own file: OUTPUT with -1, -2, ... before its ending.

    Parameters
    ----------
    body
        Result of a subtraction: voxels or a mesh.
    """
    if skull is not None and is_mesh(body):
        raise UsageError(f"expected voxels with --skull, got the mesh {body.name}: leave --skull out")
    files = _body_files(output, bodies)
    for file in files:
        require_free_file(
            file, MESH_SUFFIXES if is_mesh(body) else WRITABLE_VOXEL_SUFFIXES, force=output_options.force
        )
    from meshimplant import separate as separate_mesh
    from meshimplant.design.reconstruct import opening_of, prepare_skull, separate_missing
    from meshimplant.values.read_values import read_body

    separation: Separation[Volume] | Separation[trimesh.Trimesh]
    inputs = Inputs()
    with working("separating"):
        if is_mesh(body):
            mesh = inputs.mesh(body, skull_options.frame)
            width_mm = opening_of(own=False) if opening_mm is None else opening_mm
            separation = separate_mesh(mesh, bodies=bodies, opening_mm=width_mm, near_mm=near_mm)
        else:
            bone = None if skull is None else prepare_skull(inputs.skull(skull, skull_options))[0]
            field = read_body(inputs.volume(body), values=body_values, asking=ASKING_BODY)
            separation = separate_missing(
                field.volume, bodies=bodies, opening_mm=opening_mm, near_mm=near_mm, skull=bone
            )
        kept: Sequence[Volume | trimesh.Trimesh] = separation.bodies
        for part, file in zip(kept, files, strict=True):
            _write(part, file, skull_options.frame)
    _show_separation(separation, files, output_options, inputs)


def _body_files(output: Path, bodies: int) -> list[Path]:
    if bodies == 1:
        return [output]
    ending = ".nii.gz" if output.name.lower().endswith(".nii.gz") else output.suffix
    stem = output.name[: -len(ending)]
    return [output.with_name(f"{stem}-{number}{output.name[len(stem) :]}") for number in range(1, bodies + 1)]


def _write(body: Volume | trimesh.Trimesh, file: Path, frame: Literal["LPS", "RAS"]) -> None:
    from meshimplant import Volume, write_mesh, write_volume

    if isinstance(body, Volume):
        write_volume(body, file)
    else:
        write_mesh(body, file, frame=frame)


def _show_separation(
    separation: Separation[Any], files: list[Path], output_options: OutputOptions, inputs: Inputs
) -> None:
    bodies = [
        {"output": file.name, "volume_mm3": volume_mm3(body)}
        for body, file in zip(separation.bodies, files, strict=True)
    ]
    removed = [
        {
            "volume_mm3": piece.volume_mm3,
            "centre_mm": tuple(map(float, piece.centre_mm)),
            "bridged": piece.bridged,
        }
        for piece in separation.removed
    ]
    rows: list[tuple[object, ...]] = [("piece", "volume mm3", "centre mm", "bridged")]
    rows += [(body["output"], f"{body['volume_mm3']:.0f}", None, None) for body in bodies]
    rows += [
        ("removed", f"{piece['volume_mm3']:.0f}", piece["centre_mm"], piece["bridged"]) for piece in removed
    ]
    result = {"bodies": bodies, "removed": removed}
    show(result, as_json=output_options.json, text=table(rows), inputs=inputs)
