"""Verbs that work on meshes: smooth, repair, simplify, convert; thickness and cut have files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshimplant_cli.cutting import cut
from meshimplant_cli.options import (
    Answer,
    Count,
    Frame,
    Level,
    NotNegative,
    Output,
    Positive,
)
from meshimplant_cli.terminal import (
    MESH_SUFFIXES,
    WRITABLE_VOXEL_SUFFIXES,
    UsageError,
    is_mesh,
    require_free_file,
    show,
    show_change,
    working,
)
from meshimplant_cli.walls import thickness

if TYPE_CHECKING:
    import trimesh


def smooth(
    mesh: Path,
    /,
    *,
    output: Output,
    iterations: Annotated[Count, Parameter(help="Passes of the filter.")] = 40,
    pass_band: Annotated[Positive, Parameter(help="Smaller smooths more.")] = 0.01,
    frame: Frame = "LPS",
    answer: Answer = Answer(),
) -> None:
    """Smooth a mesh without shrinking it (windowed sinc).

    Parameters
    ----------
    mesh
        Closed mesh.
    """
    require_free_file(output, MESH_SUFFIXES, force=answer.force)
    from meshimplant import read_mesh, write_mesh
    from meshimplant import smooth as smooth_mesh

    with working("smoothing"):
        before = read_mesh(mesh, frame=frame)
        after = smooth_mesh(before, iterations=iterations, pass_band=pass_band)
        write_mesh(after, output, frame=frame)
    show_change(before, after, output, as_json=answer.json)


def repair(
    mesh: Path,
    /,
    *,
    output: Output,
    max_volume_change_fraction: Annotated[
        NotNegative, Parameter(help="Refuse a repair that changes the volume more.")
    ] = 0.005,
    max_move_mm: Annotated[NotNegative, Parameter(help="Refuse a repair that moves the surface more.")] = 0.1,
    frame: Frame = "LPS",
    answer: Answer = Answer(),
) -> None:
    """Repair a mesh into a solid, or refuse: never a body dropped silently.

    Parameters
    ----------
    mesh
        Broken mesh.
    """
    require_free_file(output, MESH_SUFFIXES, force=answer.force)
    from meshimplant import read_mesh, write_mesh
    from meshimplant import repair as repair_mesh

    with working("repairing"):
        before = read_mesh(mesh, frame=frame)
        repaired = repair_mesh(
            before, max_volume_change_fraction=max_volume_change_fraction, max_move_mm=max_move_mm
        )
        write_mesh(repaired.mesh, output, frame=frame)
    show_change(
        before,
        repaired.mesh,
        output,
        as_json=answer.json,
        method=repaired.method,
        actions=list(repaired.actions),
    )


def simplify(
    mesh: Path,
    /,
    *,
    output: Output,
    max_faces: Annotated[Count, Parameter(help="Face budget.")] = 150_000,
    max_deviation_mm: Annotated[NotNegative, Parameter(help="Largest distance the surface may move.")] = 0.05,
    frame: Frame = "LPS",
    answer: Answer = Answer(),
) -> None:
    """Simplify a solid to a face budget within a distance, so that it stays a solid.

    Parameters
    ----------
    mesh
        Closed mesh.
    """
    require_free_file(output, MESH_SUFFIXES, force=answer.force)
    from meshimplant import read_mesh, write_mesh
    from meshimplant import simplify as simplify_mesh

    with working("simplifying"):
        before = read_mesh(mesh, frame=frame)
        after = simplify_mesh(before, max_faces=max_faces, max_deviation_mm=max_deviation_mm)
        write_mesh(after, output, frame=frame)
    show_change(before, after, output, as_json=answer.json)


def convert(
    source: Path,
    target: Path,
    /,
    *,
    level: Level | None = None,
    smooth: Annotated[bool, Parameter(help="Smooth the surface with the default filter.")] = False,
    max_faces: Annotated[Count | None, Parameter(help="Simplify to this many faces.")] = None,
    frame: Frame = "LPS",
    target_frame: Annotated[
        Frame | None, Parameter(help="Frame of the written mesh; the same as --frame when left out.")
    ] = None,
    answer: Answer = Answer(),
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
            "expected --level, --smooth and --max-faces for a mesh, got a voxel file to write: leave them out"
        )
    require_free_file(target, allowed, force=answer.force)
    from meshimplant import read_volume, write_mesh, write_volume

    with working("converting"):
        if voxels_to_voxels:
            volume = read_volume(source)
            write_volume(volume, target)
            show({"output": target.name}, as_json=answer.json, text=f"{target.name}: {volume!r}")
            return
        mesh = _surface(source, level=level, smooth_it=smooth, max_faces=max_faces, frame=frame)
        write_mesh(mesh, target, frame=target_frame or frame)
    show_change(mesh, mesh, target, as_json=answer.json)


VERBS = (smooth, thickness, cut, repair, simplify, convert)


def _surface(
    source: Path, *, level: float | None, smooth_it: bool, max_faces: int | None, frame: Frame
) -> trimesh.Trimesh:
    import meshimplant as mi

    if is_mesh(source):
        mesh = mi.read_mesh(source, frame=frame)
    else:
        mesh = mi.extract(mi.read_volume(source), level=level)
    if smooth_it:
        mesh = mi.smooth(mesh)
    return mesh if max_faces is None else mi.simplify(mesh, max_faces=max_faces)
