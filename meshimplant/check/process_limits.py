"""`process_findings`: what of a part its way of being made cannot make."""

from __future__ import annotations

import numpy as np
import trimesh

from meshimplant.report import Finding, place_of
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.processes import PROCESSES, Process


def process_findings(mesh: trimesh.Trimesh, spec: ImplantSpec) -> list[Finding]:
    """Return what of a part its process cannot make; nothing where the prescription names none.

    Codes, all warnings: ``process.clearance`` (a clearance below the accuracy of the process),
    ``process.radius`` (an edge of a hole that is too sharp for it) and ``process.size`` (a part that is
    shorter or longer than those it is known for). Walls are judged with the others, see `least_wall_mm`.

    Parameters
    ----------
    mesh : Trimesh
        The part, LPS mm.
    spec : ImplantSpec
        Its prescription.
    """
    if spec.process is None:
        return []
    process = PROCESSES[spec.process]
    findings = []
    if spec.clearance_mm < process.least_clearance_mm:
        message = f"The clearance is smaller than {spec.process} is accurate: prescribe a larger one."
        findings.append(
            Finding(
                "process.clearance", "warning", message, spec.clearance_mm, process.least_clearance_mm, "mm"
            )
        )
    holes = spec.perforation
    if holes is not None and holes.edge == "rounded" and holes.edge_mm < process.least_radius_mm:
        message = f"The edges of the holes are rounder after {spec.process} than they are drawn."
        findings.append(
            Finding("process.radius", "warning", message, holes.edge_mm, process.least_radius_mm, "mm")
        )
    return [*findings, *_size_findings(mesh, spec.process, process)]


def _size_findings(mesh: trimesh.Trimesh, way: str, process: Process) -> list[Finding]:
    if process.longest_mm is None:
        return []
    shortest, longest = process.longest_mm
    length_mm = length_of(mesh)
    if shortest <= length_mm <= longest:
        return []
    small = length_mm < shortest
    message = f"The part is {'shorter' if small else 'longer'} than those that are made by {way}: " + (
        "make it in another way." if small else "split it, or make it in another way."
    )
    place = place_of(np.asarray(mesh.bounds, float).mean(axis=0))
    limit = shortest if small else longest
    return [Finding("process.size", "warning", message, length_mm, limit, "mm", place)]


def length_of(mesh: trimesh.Trimesh) -> float:
    """Return the largest distance between two points of a mesh, mm, in whatever direction it runs."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    points = np.asarray(mesh.vertices, float)
    corners = points[ConvexHull(points).vertices]
    # The farthest pair lies among the outermost points of evenly spread directions, to within 0.1 %.
    turn = np.arange(2000) * (np.pi * (3 - np.sqrt(5)))
    height = np.linspace(1, 0, 2000)
    ways = np.column_stack(
        [np.sqrt(1 - height**2) * np.cos(turn), np.sqrt(1 - height**2) * np.sin(turn), height]
    )
    along = corners @ ways.T
    ends = np.unique(np.concatenate([along.argmax(axis=0), along.argmin(axis=0)]))
    return float(pdist(corners[ends]).max())
