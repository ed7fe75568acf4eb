"""`clear_way`: remove small undercuts that block a part's insertion; leave the part if they are large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.edit.insertion import find_insertion, make_insertable
from meshimplant.errors import MeshError, require_type
from meshimplant.implant.site import Site
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.mesh.convert import join_meshes
from meshimplant.voxels.volume import Volume

#: Share of a body's volume that may be taken off to let it in. Of a plate 100 mm across, 2 % are 0.5 mm all
#: along its border, as much as the gap may exceed the clearance. Measured: 0.01 % for the one of 95 real
#: vault defects that was blocked, 1.3 % for a defect that reaches the orbit; neither coverage nor the gap's
#: 95th percentile got worse.
MAX_REMOVED_FRACTION = 0.02


@dataclass(frozen=True, eq=False)
class Clearing:
    """A part and its way in; numbers of several bodies are those of the worst, or added up.

    Attributes
    ----------
    mesh
        The part; the same object that came in where nothing was taken off.
    directions
        Unit vectors (k, 3) out of the head, LPS, one for each body.
    penetration_before_mm, penetration_mm
        How deep the part goes into bone on its way, before and after.
    blocking_mm3, removed_mm3
        What stands in the way, and what of it was taken off.
    """

    mesh: trimesh.Trimesh
    directions: NDArray[np.float64]
    penetration_before_mm: float
    penetration_mm: float
    blocking_mm3: float
    removed_mm3: float

    def numbers(self) -> dict[str, Any]:
        """Return all but the mesh, ready for a report."""
        return {
            "directions": self.directions.tolist(),
            "penetration_before_mm": self.penetration_before_mm,
            "penetration_mm": self.penetration_mm,
            "blocking_mm3": self.blocking_mm3,
            "removed_mm3": self.removed_mm3,
        }


def clear_way(
    mesh: trimesh.Trimesh,
    skull: Volume | Site,
    *,
    inside_mm: ArrayLike | None = None,
    max_removed_fraction: float = MAX_REMOVED_FRACTION,
) -> Clearing:
    """Find the straight way of each body of a part, and take off what blocks it where that is little.

    A trimmed part follows every undercut of the defect's wall: a bay under the bone's edge, the mouth of a
    burr hole. What lies there is behind the bone, so that taking it off leaves the part's outer border as it
    is. Where more would have to go than the limit, the defect as a whole is narrower outside than inside;
    then the part stays, for it may be turned in, or the surgeon widens the bone: that is not for a program to
    decide, and `check_part` tells it.

    Parameters
    ----------
    mesh
        Solid bodies, LPS mm.
    skull
        Mask of the defective skull.
    inside_mm
        A point (3,) inside the head; ``None``: found from the part and the skull.
    max_removed_fraction
        Share of a body's volume that may go.

    Raises
    ------
    MeshError
        A body is no solid.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    require_type(skull, (Volume, Site), "the skull")
    surfaces = connected_meshes(mesh)
    freed = [
        _clear(body, Site.around(skull, body, inside_mm=inside_mm), max_removed_fraction)
        if enclosed_mm3(body) > 0
        else None
        for body in surfaces
    ]
    known = [one for one in freed if one is not None]
    if any(one.removed_mm3 for one in known):
        kept = [hollow if one is None else one.mesh for hollow, one in zip(surfaces, freed, strict=True)]
        mesh = join_meshes(kept)
    return Clearing(
        mesh,
        np.concatenate([one.directions for one in known]),
        max(one.penetration_before_mm for one in known),
        max(one.penetration_mm for one in known),
        sum(one.blocking_mm3 for one in known),
        sum(one.removed_mm3 for one in known),
    )


def _clear(body: trimesh.Trimesh, site: Site, max_fraction: float) -> Clearing:
    """Do as `clear_way` for one body."""
    way = find_insertion(body, site)
    directions, depth = way.direction[None], float(way.penetration_mm.max())
    if way.free:
        return Clearing(body, directions, depth, depth, 0.0, 0.0)
    try:
        cut = make_insertable(body, site, direction=way.direction)
    except MeshError:  # nothing would be left
        return Clearing(body, directions, depth, depth, enclosed_mm3(body), 0.0)
    if cut.removed_mm3 > max_fraction * enclosed_mm3(body):
        return Clearing(body, directions, depth, depth, cut.removed_mm3, 0.0)
    left = find_insertion(cut.mesh, site, direction=way.direction)
    return Clearing(
        cut.mesh, directions, depth, float(left.penetration_mm.max()), cut.removed_mm3, cut.removed_mm3
    )
