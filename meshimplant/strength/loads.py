"""Loads on a part: a pad that presses on its outer surface, and pressure from inside, as forces on nodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.mesh.nearest import surface_tree
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.strength.cut_cubes import CutCubes
from meshimplant.strength.quadratic_cube import shapes
from meshimplant.strength.surface_samples import SurfaceSamples

Floats = NDArray[np.float64]

#: Diameter of the pad through which a force acts, mm.
PAD_MM = 10.0


def nodal_forces(body: CutCubes, points_mm: ArrayLike, forces_n: ArrayLike) -> Floats:
    """Return forces (3 n,) on the nodes that do the same work as forces (k, 3), N, at points (k, 3)."""
    forces = np.asarray(forces_n, float)
    cube, local = body.locate(points_mm)
    values, nodes = shapes(local), body.nodes[cube]
    columns = [
        np.bincount(nodes.reshape(-1), (values * forces[:, axis, None]).reshape(-1), body.node_count)
        for axis in range(3)
    ]
    return np.stack(columns, axis=1, dtype=float).reshape(-1)


def pads(outer: SurfaceSamples, centres_mm: ArrayLike) -> list[SurfaceSamples]:
    """Return the samples of an outer surface under the pad around each of some points (k, 3)."""
    centres = np.asarray(centres_mm, float)
    return [
        outer.chosen(np.asarray(rows, np.int64))
        for rows in surface_tree(outer.points_mm).query_ball_point(centres, PAD_MM / 2, return_sorted=True)
    ]


def pad_forces(body: CutCubes, under: SurfaceSamples) -> Floats:
    """Return the nodal forces (3 n,) of 1 N, spread evenly under a pad, straight into the part."""
    weight = under.areas_mm2 / under.areas_mm2.sum()
    inward = -unit_vectors(weight @ under.normals)
    return nodal_forces(body, under.points_mm, weight[:, None] * inward)


def pressure_forces(body: CutCubes, inner: SurfaceSamples) -> Floats:
    """Return the nodal forces (3 n,) of a pressure of 1 MPa on an inner surface."""
    return nodal_forces(body, inner.points_mm, -inner.normals * inner.areas_mm2[:, None])
