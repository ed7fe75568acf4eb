"""`prove_mould`: that the cavity of a mould is the part, and that its pieces come off it and each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.manufacture.casting import Bores, Casting
from meshimplant.manufacture.release import collision
from meshimplant.mesh.areas import enclosed_mm3, face_normals_and_areas, weighted_percentiles
from meshimplant.mesh.convert import from_manifold, join_meshes
from meshimplant.mesh.deviation import distances_mm
from meshimplant.report import Finding, place_of
from meshimplant.spec.mould_spec import MouldSpec

#: Largest distance between the cavity and the part, mm (99th percentile of its area), and area that may meet
#: as pieces come off, mm2: single faces of a border line.
CAVITY_MM, _MEETING_MM2 = 0.05, 0.5
#: Openings of channel and vents are left out with this margin, mm.
_MARGIN_MM = 0.3

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Proof:
    """What was measured of a mould, and what follows."""

    measures: dict[str, Any]
    findings: tuple[Finding, ...]


def prove_mould(casting: Casting, pieces: dict[str, trimesh.Trimesh], bores: Bores, spec: MouldSpec) -> Proof:
    """Measure the cavity of a mould, its walls, and how its pieces come off.

    `pieces` are those of the mould by the name of their file, in its frame; `bores` what goes through them.
    """
    cast = casting.solid
    for body in bores.bodies:
        cast += body
    deviation = _deviation(casting, pieces, bores)
    cement = from_manifold(cast)
    measures = {"mould_cement_mm3": enclosed_mm3(cement), **deviation}
    if spec.kind == "positive":
        return Proof(measures, tuple(_cavity_findings(measures)))
    wall, thin = _least_wall(casting, pieces)
    met, place = 0.0, None
    for moving, standing, up in _ways(pieces, cement):
        found = collision(moving, standing, np.array([0.0, 0.0, up]))
        met += found.area_mm2
        place = found.place_mm if place is None else place
    measures |= {"mould_wall_min_mm": wall, "mould_collision_mm2": met}
    findings = _cavity_findings(measures)
    if met > _MEETING_MM2 and place is not None:
        message = (
            f"{met:.1f} mm2 meet as the pieces are moved apart: choose another direction, bevel the border, "
            "or make the positive for a silicone mould"
        )
        at = place_of(casting.frame.out_of(place[None])[0])
        findings.append(Finding("mould.collision", "error", message, met, _MEETING_MM2, "mm2", at))
    if wall < spec.wall_mm - 0.05:
        message = f"a wall of the mould is {wall:.1f} mm thick: ask for a thicker one"
        at = place_of(casting.frame.out_of(thin[None])[0])
        findings.append(Finding("mould.wall", "warning", message, wall, spec.wall_mm, "mm", at))
    return Proof(measures, tuple(findings))


def _ways(
    pieces: dict[str, trimesh.Trimesh], cement: trimesh.Trimesh
) -> Iterator[tuple[trimesh.Trimesh, trimesh.Trimesh, float]]:
    """Yield the pieces in the order in which they are taken off, what they leave, and up (1) or down (-1)."""
    outer = pieces["mould-outer"]
    names = ["mould-inner", "mould-ring"] if "mould-ring" in pieces else ["mould-inner"]
    for number, name in enumerate(names):
        for left in (cement, outer, *(pieces[later] for later in names[number + 1 :])):
            yield pieces[name], left, 1.0
    yield outer, cement, -1.0


def _deviation(casting: Casting, pieces: dict[str, trimesh.Trimesh], bores: Bores) -> dict[str, Any]:
    """Return the distances from the faces of the part to the pieces, without the openings of bores."""
    middles = np.asarray(casting.mesh.triangles_center)
    areas = face_normals_and_areas(casting.mesh)[1]
    beside = np.linalg.norm(middles[:, None, :2] - bores.places, axis=2) - bores.reach_mm
    closed = (beside > _MARGIN_MM).all(axis=1)
    away = distances_mm(middles[closed], join_meshes(list(pieces.values())))
    p99 = float(weighted_percentiles(away, areas[closed], [99.0])[0])
    return {"mould_deviation_p99_mm": p99, "mould_deviation_max_mm": float(away.max())}


def _cavity_findings(measures: dict[str, Any]) -> list[Finding]:
    value = measures["mould_deviation_p99_mm"]
    if value <= CAVITY_MM:
        return []
    message = f"the cavity is up to {value:.2f} mm away from the part: repair or smooth the part first"
    return [Finding("mould.cavity", "error", message, value, CAVITY_MM, "mm")]


def _least_wall(casting: Casting, pieces: dict[str, trimesh.Trimesh]) -> tuple[float, Floats]:
    """Return the least distance from the cavity to the outside of a mould, and the place."""
    points = np.asarray(casting.mesh.vertices)
    away = distances_mm(points, join_meshes(list(pieces.values())).convex_hull)
    least = int(np.argmin(away))
    return float(away[least]), points[least]
