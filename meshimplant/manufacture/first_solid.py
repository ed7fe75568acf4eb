"""`first_solid`: a body as a mesh, simplified as little as makes it a solid, or repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trimesh

from meshimplant.edit.repair import is_solid, repair
from meshimplant.errors import MeshError
from meshimplant.mesh.convert import from_manifold

if TYPE_CHECKING:
    import manifold3d

#: By how much a body is simplified, mm. Thin triangles, which cuts and bending leave, cross once their
#: corners are rounded as in an STL file.
_FINE_MM = (0.004, 0.01, 0.02)


def first_solid(body: manifold3d.Manifold) -> trimesh.Trimesh | None:
    """Return the body as a mesh that is a solid in a file, within 0.02 mm.

    Where that is not enough it is repaired; None if it has flaws even then.
    """
    meshes = [from_manifold(body.simplify(fine)) for fine in _FINE_MM]
    solid = next((mesh for mesh in meshes if is_solid(mesh)), None)
    if solid is not None:
        return solid
    try:
        return repair(meshes[0]).mesh
    except MeshError:
        return None
