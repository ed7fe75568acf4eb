"""The verb `info`: describe a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshimplant_cli.options import (
    Frame,
    PrintOptions,
)
from meshimplant_cli.terminal import (
    is_mesh,
    measure_table,
    show,
    working,
)

if TYPE_CHECKING:
    import trimesh

    from meshimplant.voxels.volume import Volume


def info(file: Path, /, *, frame: Frame = "LPS", print_options: PrintOptions = PrintOptions()) -> None:
    """Describe a voxel file, DICOM folder or mesh: size, spacing, position, volume, solidity.

    Parameters
    ----------
    file
        Voxel file, DICOM folder, or mesh.
    """
    with working("reading"):
        facts = _facts(file, frame)
    shown = {**facts, "spacing_mm": [f"{step:.4g}" for step in facts.get("spacing_mm", ())]}
    rows = [(name, shown[name]) for name in facts]
    show(facts, as_json=print_options.json, text=measure_table(rows))


def _facts(file: Path, frame: str) -> dict[str, Any]:
    """Read a file and describe it; for voxels, no mesh library is loaded."""
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
