"""What holds a part: its seat on bone, and what becomes of its fit if it is placed a little off."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.check.fit_map import FitMap
from meshimplant.check.gap import border_areas
from meshimplant.check.placement import measure_placement
from meshimplant.check.seat import measure_seat
from meshimplant.implant.surfaces import OUTER, WALL
from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.report import Finding
from meshimplant.voxels.fields import sample


def measure_hold(
    mesh: trimesh.Trimesh, rim: FitMap, *, left_out: NDArray[np.bool_] | None = None
) -> tuple[dict[str, Any], list[Finding]]:
    """Return `measure_seat` and `measure_placement` of a part of one body, and their findings.

    The part is pushed in against the mean normal of its outer surface: of several straight paths that are
    free, any may be found, and the numbers must not depend on which.

    Parameters
    ----------
    mesh : Trimesh
        A closed part of one body in its place, LPS mm.
    rim : FitMap
        The part and the bone around it.
    left_out : (n,) array of bool, optional
        Vertices that are no border, such as those of recesses.

    Returns
    -------
    measures : dict
    findings : list of Finding
        ``fit.seat`` and ``placement.inward``, both warnings.
    """
    normals, face_areas = face_normals_and_areas(mesh)
    outer = rim.surfaces.face_labels == OUTER
    axis = unit_vectors((normals[outer] * face_areas[outer, None]).sum(axis=0))
    distance = -sample(rim.bone, mesh.vertices, fill=-1e3)
    areas = border_areas(mesh, distance, rim.surfaces.face_labels == WALL)
    border = areas > 0 if left_out is None else (areas > 0) & ~left_out
    seat, unsupported = measure_seat(mesh, rim.surfaces, rim.bone, axis, left_out=left_out)
    placement, inward = measure_placement(
        np.asarray(mesh.vertices)[border],
        areas[border],
        rim.bone,
        outer=rim.steps(1),
        inner=rim.steps(-1),
        direction=axis,
    )
    return seat | placement, [*unsupported, *inward]
