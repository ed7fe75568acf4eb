"""The bodies of a part that has several, and measures of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshimplant.check.check_part import PartCheck
from meshimplant.mesh.bodies import connected_meshes


def bodies_of(implant: trimesh.Trimesh) -> list[trimesh.Trimesh]:
    """Return the separate bodies of a part, the largest first."""
    return sorted(connected_meshes(implant), key=lambda body: -float(body.volume))


def measure_bodies(implant: trimesh.Trimesh, check: PartCheck) -> dict[str, Any]:
    """Return measures of each body, in the order of their files; nothing for a part of one body.

    Parameters
    ----------
    implant : Trimesh
        The part, LPS mm.
    check : PartCheck
        Its check, with thickness and gap at each vertex.

    Returns
    -------
    dict
        Lists ``body_volumes_mm3``, ``body_extents_mm``, ``body_thicknesses_median_mm`` and
        ``body_gaps_p95_mm``; None in them where nothing was measured.
    """
    bodies = bodies_of(implant)
    if len(bodies) == 1:
        return {}
    vertices = cKDTree(np.asarray(implant.vertices))
    rows = [vertices.query(np.asarray(body.vertices))[1] for body in bodies]
    return {
        "body_volumes_mm3": [float(body.volume) for body in bodies],
        "body_extents_mm": [np.ptp(body.vertices, axis=0).tolist() for body in bodies],
        "body_thicknesses_median_mm": [_percentile(check.thickness_mm[each], 50) for each in rows],
        "body_gaps_p95_mm": [_percentile(check.gap_mm[each], 95) for each in rows],
    }


def _percentile(values: NDArray[np.float64], percent: float) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if len(known) else None
