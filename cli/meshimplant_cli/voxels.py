"""Verbs that work on voxels: complete, subtract, extract, separate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from meshimplant_cli.options import (
    Answer,
    Count,
    Frame,
    Level,
    Method,
    NetworkUse,
    Output,
    Positive,
    Reading,
    Template,
    Vector,
    read_template,
)
from meshimplant_cli.predictions import PredictedLabel, read_predicted
from meshimplant_cli.terminal import (
    MESH_SUFFIXES,
    WRITABLE_VOXEL_SUFFIXES,
    UsageError,
    describe_finding,
    is_mesh,
    require_free_file,
    show,
    table,
    working,
)

if TYPE_CHECKING:
    import trimesh

    from meshimplant.line.separate import Separation
    from meshimplant.voxels.volume import Volume


def complete(
    defective: Path,
    /,
    *,
    output: Output,
    method: Method = "auto",
    template: Template | None = None,
    unblended: Annotated[
        bool, Parameter(help="Leave the model as fitted, not bent to the bone around.")
    ] = False,
    disagreement: Annotated[
        Path | None,
        Parameter(help="Where to write how far apart the methods tried lie, as a .csv or .npy map."),
    ] = None,
    uncertainty: Annotated[
        Path | None,
        Parameter(
            help="Where to write how far a network's answers for the head and its mirror image lie apart, as such a map."
        ),
    ] = None,
    network: NetworkUse = NetworkUse(),
    reading: Reading = Reading(),
    answer: Answer = Answer(),
) -> None:
    """Complete a defective skull: find the defect, and close it from the bone that is there.

    Writes the completed skull around the defect as signed distances: float32 millimetres, positive inside,
    surface at 0, on a crop of the input's grid. `subtract` turns it into the missing bone.

    Parameters
    ----------
    defective
        Mask or CT (.nrrd .nhdr .nii .nii.gz .mha .mhd), DICOM folder, or closed .stl/.ply skull.
    """
    require_free_file(output, WRITABLE_VOXEL_SUFFIXES, force=answer.force)
    _require_maps(method, disagreement, uncertainty, answer)
    network.require_used(method)
    from meshimplant import complete_skull, write_volume
    from meshimplant.io.maps import write_map

    with working("completing the skull"):
        skull = reading.skull(defective)
        model = read_template(template, method)
        completion = complete_skull(
            skull.mask,
            method=method,
            template=model,
            network=network.opened(method),
            blend=not unblended,
        )
        write_volume(completion.field, output)
        for path, apart in ((disagreement, completion.disagreement), (uncertainty, completion.uncertainty)):
            if path is not None and apart is not None:
                write_map(path, apart.points_mm, apart.apart_mm)
    result = {
        "method": completion.method,
        "defects": len(completion.defects),
        "findings": [finding.to_dict() for finding in completion.findings],
    }
    how = f"by {completion.method['name']}: {completion.method['reason']}"
    lines = [f"{output.name}: {len(completion.defects)} defect(s) completed {how}"]
    show(
        result,
        as_json=answer.json,
        text="\n".join(lines + [describe_finding(f) for f in completion.findings]),
    )


def subtract(
    completed: Path,
    defective: Path,
    /,
    *,
    output: Output,
    level: Level | None = None,
    predicted_label: PredictedLabel | None = None,
    reading: Reading = Reading(),
    answer: Answer = Answer(),
) -> None:
    """Subtract the defective skull from a completed one: what is left is the missing bone, with debris.

    Writes signed distances (float32 millimetres, positive inside, surface at 0) on a crop of the defective
    skull's grid. `separate` picks the implant out of them.

    Parameters
    ----------
    completed
        The completed skull: signed distances, a mask, labels or a probability map on any grid, or points with
        normals (.ply .npy .npz).
    defective
        Mask or CT, DICOM folder, or closed mesh.
    """
    require_free_file(output, WRITABLE_VOXEL_SUFFIXES, force=answer.force)
    from meshimplant import subtract as subtract_skull
    from meshimplant import write_volume

    with working("subtracting"):
        skull = reading.skull(defective)
        given = read_predicted(completed, skull.mask, label=predicted_label, level=level, frame=reading.frame)
        missing = subtract_skull(given.volume, skull.mask, level=level)
        write_volume(missing, output)
    _show_body(missing, output, answer)


def extract(
    voxels: Path,
    /,
    *,
    output: Output,
    level: Level | None = None,
    frame: Frame = "LPS",
    answer: Answer = Answer(),
) -> None:
    """Extract the surface of voxels as a closed mesh in patient millimetres.

    Parameters
    ----------
    voxels
        Signed distances, a mask or a probability map.
    """
    require_free_file(output, MESH_SUFFIXES, force=answer.force)
    from meshimplant import extract as extract_surface
    from meshimplant import read_volume, write_mesh

    with working("extracting the surface"):
        mesh = extract_surface(read_volume(voxels), level=level)
        write_mesh(mesh, output, frame=frame)
    _show_body(mesh, output, answer)


def separate(
    body: Path,
    /,
    *,
    output: Output,
    bodies: Annotated[Count, Parameter(help="How many bodies to keep.")] = 1,
    opening_mm: Annotated[
        Positive, Parameter(help="Half the thickness below which a connection is cut.")
    ] = 1.5,
    near_mm: Annotated[
        Vector | None, Parameter(help="A point near which the implant lies, LPS x y z.")
    ] = None,
    skull: Annotated[
        Path | None,
        Parameter(help="The defective skull: what is thin as a film is kept where it stands free of bone."),
    ] = None,
    frame: Frame = "LPS",
    answer: Answer = Answer(),
) -> None:
    """Separate the implant from debris: facial fragments, thin shells of misfit, and the bridges between.

    With more than one body, each goes to its own file: OUTPUT with -1, -2, ... before its ending.

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
            file, MESH_SUFFIXES if is_mesh(body) else WRITABLE_VOXEL_SUFFIXES, force=answer.force
        )
    from meshimplant import read_mesh, read_volume
    from meshimplant import separate as separate_bodies

    separation: Separation[Volume] | Separation[trimesh.Trimesh]
    with working("separating"):
        if is_mesh(body):
            mesh = read_mesh(body, frame=frame)
            separation = separate_bodies(mesh, bodies=bodies, opening_mm=opening_mm, near_mm=near_mm)
        else:
            separation = separate_bodies(
                read_volume(body),
                bodies=bodies,
                opening_mm=opening_mm,
                near_mm=near_mm,
                skull=None if skull is None else read_volume(skull),
            )
        kept: tuple[Volume | trimesh.Trimesh, ...] = separation.bodies
        for part, file in zip(kept, files, strict=True):
            _write(part, file, frame)
    _show_separation(separation, files, answer)


