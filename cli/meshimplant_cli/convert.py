"""The verb `convert`: convert voxels to a mesh, or one file format to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.options import (
    Count,
    Frame,
    Level,
    Orientation,
    OutputOptions,
    SegmentName,
    ThresholdHu,
    Values,
)
from meshimplant_cli.terminal import (
    MESH_SUFFIXES,
    WRITABLE_VOXEL_SUFFIXES,
    describe_finding,
    is_mesh,
    require_free_file,
    show,
    show_change,
    working,
)

if TYPE_CHECKING:
    import trimesh


def convert(
    source: Path,
    target: Path,
    /,
    *,
    level: Level | None = None,
    values: Values | None = None,
    threshold_hu: ThresholdHu | None = None,
    smooth: Annotated[bool, Parameter(help="Smooth the surface with the default filter.")] = False,
    max_faces: Annotated[Count | None, Parameter(help="Simplify to at most this many faces.")] = None,
    orientation: Orientation | None = None,
    segment: SegmentName | None = None,
    frame: Frame = "LPS",
    target_frame: Annotated[
        Frame | None, Parameter(help="Frame of the written mesh. Default: the same as --frame.")
    ] = None,
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Convert voxels to a mesh, a mesh to another format or frame, or voxels to another format.

    The bone of a CT is segmented as by design; with --level, any voxels are meshed at that value.

    Parameters
    ----------
    source
        Voxels (mask, labels, probability, signed distances, CT), a DICOM study, or a mesh.
    target
        .stl .3mf .ply .obj .glb, or a voxel format when the source is one.
    """
    voxels_to_voxels = not is_mesh(source) and not is_mesh(target)
    allowed = MESH_SUFFIXES if is_mesh(source) else MESH_SUFFIXES + WRITABLE_VOXEL_SUFFIXES
    of_surface = (max_faces, level, values, threshold_hu)
    if voxels_to_voxels and (smooth or any(option is not None for option in of_surface)):
        raise UsageError(
            "expected --level, --values, --threshold-hu, --smooth and --max-faces for a mesh, "
            "got voxels as TARGET: leave them out"
        )
    require_free_file(target, allowed, force=output_options.force)
    from meshimplant import load_volume, simplify, surface_of, write_mesh, write_volume
    from meshimplant import smooth as smooth_mesh

    with working("converting"):
        if voxels_to_voxels:
            loaded = load_volume(source, orientation=orientation, segment=segment)
            write_volume(loaded.volume, target)
            findings = [describe_finding(finding) for finding in loaded.findings]
            text = "\n".join([f"{target.name}: {loaded.volume!r}", *findings])
            facts = {
                "output": target.name,
                "findings": [finding.to_dict() for finding in loaded.findings],
            }
            show(facts, as_json=output_options.json, text=text)
            return
        read: dict[str, Any] = {}
        if is_mesh(source):
            mesh = _read_mesh(source, frame, (orientation, segment, level, values, threshold_hu))
        else:
            loaded = load_volume(source, orientation=orientation, segment=segment)
            mesh, notes = surface_of(loaded, level=level, values=values, threshold_hu=threshold_hu)
            read = {"read_as": ", ".join(notes)}
        if smooth:
            mesh = smooth_mesh(mesh)
        if max_faces is not None:
            mesh = simplify(mesh, max_faces=max_faces)
        write_mesh(mesh, target, frame=target_frame or frame)
    show_change(mesh, mesh, target, as_json=output_options.json, **read)


def _read_mesh(source: Path, frame: Frame, of_voxels: tuple[object, ...]) -> trimesh.Trimesh:
    from meshimplant import read_mesh

    if any(option is not None for option in of_voxels):
        raise UsageError(
            "expected --orientation, --segment, --level, --values and --threshold-hu for voxels, got a mesh: "
            "leave them out; a mesh has a --frame"
        )
    return read_mesh(source, frame=frame)
