"""`clear_way`: remove what blocks a part's straight path into the defect, unless that is too much."""

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

#: Fraction of a body's volume that may be removed. For a plate 100 mm across, 2 % is 0.5 mm along the whole
#: border, as much as the gap may exceed the clearance. Measured: 0.01 % for the only one of 95 real vault
#: defects that was blocked, 1.3 % for a defect that reaches the orbit; neither coverage nor the gap's 95th
#: percentile got worse.
MAX_REMOVED_FRACTION = 0.02


@dataclass(frozen=True, eq=False)
class Clearing:
    """A part and its straight path; for several bodies depths are those of the worst, volumes are summed.

    Attributes
    ----------
    mesh : Trimesh
        The part; the input object itself where nothing was removed.
    directions : (k, 3) array
        Unit vectors (k, 3) out of the head, LPS, one for each body.
    penetration_before_mm, penetration_mm : float
        Greatest depth of the part in bone along its path, mm, before and after.
    blocking_mm3, removed_mm3 : float
        Volume that blocks the path, and how much of it was removed.
    """

    mesh: trimesh.Trimesh
    directions: NDArray[np.float64]
    penetration_before_mm: float
    penetration_mm: float
    blocking_mm3: float
    removed_mm3: float

    def numbers(self) -> dict[str, Any]:
        """Return everything but the mesh, as plain values for a report."""
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
    """Find the straight path of each body of a part, and remove what blocks it if that is little.

    A trimmed part follows every undercut of the defect's wall: a recess under the edge of the bone, the mouth
    of a burr hole. That material lies behind bone, so removing it does not change the part's outer border.
    Where more than the limit would have to be removed, the whole defect is narrower outside than inside. The
    part is then returned unchanged, because it may be rotated in, or the surgeon may widen the bone;
    `check_part` reports it.

    Parameters
    ----------
    mesh : Trimesh
        Solid bodies, LPS mm.
    skull : Volume or Site
        Mask of the defective skull, or the site.
    inside_mm : (3,) array-like, optional
        A point (3,) inside the head, LPS mm. None: derived from the part and the skull.
    max_removed_fraction : float
        Fraction of a body's volume that may be removed.

    Returns
    -------
    Clearing
        The part, and what was removed of it.

    Raises
    ------
    MeshError
        A body is not a solid.
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
    """Clear the path of one body."""
    path = find_insertion(body, site)
    directions, depth = path.direction[None], float(path.penetration_mm.max())
    if path.free:
        return Clearing(body, directions, depth, depth, 0.0, 0.0)
    try:
        cut = make_insertable(body, site, direction=path.direction)
    except MeshError:  # nothing would remain
        return Clearing(body, directions, depth, depth, enclosed_mm3(body), 0.0)
    if cut.removed_mm3 > max_fraction * enclosed_mm3(body):
        return Clearing(body, directions, depth, depth, cut.removed_mm3, 0.0)
    remaining = find_insertion(cut.mesh, site, direction=path.direction)
    return Clearing(
        cut.mesh, directions, depth, float(remaining.penetration_mm.max()), cut.removed_mm3, cut.removed_mm3
    )