VERBS = (complete, subtract, extract, separate)


def _require_maps(method: str, disagreement: Path | None, uncertainty: Path | None, answer: Answer) -> None:
    """Refuse maps that cannot be written, or that the method does not make."""
    for path in (disagreement, uncertainty):
        if path is not None:
            require_free_file(path, (".csv", ".npy"), force=answer.force)
    if disagreement is not None and method not in ("auto", "network"):
        raise UsageError(
            f"expected --disagreement with --method auto or network, got {method}: it tries one method only"
        )
    if uncertainty is not None and method != "network":
        raise UsageError(f"expected --uncertainty with --method network, got {method}: leave one out")


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


def _volume_mm3(body: Volume | trimesh.Trimesh) -> float:
    """Return a body's volume: a mesh's own, or that of the voxels inside (positive distance, or set)."""
    from meshimplant import Volume

    if isinstance(body, Volume):
        return float((body.array > 0).sum() * body.voxel_volume_mm3)
    return float(body.volume)


def _show_body(body: Volume | trimesh.Trimesh, output: Path, answer: Answer) -> None:
    volume_mm3 = _volume_mm3(body)
    result: dict[str, Any] = {"output": output.name, "volume_mm3": volume_mm3}
    show(result, as_json=answer.json, text=f"{output.name}: {volume_mm3 / 1000:.2f} cm3")


def _show_separation(separation: Separation[Any], files: list[Path], answer: Answer) -> None:
    bodies = [
        {"output": file.name, "volume_mm3": _volume_mm3(body)}
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
    rows += [(body["output"], body["volume_mm3"], None, None) for body in bodies]
    rows += [("removed", piece["volume_mm3"], piece["centre_mm"], piece["bridged"]) for piece in removed]
    show({"bodies": bodies, "removed": removed}, as_json=answer.json, text=table(rows))
