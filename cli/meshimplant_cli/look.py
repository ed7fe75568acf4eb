"""Verbs that look and measure: check, preview, info; evaluate has a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.measure import evaluate
from meshimplant_cli.options import Force, Frame, Output, Print, Reading, SkullFile, Wanted
from meshimplant_cli.terminal import (
    CHECK_FAILED,
    DONE,
    UsageError,
    describe_criteria,
    describe_finding,
    headlines,
    is_mesh,
    require_free_file,
    show,
    suffix_of,
    table,
    working,
)

if TYPE_CHECKING:
    import trimesh

    from meshimplant.voxels.volume import Volume


def check(
    mesh: Path,
    /,
    *,
    skull: SkullFile | None = None,
    wanted: Wanted = Wanted(),
    reading: Reading = Reading(),
    answer: Print = Print(),
) -> int:
    """Check whether a mesh is a printable part, and with --skull whether it fits.

    Exit code 3 and named findings, with places, if not. With --skull it also estimates the notes that
    neurosurgeons would give.

    Parameters
    ----------
    mesh
        The part: .stl .3mf .ply .obj .glb.
    """
    spec = wanted.prescription()
    from meshimplant import check_part, read_mesh

    with working("checking"):
        part = read_mesh(mesh, frame=reading.frame)
        bone = reading.bone(skull)
        result = check_part(part, spec=spec, skull=bone)
    verdict = "passed" if result.passed else "failed"
    lines = [f"{mesh.name}: {verdict}", table(headlines(result.measures))]
    lines += [describe_finding(finding) for finding in result.findings]
    lines += describe_criteria(result.criteria)
    found = [finding.to_dict() for finding in result.findings]
    rated = [criterion.to_dict() for criterion in result.criteria]
    answered = {"passed": result.passed, "measures": result.measures, "criteria": rated, "findings": found}
    show(answered, as_json=answer.json, text="\n".join(lines))
    return DONE if result.passed else CHECK_FAILED


def preview(
    *parts: Path,
    output: Output,
    skull: SkullFile | None = None,
    title: Annotated[str, Parameter(help="Line above the picture.")] = "",
    reading: Reading = Reading(),
    force: Force = False,
) -> None:
    """Draw parts as four anatomical views (.png) or as a page that turns with the mouse (.html), offline.

    Parts are coloured by thickness, and with --skull by gap; needs no display and no GPU.

    Parameters
    ----------
    parts
        One or more meshes, drawn together.
    """
    if not parts:
        raise UsageError("expected at least one mesh to draw, got none: name it before -o")
    require_free_file(output, (".png", ".html"), force=force)
    from meshimplant import check_part, read_mesh, render_preview, write_viewer
    from meshimplant.design.write_design import skull_surface
    from meshimplant.mesh.convert import join_meshes

    with working("drawing"):
        implant = join_meshes([read_mesh(part, frame=reading.frame) for part in parts])
        bone = reading.bone(skull)
        maps = check_part(implant, skull=bone)
        draw = render_preview if suffix_of(output) == ".png" else write_viewer
        draw(
            output,
            implant=implant,
            skull=None if bone is None else skull_surface(bone),
            thickness_mm=maps.thickness_mm,
            gap_mm=maps.gap_mm,
            title=title,
        )
    print(f"{output.name}: drawn")


def info(file: Path, /, *, frame: Frame = "LPS", answer: Print = Print()) -> None:
    """Tell what a voxel file, DICOM folder or mesh holds: size, spacing, place, volume, solidity.

    Parameters
    ----------
    file
        Voxel file, DICOM folder, or mesh.
    """
    with working("reading"):
        facts = _facts(file, frame)
    show(facts, as_json=answer.json, text=table(facts.items()))


VERBS = (check, preview, info, evaluate)


def _facts(file: Path, frame: str) -> dict[str, Any]:
    """Read a file and tell what it holds; voxels are read without what meshes need."""
    import meshimplant

    if is_mesh(file):
        return _mesh_facts(meshimplant.read_mesh(file, frame=frame))
    return _volume_facts(meshimplant.read_volume(file))


def _volume_facts(volume: Volume) -> dict[str, Any]:
    return {
        "kind": "voxels",
        "shape": list(volume.shape),
        "type": str(volume.array.dtype),
        "spacing_mm": volume.spacing_mm.round(4).tolist(),
        "orientation": volume.orientation,
        "origin_mm": volume.affine[:3, 3].round(3).tolist(),
        "minimum": float(volume.array.min()),
        "maximum": float(volume.array.max()),
        "nonzero_volume_mm3": float((volume.array != 0).sum() * volume.voxel_volume_mm3),
    }


def _mesh_facts(mesh: trimesh.Trimesh) -> dict[str, Any]:
    return {
        "kind": "mesh",
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "low_mm": mesh.bounds[0].round(3).tolist(),
        "high_mm": mesh.bounds[1].round(3).tolist(),
        "extents_mm": mesh.extents.round(3).tolist(),
        "volume_mm3": float(mesh.volume) if mesh.is_watertight else None,
        "area_mm2": float(mesh.area),
        "watertight": bool(mesh.is_watertight),
        "consistent_winding": bool(mesh.is_winding_consistent),
        "bodies": int(mesh.body_count),
    }
