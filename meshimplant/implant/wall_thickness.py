"""`measure_thickness`: the thickness of an implant's wall; `find_violations`: where it exceeds a limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.errors import InputError, MeshError, require_type
from meshimplant.implant.surfaces import INNER, OUTER, WALL, Surfaces, split_surfaces
from meshimplant.mesh.areas import vertex_areas, vertex_normals, weighted_percentiles
from meshimplant.mesh.nearest import surface_tree
from meshimplant.mesh.rays import RayCaster
from meshimplant.report import Finding, Severity, place_of
from meshimplant.spec.implant_spec import MATERIALS_MIN_THICKNESS_MM, ImplantSpec
from meshimplant.spec.processes import PROCESSES

#: Walls that an implant can have, mm: no process prints a thinner one.
WALL_RANGE_MM = (0.3, 30.0)
#: A place may depart from a limit by this before it counts as too thin or too thick, mm: the scatter of the
#: measurement itself.
SCATTER_MM = 0.1
#: Edge of the cells that group places outside a limit into regions, mm.
_CELL_MM = 3.0


#: Accepted deviation of the median thickness from the prescription, mm.
THICKNESS_MEDIAN_TOLERANCE_MM = 0.1


@dataclass(frozen=True, eq=False)
class ThicknessMap:
    """The wall thickness of an implant, vertex by vertex.

    Attributes
    ----------
    thickness_mm : (n,) array
        Perpendicular distance from each vertex of the outer and inner surface to the opposite one; nan on the
        border wall and where only the border lies opposite.
    border_mm : (n,) array
        Distance of each vertex from the border wall.
    counted : (n,) array of bool
        The outer vertices that enter the statistics: those farther from the border than `margin_mm`.
    margin_mm : float
        Width of the border zone that is excluded because the wall leans there.
    median_mm, p5_mm, p95_mm, min_mm : float
        Area-weighted statistics over the counted vertices.
    min_location_mm : (3,) tuple
        The thinnest counted place, LPS mm.
    surfaces : Surfaces
        The split into outer, inner and wall.
    """

    thickness_mm: NDArray[np.float64]
    border_mm: NDArray[np.float64]
    counted: NDArray[np.bool_]
    margin_mm: float
    median_mm: float
    p5_mm: float
    p95_mm: float
    min_mm: float
    min_location_mm: tuple[float, float, float]
    surfaces: Surfaces


def measure_thickness(
    mesh: trimesh.Trimesh,
    *,
    inside_mm: ArrayLike | None = None,
    margin_mm: float = 5.0,
    left_out: NDArray[np.bool_] | None = None,
) -> ThicknessMap:
    """Measure an implant's wall thickness at every vertex of its outer and inner surface.

    A ray runs from each vertex along the local outward direction to the opposite surface; its length times
    the cosine of its angle to that surface's normal is the perpendicular distance.

    Parameters
    ----------
    mesh : Trimesh
        A closed implant, LPS mm.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the implant's curvature.
    margin_mm : float
        Vertices this close to the border are excluded from the statistics (halved on small implants until
        some remain).
    left_out : (n,) array of bool, optional
        Vertices at which nothing is measured, such as those of recesses.

    Returns
    -------
    ThicknessMap
        The thickness at each vertex.

    Notes
    -----
    Measured on a 6.00 mm shell of radius 90 mm with 1.5 mm edges: median 6.00, p5-p95 5.99 to 6.01.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    thickness = across(mesh, surfaces)
    if left_out is not None:
        thickness = np.where(left_out, np.nan, thickness)
    vertices = np.asarray(mesh.vertices)
    wall = surfaces.vertex_labels == WALL
    border = np.full(len(vertices), np.inf)
    if wall.any():
        border = surface_tree(vertices[wall]).query(vertices)[0]
    known = (surfaces.vertex_labels == OUTER) & ~np.isnan(thickness)
    if not known.any():
        raise MeshError(
            "expected an implant whose outer surface lies over its inner one, got one where no line "
            "outward meets both: give a point inside the head as `inside_mm`"
        )
    margin = margin_mm
    while not (counted := known & (border > margin)).any():
        margin = margin / 2 if margin > 0.1 else -1.0
    areas = vertex_areas(mesh, faces=surfaces.face_labels == OUTER)[counted]
    p5, median, p95 = weighted_percentiles(thickness[counted], areas, (5, 50, 95))
    thinnest = int(np.flatnonzero(counted)[np.argmin(thickness[counted])])
    place = place_of(vertices[thinnest])
    least = float(thickness[thinnest])
    return ThicknessMap(
        thickness,
        border,
        counted,
        max(margin, 0.0),
        float(median),
        float(p5),
        float(p95),
        least,
        place,
        surfaces,
    )


