"""`part_distances`: the signed distances of a part's surface, on voxels fine enough for its wall."""

from __future__ import annotations

import numpy as np
import trimesh

from meshimplant.errors import MeshError
from meshimplant.mesh.deviation import distances_mm
from meshimplant.mesh.topology import edge_uses
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.occupancy import dilated_box, occupancy
from meshimplant.voxels.volume import Volume

#: Voxels on both sides of the surface whose distance is computed; beyond, only the side counts.
_BAND = 3


def part_distances(part: trimesh.Trimesh, *, spacing_mm: float) -> Volume:
    """Return the signed distances to a closed part's surface on a grid around it.

    Parameters
    ----------
    part : Trimesh
        LPS mm.
    spacing_mm : float
        Voxel edge. A wall needs at least 1.75 voxels, or its middle is cut away between them.

    Returns
    -------
    Volume
        Float32 mm, positive inside, exact within 3 voxels of the surface.

    Raises
    ------
    MeshError
        The part has open edges, so that inside and outside are not defined.

    Notes
    -----
    Measured on a cap of 107 mm, 133 k faces, at 1 mm: 0.5 s.
    """
    uses = edge_uses(np.asarray(part.faces))[2]
    if open_edges := int(np.count_nonzero(uses % 2)):
        raise MeshError(
            f"expected a closed part, got {open_edges} open edges, so that inside and outside are undefined: "
            "repair it first"
        )
    grid = Grid.around(*part.bounds, spacing_mm=spacing_mm, margin_voxels=_BAND + 0.5)
    inside = occupancy(part, grid)
    band = dilated_box(inside, _BAND) & dilated_box(~inside, _BAND)
    distance = np.full(grid.shape, (_BAND + 1) * spacing_mm, np.float32)
    distance[band] = distances_mm(grid.to_mm(np.argwhere(band)), part)
    return Volume(np.where(inside, distance, -distance), grid.affine)
