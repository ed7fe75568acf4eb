"""`hollow`: a body with a wall, empty inside, and with drains through which resin or powder leaves it."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.errors import InputError, MeshError, require_type
from meshimplant.line.extract import extract
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.mesh.convert import to_manifold
from meshimplant.mesh.cut_away import combine
from meshimplant.mesh.nearest import surface_tree
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.voxels.distance import distance_inside
from meshimplant.voxels.voxelize import voxelize

#: Range of the wall, mm, and the edge of the voxels by which it is measured.
WALL_RANGE_MM = (1.0, 10.0)
_VOXEL_MM = 1.0
#: Diameter of a drain, mm, and the smallest cavity that is worth two of them, mm3. Source: our choice.
DRAIN_MM, _LEAST_CAVITY_MM3 = 4.0, 500.0
#: How far a drain reaches into the cavity, and out of the body, mm.
_BEYOND_MM = 1.5
_SIDES = 24


def hollow(mesh: trimesh.Trimesh, *, wall_mm: float) -> trimesh.Trimesh:
    """Return a solid as a shell with two drains into each cavity, at its lowest and at its highest place.

    Cavities of less than 0.5 cm3 stay filled. Each drain takes the shortest way out from there.

    Parameters
    ----------
    mesh : Trimesh
        Closed solid, LPS mm.
    wall_mm : float
        Thickness of the wall, 1 to 10 mm, within half a voxel of 1 mm.

    Returns
    -------
    Trimesh
        A solid whose cavities are open to the outside; an unchanged copy where nothing is thick enough.

    Raises
    ------
    InputError
        The wall is out of range.
    MeshError
        The mesh is no solid.
    """
    require_type(mesh, trimesh.Trimesh, "the body")
    if not WALL_RANGE_MM[0] <= wall_mm <= WALL_RANGE_MM[1]:
        low, high = WALL_RANGE_MM
        raise InputError(f"expected a wall of {low:g} to {high:g} mm, got {wall_mm:g}: choose one between")
    removed = []
    tree, vertices = surface_tree(mesh.vertices), np.asarray(mesh.vertices)
    for cavity in _cavities(mesh, wall_mm):
        removed.append(to_manifold(cavity))
        points = np.asarray(cavity.vertices)
        for row in (points[:, 2].argmin(), points[:, 2].argmax()):
            start = points[row]
            removed.append(to_manifold(_drain(start, vertices[tree.query(start)[1]])))
    result = combine(mesh, remove=removed)
    if any(enclosed_mm3(each) < 0 for each in connected_meshes(result)):
        raise MeshError("expected cavities that their drains open, got a closed one: choose a thicker wall")
    return result


def _cavities(mesh: trimesh.Trimesh, wall_mm: float) -> list[trimesh.Trimesh]:
    """Return the parts of a solid that lie deeper than the wall, as closed surfaces wound outward."""
    grid = voxelize(mesh, spacing_mm=_VOXEL_MM).pad(2, 0)
    depth = distance_inside(grid.array != 0, grid.spacing_mm)
    if depth.max() <= wall_mm + _VOXEL_MM:
        return []
    smooth = ndimage.gaussian_filter(depth.astype(np.float32), 0.7)
    surfaces = connected_meshes(extract(grid.with_array(smooth - np.float32(wall_mm)), level=0.0))
    return [each for each in surfaces if enclosed_mm3(each) >= _LEAST_CAVITY_MM3]


def _drain(start: NDArray[np.float64], exit_mm: NDArray[np.float64]) -> trimesh.Trimesh:
    """Return the cylinder from within a cavity, past a point of its surface, out through the wall."""
    axis = unit_vectors(exit_mm - start)
    ends = np.array([start - _BEYOND_MM * axis, exit_mm + _BEYOND_MM * axis])
    return trimesh.creation.cylinder(DRAIN_MM / 2, segment=ends, sections=_SIDES)
