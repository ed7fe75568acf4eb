"""`separate` for meshes: choose connected surfaces, and cut through their necks."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike

from meshimplant.errors import MeshError
from meshimplant.line.extract import extract
from meshimplant.line.necks import NEAR_MM
from meshimplant.line.separate_voxels import RemovedPiece, Separation, separate_voxels
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.mesh.convert import from_manifold, to_manifold
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.occupancy import occupancy
from meshimplant.voxels.volume import Volume

#: Voxel edge at which the necks of a mesh are found, mm.
_SPACING_MM = 0.5
#: A piece below this volume on a chosen body is an artefact of the voxels, not debris, mm3.
_LEAST_PIECE_MM3 = 2.0


def separate_mesh(
    mesh: trimesh.Trimesh, *, bodies: int, opening_mm: float, near_mm: ArrayLike | None
) -> Separation[trimesh.Trimesh]:
    """Pick the implants among the connected surfaces of a mesh; see `separate`."""
    if len(mesh.faces) == 0:
        raise MeshError("expected a mesh with faces, got an empty one: check the previous step")
    parts = connected_meshes(mesh)
    volumes = [abs(part.volume) for part in parts]
    if len(parts) < bodies:
        raise MeshError(f"expected at least {bodies} separate bodies, got {len(parts)}: ask for fewer")
    order = np.argsort([-_score(part, near_mm) for part in parts], kind="stable")
    kept, removed = [], [_as_piece(parts[i], volumes[i]) for i in order[bodies:]]
    for index in order[:bodies]:
        part, cut_off = _without_bridged(parts[index], opening_mm, near_mm)
        kept.append(part)
        removed += cut_off
    return Separation(tuple(kept), tuple(sorted(removed, key=lambda piece: -piece.volume_mm3)))


def _score(part: trimesh.Trimesh, near_mm: ArrayLike | None) -> float:
    """Return volume times mean depth (volume over area), weighted down with the distance from `near_mm`."""
    score = part.volume**2 / part.area if part.area > 0 else 0.0
    if near_mm is None:
        return float(score)
    distance = np.linalg.norm(part.vertices - np.asarray(near_mm, float), axis=1).min()
    return float(score * np.exp(-distance / NEAR_MM))


def _as_piece(part: trimesh.Trimesh, volume_mm3: float) -> RemovedPiece:
    x, y, z = (float(v) for v in part.vertices.mean(axis=0))
    return RemovedPiece(float(volume_mm3), (x, y, z), bridged=False)


def _without_bridged(
    part: trimesh.Trimesh, opening_mm: float, near_mm: ArrayLike | None
) -> tuple[trimesh.Trimesh, list[RemovedPiece]]:
    """Cut off pieces that necks connect to the part; away from the cuts its triangles are unchanged."""
    body = _voxels(part)
    if not body.array.any():
        return part, []
    separation = separate_voxels(body, bodies=1, opening_mm=opening_mm, near_mm=near_mm)
    pieces = [piece for piece in separation.removed if piece.volume_mm3 >= _LEAST_PIECE_MM3]
    if not pieces:
        return part, []
    return _intersection(part, _kept_side(separation.bodies[0], body)), pieces


def _voxels(part: trimesh.Trimesh) -> Volume:
    """Return the part as a mask on a grid around it."""
    grid = Grid.around(*part.bounds, spacing_mm=_SPACING_MM, margin_voxels=3)
    return Volume(occupancy(part, grid).astype(np.uint8), grid.affine)


def _kept_side(kept: Volume, body: Volume) -> trimesh.Trimesh:
    """Return a solid that contains all points closer to the kept voxels than to the removed ones."""
    removed = body.with_array(((body.array > 0) & (kept.array == 0)).astype(np.uint8))
    to_removed = signed_distance(removed, smooth_voxels=0).array
    to_kept = signed_distance(kept, smooth_voxels=0).array
    return extract(Volume(to_kept - to_removed, body.affine), level=0.0)


def _intersection(part: trimesh.Trimesh, side: trimesh.Trimesh) -> trimesh.Trimesh:
    cut = from_manifold(to_manifold(part) ^ to_manifold(side))
    return max(connected_meshes(cut), key=lambda surface: surface.volume)
