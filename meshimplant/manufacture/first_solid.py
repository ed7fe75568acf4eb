"""`first_solid`: a body as a mesh, simplified as little as makes it a solid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trimesh

from meshimplant.edit.repair import is_solid
from meshimplant.mesh.convert import from_manifold

if TYPE_CHECKING:
    import manifold3d

#: By how much a body is simplified, mm. Thin triangles, which cuts and bending leave, cross once their
#: corners are rounded as in an STL file.
_FINE_MM = (0.004, 0.01, 0.02)


def first_solid(body: manifold3d.Manifold) -> trimesh.Trimesh | None:
    """Return the body as a mesh that is a solid in a file, within 0.02 mm; None if it has flaws even then."""
    meshes = (from_manifold(body.simplify(fine)) for fine in _FINE_MM)
    return next((mesh for mesh in meshes if is_solid(mesh)), None)
