"""The chain a user would write in an afternoon with the same libraries: whole grids, full-resolution meshes.

Every step is the obvious call: scipy's distance transform on the whole grid, scikit-image's marching cubes
over the whole volume, trimesh's Taubin filter, rays of trimesh for the thickness, pymeshfix for the repair
(trimesh's own repair where pymeshfix is not installed). It reads the same files, keeps the same clearance and
sets the same thickness, so that seconds, memory and errors can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

Array = NDArray[Any]
Begin = Callable[[str], None]

#: Away from the border the surface faces away from, or towards, the centre of the head (cosine).
_FACING = 0.7


def run_naive(
    folder: Path, output: Path, *, thickness_mm: float, clearance_mm: float, begin: Begin
) -> dict[str, Any]:
    """Make a part of the files in `folder`, write it into `output`, and return its measures."""
    begin("read")
    complete, defective, grid = _read(folder)
    begin("subtract")
    implant = (complete > 0) & (defective == 0)
    begin("trim")
    distance_mm = _distance(defective, grid)
    implant &= distance_mm > clearance_mm
    begin("separate")
    implant = _largest(implant)
    begin("extract")
    mesh = _mesh(implant, grid)
    begin("smooth")
    trimesh.smoothing.filter_taubin(mesh, iterations=10)
    begin("repair")
    mesh = _repair(mesh)
    begin("thickness")
    mesh = _set_thickness(mesh, _head_centre(defective, grid), thickness_mm)
    begin("check")
    measures = _check(mesh, distance_mm, grid, _head_centre(defective, grid))
    begin("write")
    mesh.export(output / "implant.stl")
    mesh.export(output / "implant.3mf")
    return measures


def _read(folder: Path) -> tuple[Array, Array, Any]:
    import SimpleITK

    images = [SimpleITK.ReadImage(str(folder / f"{name}.nrrd")) for name in ("prediction", "defective")]
    complete, defective = (SimpleITK.GetArrayFromImage(image) for image in images)
    return complete, defective, images[1]


def _spacing(grid: Any) -> tuple[float, ...]:
    return tuple(reversed(grid.GetSpacing()))


def _distance(defective: Array, grid: Any) -> Array:
    from scipy import ndimage

    # The obvious call is the point here.
    return ndimage.distance_transform_edt(defective == 0, sampling=_spacing(grid))  # noqa: TID251


def _largest(implant: Array) -> Array:
    from scipy import ndimage

    labels, _ = ndimage.label(implant)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def _mesh(implant: Array, grid: Any) -> trimesh.Trimesh:
    from skimage.measure import marching_cubes

    vertices, faces, _, _ = marching_cubes(implant.astype(float), 0.5)
    mesh = trimesh.Trimesh(_to_mm(vertices, grid), faces)
    if mesh.volume < 0:
        mesh.invert()
    return mesh


def _to_mm(index: Array, grid: Any) -> Array:
    """Map (n, 3) indices, slice first as SimpleITK's arrays are, to LPS millimetres."""
    direction = np.array(grid.GetDirection()).reshape(3, 3)
    return (index[:, ::-1] * grid.GetSpacing()) @ direction.T + grid.GetOrigin()


def _head_centre(defective: Array, grid: Any) -> Array:
    places = np.argwhere(defective)
    return _to_mm((places.min(0) + places.max(0))[None] / 2, grid)[0]


def _rays(mesh: trimesh.Trimesh, points: Array, directions: Array) -> Array:
    """Return the distance to the next surface along each ray, NaN where there is none."""
    hits, rays, _ = mesh.ray.intersects_location(points + 1e-3 * directions, directions, multiple_hits=False)
    found = np.full(len(points), np.nan)
    found[rays] = np.linalg.norm(hits - points[rays], axis=1)
    return found


def _away(mesh: trimesh.Trimesh, centre: Array) -> Array:
    away = mesh.vertices - centre
    return away / np.linalg.norm(away, axis=1, keepdims=True)


def _facing(mesh: trimesh.Trimesh, centre: Array) -> Array:
    """Return the cosine between vertex normals and the direction out of the head: 1 outside, -1 inside."""
    return np.einsum("ij,ij->i", np.asarray(mesh.vertex_normals), _away(mesh, centre))


def _set_thickness(mesh: trimesh.Trimesh, centre: Array, thickness_mm: float) -> trimesh.Trimesh:
    """Move the inner surface on straight lines to the head's centre, to the thickness below the outer one.

    Its own normals would not do: at full resolution they still carry the staircase, and the surface would
    fold.
    """
    facing = _facing(mesh, centre)
    inner = np.flatnonzero(facing < -_FACING)
    through = _away(mesh, centre)[inner]
    found = _rays(mesh, mesh.vertices[inner], through)
    good = found < 3 * thickness_mm
    shift = found + thickness_mm / facing[inner]
    vertices = mesh.vertices.copy()
    vertices[inner[good]] += through[good] * shift[good, None]
    return trimesh.Trimesh(vertices, mesh.faces, process=False)


def _repair(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    try:
        import pymeshfix
    except ImportError:
        trimesh.repair.fill_holes(mesh)
        trimesh.repair.fix_normals(mesh)
        return mesh
    fixed = pymeshfix.MeshFix(np.array(mesh.vertices), np.array(mesh.faces))
    fixed.repair()
    return trimesh.Trimesh(fixed.points, fixed.faces)


def _check(mesh: trimesh.Trimesh, distance_mm: Array, grid: Any, centre: Array) -> dict[str, Any]:
    from scipy import ndimage

    inverse = np.linalg.inv(np.array(grid.GetDirection()).reshape(3, 3))
    index = ((mesh.vertices - grid.GetOrigin()) @ inverse.T / grid.GetSpacing())[:, ::-1]
    gap_mm = ndimage.map_coordinates(distance_mm, index.T, order=1)
    outer = np.flatnonzero(_facing(mesh, centre) > _FACING)
    thickness_mm = _rays(mesh, mesh.vertices[outer], -np.asarray(mesh.vertex_normals)[outer])
    return {
        "watertight": bool(mesh.is_watertight),
        "volume_mm3": float(mesh.volume),
        "gap_min_mm": float(gap_mm.min()),
        "thickness_median_mm": float(np.nanmedian(thickness_mm)),
    }
