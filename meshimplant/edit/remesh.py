"""`remesh`: build a closed surface from any set of triangles, by their winding number on a fine grid."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.errors import MeshError
from meshimplant.line.extract import extract
from meshimplant.mesh.deviation import distances_mm
from meshimplant.mesh.winding import winding_number
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

#: Voxel edge as a fraction of the longest extent, and its limits, mm.
_EDGE_FRACTION, _EDGE_RANGE_MM = 1 / 250, (0.2, 0.4)
#: Half-width of the band of voxels in which distances are computed, voxel edges.
_BAND = 1.8


def remesh(mesh: trimesh.Trimesh, *, spacing_mm: float | None = None) -> trimesh.Trimesh:
    """Mesh the region where the winding number of a surface exceeds one half.

    Near the surface the exact distance to the triangles is signed by the winding number; elsewhere a coarse
    sign suffices. Holes are closed smoothly, self-intersections and inner sheets vanish, and overlapping
    bodies are merged. Sharp edges are rounded by up to 0.6 of a voxel edge.

    Parameters
    ----------
    mesh : Trimesh
        A mesh, as consistently wound as possible, LPS mm.
    spacing_mm : float, optional
        Voxel edge. None: a 250th of the longest extent, within 0.2 to 0.4 mm.

    Raises
    ------
    MeshError
        The winding number exceeds one half nowhere.

    Notes
    -----
    Measured (5 mm cap, 50 mm wide, 0.25 mm): 4 s, p99 of the distance 0.05 mm, at the sharp rim 0.13 mm,
    volume -0.02 %.
    """
    spacing = spacing_mm or float(np.clip(mesh.extents.max() * _EDGE_FRACTION, *_EDGE_RANGE_MM))
    grid = Grid.around(*mesh.bounds, spacing_mm=spacing, margin_voxels=3)
    inside, band = _coarse_signs(mesh, grid)
    field = np.where(inside, np.float32(spacing * _BAND), np.float32(-spacing * _BAND))
    index = np.argwhere(band)
    points = grid.to_mm(index)
    sign = np.where(winding_number(mesh, points) > 0.5, 1.0, -1.0)
    field[band] = (sign * distances_mm(points, mesh)).astype(np.float32)
    if not (field > 0).any():
        raise MeshError(
            "expected a surface that encloses a volume, got one with a winding number below 1/2 everywhere"
        )
    return extract(Volume(field, grid.affine), level=0.0)


def _coarse_signs(mesh: trimesh.Trimesh, grid: Grid) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which voxels are inside (right outside the band) and the band of voxels near the surface.

    Away from the triangles the winding number changes only across holes, so one number per 4 x 4 x 4 block,
    and its corners' disagreement, is enough to find both.
    """
    band = _near_triangles(mesh, grid)
    step = 4
    coarse = np.stack(
        np.meshgrid(*[np.arange(0, n + step, step) for n in grid.shape], indexing="ij"), axis=-1
    )
    winding = winding_number(mesh, grid.to_mm(coarse.reshape(-1, 3))).reshape(coarse.shape[:3])
    fine = ndimage.zoom(
        winding, [(step * (int(n) - 1) + 1) / int(n) for n in coarse.shape[:3]], order=1, grid_mode=False
    )
    fine = fine[tuple(slice(0, n) for n in grid.shape)]
    inside = fine > 0.5
    unsure = (np.abs(fine - 0.5) < 0.3) & ~band
    index = np.argwhere(unsure)
    inside[unsure] = winding_number(mesh, grid.to_mm(index)) > 0.5
    edge = ndimage.binary_dilation(inside) & ~ndimage.binary_erosion(inside)
    return inside, band | edge


def _near_triangles(mesh: trimesh.Trimesh, grid: Grid) -> NDArray[np.bool_]:
    """Return the voxels within the band's half-width of the triangles."""
    spacing = float(grid.spacing_mm[0])
    seeds = np.zeros(grid.shape, bool)
    index = np.rint(grid.to_index(_dense_points(mesh, spacing))).astype(int)
    seeds[tuple(np.clip(index, 0, np.array(grid.shape) - 1).T)] = True
    return np.asarray(ndimage.binary_dilation(seeds, iterations=2))


def _dense_points(mesh: trimesh.Trimesh, spacing: float) -> NDArray[np.float64]:
    """Return points on the triangles, no farther apart than the spacing, by halving the long ones."""
    triangles = np.asarray(mesh.triangles)
    points = [triangles.reshape(-1, 3)]
    while len(triangles):
        lengths = np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=2)
        triangles = triangles[lengths.max(axis=1) > spacing]
        a, b, c = np.moveaxis(triangles, 1, 0)
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        points += [ab, bc, ca]
        quarters = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        triangles = np.concatenate([np.stack(quarter, axis=1) for quarter in quarters])
    return np.concatenate(points)
