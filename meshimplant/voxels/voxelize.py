"""`voxelize`: a closed surface as voxels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError, GeometryError, MeshError
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

#: Voxels of empty space around the body, so that no surface touches the grid's edge.
_MARGIN = 3
#: Largest grid, voxels: a head of 250 x 300 x 350 mm at 0.4 mm.
MAX_VOXELS = 450_000_000
#: Pairs of a triangle and a column processed at once; bounds the memory to about 300 MB.
_CHUNK = 1_500_000
#: The surface is moved by this much (voxels), so that no voxel centre lies exactly on a regular mesh's face.
_OFFSET = np.array([3.1e-5, 4.7e-5, 6.3e-5])


def voxelize(mesh: trimesh.Trimesh, *, spacing_mm: float = 0.5) -> Volume:
    """Return the voxels whose centres lie inside a closed mesh, on an LPS-aligned grid of cubes.

    The crossings of all triangles with the columns of voxels are computed at once. The winding number of the
    surface, accumulated along each column, separates inside from outside. So overlapping bodies are united,
    cavities with an inward surface stay empty, and non-manifold edges do no harm as long as the surface is
    closed. Where the winding of a closed surface is inconsistent, parity decides instead.

    Parameters
    ----------
    mesh : Trimesh
        LPS mm.
    spacing_mm : float
        Voxel edge; walls thinner than this may break.

    Returns
    -------
    Volume
        uint8, 1 inside.

    Raises
    ------
    MeshError
        The surface has open edges, so that inside and outside are not defined.
    GeometryError
        The grid would hold more than `MAX_VOXELS` voxels.
    EmptyMaskError
        No voxel centre lies inside.

    Notes
    -----
    Measured on a head of 2.5 million faces at 0.5 mm: 6 s, ten times faster than VTK's stencil; 15 of
    4.8 million voxels differ.
    """
    by_winding = _is_balanced(mesh)
    points, grid = _index_points(mesh, spacing_mm)
    steps = np.zeros(grid.shape, np.int8)
    for column, level, sign in _crossings(points, np.asarray(mesh.faces), grid.shape):
        np.add.at(steps.reshape(-1), column * grid.shape[2] + level, sign if by_winding else np.int8(1))
    levels = np.cumsum(steps, axis=2, dtype=np.int8, out=steps)
    inside = (levels != 0) if by_winding else (levels & 1 != 0)
    if not inside.any():
        raise EmptyMaskError(
            f"expected a body thicker than one voxel, got none inside the surface at {spacing_mm:g} mm: use "
            "a smaller spacing"
        )
    return Volume(inside.view(np.uint8), grid.affine)


def _is_balanced(mesh: trimesh.Trimesh) -> bool:
    """Return whether every edge is used equally often both ways; raise if an edge is open."""
    faces = np.asarray(mesh.faces)
    if len(faces) == 0:
        raise MeshError(
            "expected a closed surface, got one without faces: check that it was not exported as points"
        )
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[edges[:, 0] != edges[:, 1]]
    forward = edges[:, 0] < edges[:, 1]
    keys = edges.min(axis=1) * np.int64(len(mesh.vertices)) + edges.max(axis=1)
    _, where = np.unique(keys, return_inverse=True)
    balance = np.bincount(where, weights=np.where(forward, 1, -1))
    if not balance.any():
        return True
    open_edges = int(np.count_nonzero(np.bincount(where) % 2))
    if open_edges:
        raise MeshError(
            f"expected a closed surface, got {open_edges} open edges among {len(faces)} faces, "
            "so that inside and outside are undefined: repair it first"
        )
    return False


def _index_points(mesh: trimesh.Trimesh, spacing_mm: float) -> tuple[NDArray[np.float64], Grid]:
    """Return the vertices in voxel indices of a grid around them, and that grid."""
    vertices = np.asarray(mesh.vertices, np.float64)
    start = np.floor(vertices.min(axis=0) / spacing_mm) - _MARGIN
    size = np.ceil(vertices.max(axis=0) / spacing_mm) + _MARGIN + 1 - start
    if np.prod(size) > MAX_VOXELS:
        raise GeometryError(
            f"expected at most {MAX_VOXELS / 1e6:.0f} million voxels, got {np.prod(size) / 1e6:.0f} million "
            f"at {spacing_mm:g} mm: use a larger spacing, or check the mesh's unit"
        )
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = start * spacing_mm
    i, j, k = (int(n) for n in size)
    return vertices / spacing_mm - start - _OFFSET, Grid((i, j, k), affine)


def _crossings(
    points: NDArray[np.float64], faces: NDArray[np.int64], shape: tuple[int, int, int]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int8]]]:
    """Yield chunks of crossings: column, first voxel above, +1 entering or -1 leaving."""
    flat = points[:, :2]
    corners = flat[faces]
    low = np.ceil(corners.min(axis=1)).astype(np.int64)
    count = np.floor(corners.max(axis=1)).astype(np.int64) - low + 1
    hit = np.flatnonzero((count > 0).all(axis=1))
    number = count[hit].prod(axis=1)
    ends = np.cumsum(number)
    for first, last in _chunks(ends):
        triangle = np.repeat(hit[first:last], number[first:last])
        within = np.arange(len(triangle)) - np.repeat(
            ends[first:last] - number[first:last], number[first:last]
        )
        within += ends[first - 1] if first else 0
        rows = count[triangle, 1]
        column = low[triangle] + np.column_stack([within // rows, within % rows])
        inside, level, sign = _cut(points[:, 2], flat, faces[triangle], column)
        column = column[inside]
        yield column[:, 0] * shape[1] + column[:, 1], level, sign


def _chunks(ends: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Split triangles into runs of about `_CHUNK` pairs each."""
    first = 0
    while first < len(ends):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _CHUNK)))
        yield first, last
        first = last


def _cut(
    heights: NDArray[np.float64],
    flat: NDArray[np.float64],
    faces: NDArray[np.int64],
    column: NDArray[np.int64],
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int8]]:
    """Return which columns cross their triangle, the voxel above each crossing, and its direction."""
    sides = [_side(flat, faces[:, a], faces[:, b], column) for a, b in ((1, 2), (2, 0), (0, 1))]
    positive = [side > 0 for side in sides]
    inside = (positive[0] == positive[1]) & (positive[1] == positive[2])
    weights = np.stack([side[inside] for side in sides])
    total = weights.sum(axis=0)
    height = (weights * heights[faces[inside].T]).sum(axis=0) / total
    level = np.ceil(height).astype(np.int64)
    return inside, level, np.where(positive[0][inside], -1, 1).astype(np.int8)


def _side(
    flat: NDArray[np.float64], a: NDArray[np.int64], b: NDArray[np.int64], column: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return twice the signed area of edge a-b and a column; exactly opposite for an edge's two triangles."""
    swap = a > b
    start, stop = flat[np.where(swap, b, a)], flat[np.where(swap, a, b)]
    edge, arm = stop - start, column - start
    area = edge[:, 0] * arm[:, 1] - edge[:, 1] * arm[:, 0]
    return np.where(swap, -area, area)
