"""Measure a written STL against the truth, with code independent of the code that made it.

The truth is known on both sides: the complete skull's surface, where the part's outer surface belongs, and
the wall of the defect, between the true implant's voxels and the bone beside them, which the part must leave
at the clearance. A wall point is the middle between two such voxels, so its scatter about the wall is half a
voxel or less; all chains are measured at the same points.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import igl
import numpy as np
import trimesh
from benchmarks.run_skullfix import bone_inside_mm3
from numpy.typing import NDArray

from meshimplant import check_solid, read_volume
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.fields import sample
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

_SAMPLES, _MARGIN_MM = 20_000, 20.0
#: Outer surface: looks away from the head's middle (cosine), this far from the bone that is there.
_OUTWARD, _BORDER_MM = 0.3, 6.0
#: Part of the wall that a part of any thickness faces: depth below the outer surface, mm.
_WALL_DEPTH_MM = (0.5, 2.5)
_AXES = np.eye(3, dtype=int)

Array = NDArray[Any]


@dataclass(frozen=True)
class PartErrors:
    """How far a part is from its prescription and from the truth.

    Attributes
    ----------
    outer_bias_mm, outer_rms_mm, outer_p95_mm
        Distance of the outer surface from the true skull's, positive outside: mean, root mean square, 95th
        percentile of the magnitude.
    outer_normal_deg
        Mean angle between the outer surface's normals and the true surface's: the staircase.
    gap_median_error_mm, gap_p95_error_mm
        Gap at the wall of the defect against the clearance: error of the median, and 95th percentile of the
        error's magnitude.
    thickness_median_error_mm, thickness_p95_error_mm
        Likewise for the thickness away from the border, along the true surface's normals.
    bone_inside_mm3
        Volume of bone voxels whose centres lie inside the part.
    solid, faces
        Whether the part is a closed, simple, manifold body; its faces.
    """

    outer_bias_mm: float
    outer_rms_mm: float
    outer_p95_mm: float
    outer_normal_deg: float
    gap_median_error_mm: float
    gap_p95_error_mm: float
    thickness_median_error_mm: float
    thickness_p95_error_mm: float
    bone_inside_mm3: float
    solid: bool
    faces: int


def measure_errors(folder: Path, part: Path, *, thickness_mm: float, clearance_mm: float) -> dict[str, Any]:
    """Measure a written part against the input in `folder`; returns the values of `PartErrors`."""
    mesh = trimesh.load_mesh(part)
    defective, complete, implant = (
        read_volume(folder / f"{n}.nrrd") for n in ("defective", "complete", "implant")
    )
    return asdict(
        part_errors(mesh, defective, complete, implant, thickness_mm=thickness_mm, clearance_mm=clearance_mm)
    )


def part_errors(
    mesh: trimesh.Trimesh,
    defective: Volume,
    complete: Volume,
    implant: Volume,
    *,
    thickness_mm: float,
    clearance_mm: float,
) -> PartErrors:
    """Measure a part against the true complete skull and the true missing bone, all masks on one grid."""
    start, stop = bounding_box(defective.array)
    middle = defective.to_mm((start + stop - 1) / 2)
    start, stop = bounding_box(implant.array)
    margin = np.ceil(_MARGIN_MM / implant.spacing_mm).astype(int)
    bone, whole, missing = (v.crop(start - margin, stop + margin) for v in (defective, complete, implant))
    surface = signed_distance(whole)
    points, normals, truth_normals = _outer(mesh, surface, signed_distance(bone), middle)
    height = -sample(surface, points, fill=-_MARGIN_MM)
    angle = np.degrees(np.arccos(np.clip(np.einsum("ij,ij->i", normals, truth_normals), -1, 1)))
    gap = _gaps(mesh, bone, missing, surface, middle) - clearance_mm
    wall = _through(mesh, points, truth_normals) - thickness_mm
    return PartErrors(
        outer_bias_mm=float(height.mean()),
        outer_rms_mm=float(np.sqrt((height**2).mean())),
        outer_p95_mm=float(np.percentile(np.abs(height), 95)),
        outer_normal_deg=float(angle.mean()),
        gap_median_error_mm=float(np.median(gap)),
        gap_p95_error_mm=float(np.percentile(np.abs(gap), 95)),
        thickness_median_error_mm=float(np.median(wall)),
        thickness_p95_error_mm=float(np.percentile(np.abs(wall), 95)),
        bone_inside_mm3=bone_inside_mm3(mesh, bone),
        solid=not any(finding.severity == "error" for finding in check_solid(mesh).findings),
        faces=len(mesh.faces),
    )


def _outer(mesh: trimesh.Trimesh, surface: Volume, bone: Volume, middle: Array) -> tuple[Array, Array, Array]:
    """Return points of the outer surface away from the border, their normals, and the true surface's normals.

    A surface that faces outwards below another piece of surface is a fold, and is not counted.
    """
    points, faces = trimesh.sample.sample_surface(mesh, _SAMPLES, seed=0)
    normals = np.asarray(mesh.face_normals)[faces]
    away = _unit(points - middle)
    outer = np.einsum("ij,ij->i", normals, away) > _OUTWARD
    outer &= sample(bone, points, fill=-np.inf) < -_BORDER_MM
    points, normals = np.asarray(points)[outer], normals[outer]
    outward = -_unit(_slope(surface, points))
    free = ~mesh.ray.intersects_any(points + 1e-3 * outward, outward)
    return points[free], normals[free], outward[free]


def _slope(field: Volume, points: Array) -> Array:
    """Return the field's gradient at points, from differences over a voxel to each side."""
    step = float(field.spacing_mm.mean())
    sides = [
        sample(field, points + step * axis, fill=0) - sample(field, points - step * axis, fill=0)
        for axis in np.eye(3)
    ]
    return np.stack(sides, axis=1) / (2 * step)


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _gaps(mesh: trimesh.Trimesh, bone: Volume, missing: Volume, surface: Volume, middle: Array) -> Array:
    """Return the distance from the outer part of the defect's wall to the part."""
    walls = []
    for axis in _AXES:
        for step in (axis, -axis):
            beside = np.roll(bone.array != 0, step, axis=tuple(range(3)))
            walls.append(np.argwhere((missing.array != 0) & beside) - step / 2)
    points = bone.to_mm(np.concatenate(walls))
    depth = sample(surface, points)
    outside = np.einsum("ij,ij->i", _slope(surface, points), points - middle) < 0
    faced = outside & (depth >= _WALL_DEPTH_MM[0]) & (depth <= _WALL_DEPTH_MM[1])
    square, _, _ = igl.point_mesh_squared_distance(
        points[faced], np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int64)
    )
    return np.sqrt(square)


def _through(mesh: trimesh.Trimesh, points: Array, normals: Array) -> Array:
    """Return the wall's thickness below points of the outer surface; infinite where a ray meets nothing."""
    start = points - 1e-3 * normals
    hits, rays, _ = mesh.ray.intersects_location(start, -normals, multiple_hits=False)
    thickness = np.full(len(points), np.inf)
    thickness[rays] = np.linalg.norm(hits - points[rays], axis=1)
    return thickness
