"""`proven_solid`: a changed part as a solid within its face budget, with the holes that it should have."""

from __future__ import annotations

import trimesh

from meshimplant.edit.repair import is_solid, repair
from meshimplant.edit.simplify import simplify
from meshimplant.errors import MeshError
from meshimplant.mesh.topology import handles


def proven_solid(
    mesh: trimesh.Trimesh,
    before: trimesh.Trimesh,
    *,
    more_holes: int | None = 0,
    max_faces: int | None = None,
) -> trimesh.Trimesh:
    """Return a changed part as a solid within its face budget.

    Parameters
    ----------
    mesh, before : Trimesh
        The part after and before the change.
    more_holes : int
        By how many holes the change goes through the part. None: any.
    max_faces : int, optional
        Largest number of faces, see `simplify`. None: any.

    Raises
    ------
    MeshError
        The part before the change was no solid, the changed one cannot be made one, or it has another number
        of holes.
    """
    proven = is_solid(mesh)
    if not proven and not is_solid(before):
        raise MeshError("expected a part that is a solid, got one with flaws: repair it first")
    solid = mesh if proven else repair(mesh).mesh
    if max_faces is not None and len(solid.faces) > max_faces:
        solid = repair(simplify(solid, max_faces=max_faces, simple=True)).mesh
    more = handles(solid) - handles(before)
    if more_holes is not None and more != more_holes:
        raise MeshError(
            f"expected {more_holes} more holes through the part, got {more}: choose another place or another "
            "distance between the holes"
        )
    return solid
