"""Conversions between `trimesh.Trimesh`, pyvista and manifold3d."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import trimesh

from meshimplant.errors import MeshError, require_type

if TYPE_CHECKING:
    import manifold3d
    import pyvista


def to_pyvista(mesh: trimesh.Trimesh) -> pyvista.PolyData:
    """Return a mesh as `pyvista.PolyData`, with the same vertices in the same order.

    Parameters
    ----------
    mesh : Trimesh

    Returns
    -------
    pyvista.PolyData
        Triangles only, in the units of the mesh.
    """
    require_type(mesh, trimesh.Trimesh, "the mesh")
    import pyvista

    return pyvista.PolyData.from_regular_faces(np.asarray(mesh.vertices, float), np.asarray(mesh.faces))


def from_pyvista(surface: pyvista.PolyData) -> trimesh.Trimesh:
    """Return a pyvista surface as a mesh, triangulated if needed, with the vertices in the same order.

    Parameters
    ----------
    surface : pyvista.PolyData

    Returns
    -------
    Trimesh
        Nothing merged or dropped.
    """
    if not surface.is_all_triangles:
        surface = surface.triangulate()
    return new_mesh(np.asarray(surface.points, float), surface.regular_faces)


def to_manifold(mesh: trimesh.Trimesh) -> manifold3d.Manifold:
    """Return a mesh as a `manifold3d.Manifold`.

    Raises
    ------
    MeshError
        The mesh is not an oriented 2-manifold.
    """
    import manifold3d

    data = manifold3d.Mesh64(
        vert_properties=np.ascontiguousarray(mesh.vertices, np.float64),
        tri_verts=np.ascontiguousarray(mesh.faces, np.uint64),
    )
    solid = manifold3d.Manifold(data)
    if solid.status() != manifold3d.Error.NoError:
        raise MeshError(
            f"expected a closed, consistently wound mesh, got {len(mesh.faces)} faces that are no solid "
            f"({solid.status().name}): run repair on it first"
        )
    return solid


def from_manifold(solid: manifold3d.Manifold) -> trimesh.Trimesh:
    """Return a manifold3d solid as a mesh."""
    data = solid.to_mesh64()
    return new_mesh(np.asarray(data.vert_properties)[:, :3], np.asarray(data.tri_verts))


def join_meshes(meshes: Sequence[trimesh.Trimesh]) -> trimesh.Trimesh:
    """Return several meshes as one: vertices and faces concatenated, nothing merged."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    return new_mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces))


def new_mesh(vertices: np.ndarray, faces: np.ndarray) -> trimesh.Trimesh:
    """Return a `Trimesh` with exactly these arrays: nothing merged, dropped or reordered."""
    return trimesh.Trimesh(
        np.array(vertices, np.float64), np.array(faces, np.int64), process=False, validate=False
    )