def least_wall_mm(spec: ImplantSpec) -> float:
    """Return the least thickness that a prescription, its material and its process allow, mm."""
    process = 0.0 if spec.process is None else PROCESSES[spec.process].least_wall_mm
    return max(spec.thickness_min_mm, MATERIALS_MIN_THICKNESS_MM[spec.material], process)


def find_violations(
    mesh: trimesh.Trimesh,
    wall: ThicknessMap,
    *,
    least_mm: float | None = None,
    most_mm: float | None = None,
) -> tuple[Finding, ...]:
    """Return a finding for each region that is thinner or thicker than a limit, the worst first.

    Places less than 3 mm apart belong to one region. A finding holds the worst value, the limit and the
    place; its message adds the area. The border zone that `measure_thickness` excludes is excluded here, too,
    and deviations up to 0.1 mm, the accuracy of the measurement, are accepted.

    Parameters
    ----------
    mesh : Trimesh
        An implant, LPS mm.
    wall : ThicknessMap
        Its thickness, as `measure_thickness` returns it.
    least_mm, most_mm : float, optional
        The limits, each above 0. None: no limit.

    Returns
    -------
    tuple of Finding
        ``thickness.too_thin`` (errors), then ``thickness.too_thick`` (warnings).
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    for limit in (least_mm, most_mm):
        if limit is not None and not 0 < limit < np.inf:
            raise InputError(f"expected limits of the thickness above 0 mm, got {limit!r}")
    if least_mm is not None and most_mm is not None and least_mm > most_mm:
        raise InputError(f"expected a least thickness up to the most, got {least_mm:g} and {most_mm:g} mm")
    thin = _violations(mesh, wall, least_mm, -1, "thickness.too_thin", "error")
    return (*thin, *_violations(mesh, wall, most_mm, 1, "thickness.too_thick", "warning"))


def _violations(
    mesh: trimesh.Trimesh,
    wall: ThicknessMap,
    limit_mm: float | None,
    side: int,
    code: str,
    severity: Severity,
) -> list[Finding]:
    """Return a finding for each region outside a limit: below it (side -1) or above it (side 1)."""
    if limit_mm is None:
        return []
    thickness = np.where(wall.counted, wall.thickness_mm, limit_mm)
    beyond = np.flatnonzero(side * (thickness - limit_mm) > SCATTER_MM)
    areas = vertex_areas(mesh, faces=wall.surfaces.face_labels == OUTER)
    regions = _regions(np.asarray(mesh.vertices)[beyond])
    findings = []
    for number in np.unique(regions):
        region = beyond[regions == number]
        worst = int(region[np.argmax(side * thickness[region])])
        value, place = float(thickness[worst]), place_of(mesh.vertices[worst])
        limit = f"{'at least' if side < 0 else 'at most'} {limit_mm:g} mm"
        area = f"{areas[region].sum():.0f} mm2"
        message = f"expected a wall of {limit}, got {value:.2f} mm in a region of {area}: set the thickness"
        findings.append(Finding(code, severity, message, value, limit_mm, "mm", place))
    return sorted(findings, key=lambda finding: -side * (finding.value or 0.0))


def _regions(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the region number (n,) of points (n, 3): cells that touch, even in a corner, are one region."""
    if not len(points):
        return np.zeros(0, np.int64)
    cell = tuple(np.floor((points - points.min(axis=0)) / _CELL_MM).astype(np.int64).T)
    taken = np.zeros([int(along.max()) + 1 for along in cell], bool)
    taken[cell] = True
    return np.asarray(ndimage.label(taken, np.ones((3, 3, 3)))[0][cell], np.int64)


def across(mesh: trimesh.Trimesh, surfaces: Surfaces) -> NDArray[np.float64]:
    """Return the perpendicular distance (n,) to the opposite surface; nan on and opposite the border wall."""
    rays = RayCaster(mesh)
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    thickness = np.full(len(vertices), np.nan)
    for own, other, side in ((OUTER, INNER, -1), (INNER, OUTER, 1)):
        index = np.flatnonzero(surfaces.vertex_labels == own)
        direction = side * surfaces.outward.at(vertices[index])
        start = vertices[index] + 1e-3 * direction
        distance, face = rays.first(start, direction)
        met = (face >= 0) & (surfaces.face_labels[face] == other)
        normals = vertex_normals(mesh, faces=surfaces.face_labels == other)
        normal = normals[faces[face]].sum(axis=1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        length = (distance + 1e-3) * np.abs(np.einsum("ij,ij->i", normal, direction))
        thickness[index[met]] = length[met]
    return thickness
