"""`measure_insertion`: the insertion path of a part into its defect, as `check_part` reports it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import trimesh
from numpy.typing import ArrayLike

from meshimplant.edit.insertion import Insertion, find_insertion
from meshimplant.implant.site import Site
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.report import Finding


def measure_insertion(
    mesh: trimesh.Trimesh,
    site: Site,
    *,
    directions: Iterable[ArrayLike] = (),
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the deepest penetration on the best straight way, its direction and the undercut area.

    Each body goes its own way: depth is that of the worst, areas add up, and there is one direction for each.
    A body that is free in one of the `directions` (3,) is searched no further.

    Notes
    -----
    Source: measured on four designs of about 100 k faces in 512 x 512 x 240 voxels: 1.5 to 2.2 s on one core,
    0.8 s where a direction is given.
    """
    tried = list(directions)
    ways = [_way_of(body, site, tried) for body in connected_meshes(mesh)]
    axes = [way.direction.tolist() for way in ways]
    measures = {
        "insertion_penetration_mm": max(float(way.penetration_mm.max()) for way in ways),
        "insertion_direction": axes[0] if len(ways) == 1 else axes,
        "insertion_undercut_mm2": sum(way.undercut_mm2 for way in ways),
    }
    return measures, [finding for way in ways for finding in way.findings]


def _way_of(body: trimesh.Trimesh, site: Site, directions: Iterable[ArrayLike]) -> Insertion:
    """Return the first of some directions that is free, or else the best of all."""
    for direction in directions:
        way = find_insertion(body, site, direction=direction)
        if way.free:
            return way
    return find_insertion(body, site)
