"""The verb `convert`: convert voxels to a mesh, or one file format to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.options import (
    Count,
    Frame,
    Level,
    Orientation,
    OutputOptions,
    SegmentName,
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

    Parameters
    ----------
    source
        Voxels (mask, probability or signed distances) or a mesh.
    target
        .stl .3mf .ply .obj .glb, or a voxel format when the source is one.
    """
    voxels_to_voxels = not is_mesh(source) and not is_mesh(target)
    allowed = MESH_SUFFIXES if is_mesh(source) else MESH_SUFFIXES + WRITABLE_VOXEL_SUFFIXES
    if voxels_to_voxels and (smooth or max_faces is not None or level is not None):
        raise UsageError(
            "expected --level, --smooth and --max-faces for a mesh, got voxels as TARGET: leave them out"
        )
    require_free_file(target, allowed, force=output_options.force)
    from meshimplant import load_volume, simplify, write_mesh, write_volume
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
        mesh = _surface(source, level=level, frame=frame, orientation=orientation, segment=segment)
        if smooth:
            mesh = smooth_mesh(mesh)
        if max_faces is not None:
            mesh = simplify(mesh, max_faces=max_faces)
        write_mesh(mesh, target, frame=target_frame or frame)
    show_change(mesh, mesh, target, as_json=output_options.json)


def _surface(
    source: Path, *, level: float | None, frame: Frame, orientation: str | None, segment: str | None
) -> trimesh.Trimesh:
    import meshimplant as mi

    if is_mesh(source):
        if orientation is not None or segment is not None:
            raise UsageError(
                "expected --orientation and --segment for voxels, got a mesh: "
                "leave them out; a mesh has a --frame"
            )
        return mi.read_mesh(source, frame=frame)
    return mi.extract(mi.read_volume(source, orientation=orientation, segment=segment), level=level)
