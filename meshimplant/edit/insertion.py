"""`find_insertion`, `make_insertable`: a part's straight path into its defect; removing what blocks it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.errors import InputError, require_type
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import OUTER, WALL, split_surfaces
from meshimplant.implant.sweep import EDGE_MM, closely_sampled, depths, sweep
from meshimplant.line.extract import extract
from meshimplant.mesh.areas import face_normals_and_areas, vertex_areas
from meshimplant.mesh.cut_away import Cut, cut_away, require_solid
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.report import Finding, place_of
from meshimplant.voxels.occupancy import dilated_box, occupancy
from meshimplant.voxels.volume import Volume

#: Length of the path out of the head that is tested, and step along it, mm.
TRAVEL_MM, STEP_MM = 20.0, 0.5
#: Bone farther than this from the part cannot block it, mm.
_MARGIN_MM = TRAVEL_MM + 2
#: Depth in bone that still counts as free, mm: below the resolution of scanners and printers.
FREE_MM = 0.05
#: Directions farther than this from the implant's mean normal are not tried: they are out of a surgeon's
#: reach.
_WIDEST_DEG = 45.0
#: Spacing of the first and of the last directions tried, and radius of another search around the best so far,
#: degrees.
_COARSE_DEG, _FINE_DEG, _AGAIN_DEG = 5.0, 1.0, 10.0
#: Weight of walls that oppose a direction against those that do not: the exponent's factor.
_SHARPNESS = 8.0
#: Number of border points that rank the directions, and how often the search is repeated with the points that
#: penetrate deepest along the best path.
_PROBES, _ROUNDS = 1500, 3
#: Distance from bone kept along the path when a part is cut free, mm: the accuracy of the cut. The next one
#: is tried where the part still penetrates bone, which with voxels of 2 mm it may by 0.13 mm.
_ROOMS_MM = (0.1, 0.2, 0.4)


@dataclass(frozen=True, eq=False)
class Insertion:
    """A straight path for a part.

    Attributes
    ----------
    direction : (3,) array
        Unit vector, LPS, along which the part leaves the head; it is inserted the opposite way.
    travel_mm, penetration_mm : (n,) arrays
        Distances moved outward, and the depth of the part in bone at each.
    undercut_mm2 : float
        Area of the part's surface that penetrates bone along the path.
    findings : tuple of Finding
        ``insertion.blocked`` with its place, if the path is blocked.
    """

    direction: NDArray[np.float64]
    travel_mm: NDArray[np.float64]
    penetration_mm: NDArray[np.float64]
    undercut_mm2: float
    findings: tuple[Finding, ...]

    @property
    def free(self) -> bool:
        """True when the part moves along the whole path without penetrating bone."""
        return not self.findings


def find_insertion(
    mesh: trimesh.Trimesh,
    skull: Volume | Site,
    *,
    direction: ArrayLike | None = None,
    inside_mm: ArrayLike | None = None,
) -> Insertion:
    """Find the best straight direction of insertion, and move the part along it.

    Directions within 45 degrees of the implant's mean normal are tried. The one with the least penetration is
    chosen; ties are decided by the sum over the border of area times exp(8 cos), where the angle is that
    between direction and wall normal. The whole surface is then moved outward by 20 mm in steps of 0.5 mm,
    and its depth in bone is read from the skull's signed distance. A sample of border points ranks the
    directions; if other points penetrate bone along the best path, they are added to the sample and the
    search is repeated.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm.
    skull : Volume or Site
        Mask of the defective skull, or the site.
    direction : (3,) array-like, optional
        A direction out of the head to test. None: search for the best one.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part and the skull.

    Returns
    -------
    Insertion
        A straight path for the part, and what blocks it.

    Notes
    -----
    Measured on shafts slanted by 0 to 30 degrees: within 2 degrees of their axis
    (tests/edit/test_insertion.py).
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    require_type(skull, (Volume, Site), "the skull")
    site = Site.around(skull, mesh, inside_mm=inside_mm, margin_mm=_MARGIN_MM)
    bone = None if site.bone is None else site.bone.distance
    travel = np.arange(0, TRAVEL_MM + STEP_MM / 2, STEP_MM)
    surface = closely_sampled(mesh)
    points = np.asarray(surface.vertices)
    if direction is not None:
        axis = _checked_direction(direction)
        penetration, deepest = sweep(bone, points, axis, travel)
    else:
        axis, penetration, deepest = _best_path(_Search(mesh, bone, site.inside_mm), points, travel)
    blocked = deepest > FREE_MM
    undercut = float(vertex_areas(surface)[blocked].sum())
    findings = () if not blocked.any() else (_blocked(points, deepest, undercut),)
    return Insertion(axis, travel, penetration, undercut, findings)


def _best_path(
    search: _Search, points: NDArray[np.float64], travel: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the best direction (3,), and the depths along it as `sweep` returns them."""
    axis = search.first()
    penetration, deepest = sweep(search.bone, points, axis, travel)
    for _ in range(_ROUNDS):
        if deepest.max(initial=-np.inf) <= FREE_MM:
            break
        tried = search.again(axis, points[np.argsort(-deepest, kind="stable")[:_PROBES]])
        again = sweep(search.bone, points, tried, travel)
        if again[1].max() >= deepest.max():
            break
        axis, (penetration, deepest) = tried, again
    return axis, penetration, deepest


def make_insertable(
    mesh: trimesh.Trimesh,
    skull: Volume | Site,
    *,
    direction: ArrayLike | None = None,
    inside_mm: ArrayLike | None = None,
) -> Cut:
    """Remove from a part what would penetrate bone on its straight path out.

    Parameters
    ----------
    mesh : Trimesh
        A solid, LPS mm.
    skull : Volume or Site
        Mask of the bone, or the site of the part.
    direction : (3,) array-like, optional
        The path out of the head. None: the best one.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm.

    Returns
    -------
    Cut
        The part, its fragments and the volume removed; the same mesh where the path is free.

    Raises
    ------
    MeshError
        The mesh is not a solid, or nothing of it could leave along this path.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    require_type(skull, (Volume, Site), "the skull")
    require_solid(mesh)
    site = Site.around(skull, mesh, inside_mm=inside_mm, margin_mm=_MARGIN_MM)
    path = find_insertion(mesh, site, direction=direction)
    if path.free or site.bone is None:
        return Cut(mesh.copy(), (), 0.0)
    box, bone = site.bone.mask, site.bone.distance
    travel = np.arange(0, TRAVEL_MM + STEP_MM / 4, STEP_MM / 2)
    near = np.argwhere(dilated_box(occupancy(mesh, box), 3))
    near = near[_in_line_with_contact(bone, mesh, path.direction, travel, box.to_mm(near))]
    swept = np.full(box.shape, -1.0, np.float32)
    swept[tuple(near.T)] = sweep(bone, box.to_mm(near), path.direction, travel)[1]
    for room in _ROOMS_MM:
        cut = cut_away(mesh, extract(box.with_array(swept + np.float32(room)), level=0))
        left = np.asarray(closely_sampled(cut.mesh).vertices)
        if sweep(bone, left, path.direction, travel)[0].max() <= FREE_MM:
            break
    return cut


def _in_line_with_contact(
    bone: Volume,
    mesh: trimesh.Trimesh,
    axis: NDArray[np.float64],
    travel: NDArray[np.float64],
    points: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Select points (n, 3) in line with parts of the surface that pass close to bone along the path."""
    surface = np.asarray(closely_sampled(mesh).vertices)
    reach = 2 * float(bone.spacing_mm.max())
    seeds = surface[sweep(bone, surface, axis, travel)[1] > -_ROOMS_MM[-1] - reach]
    across = np.linalg.svd(axis[None])[2][1:].T
    distance = cKDTree(seeds @ across).query(points @ across, distance_upper_bound=EDGE_MM + reach)[0]
    return np.asarray(np.isfinite(distance))


class _Search:
    """Search for the best direction on a coarse grid, then on finer grids around the best so far."""

    def __init__(self, mesh: trimesh.Trimesh, bone: Volume | None, centre: NDArray[np.float64]) -> None:
        surfaces = split_surfaces(mesh, inside_mm=centre)
        normals, areas = face_normals_and_areas(mesh)
        wall = surfaces.face_labels == WALL
        self.bone = bone
        self.axis = _checked_direction((normals * areas[:, None])[surfaces.face_labels == OUTER].sum(axis=0))
        self.normals, self.areas = normals[wall], areas[wall]
        probes = np.asarray(mesh.vertices)[surfaces.vertex_labels == WALL]
        self.probes = probes[:: max(1, len(probes) // _PROBES)]

    def first(self) -> NDArray[np.float64]:
        """Return the best direction (3,); the implant's mean normal where there is no bone or no border."""
        return self._best(self.axis, ((_COARSE_DEG, _WIDEST_DEG), (2.0, _COARSE_DEG), (_FINE_DEG, 2.0)), 1.0)

    def again(self, best: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add points (n, 3) to the sample, and search around the best direction (3,) with all steps."""
        self.probes = np.concatenate([self.probes, points])
        return self._best(best, ((2.0, _AGAIN_DEG), (_FINE_DEG, 2.0)), STEP_MM)

    def _best(
        self, best: NDArray[np.float64], grids: tuple[tuple[float, float], ...], step_mm: float
    ) -> NDArray[np.float64]:
        if self.bone is None or not len(self.areas):
            return self.axis
        widest_cosine = np.cos(np.radians(_WIDEST_DEG)) - 1e-9
        travel = np.arange(0, TRAVEL_MM + step_mm / 2, step_mm)
        for spacing, widest in grids:
            tried = [e for e in _around(best, spacing, widest) if e @ self.axis > widest_cosine]
            against = np.exp(_SHARPNESS * (self.normals @ np.array(tried).T)).T @ self.areas
            ordered = [tried[n] for n in np.argsort(against, kind="stable")]
            best = _best_of(ordered, self.bone, self.probes, travel)
        return best


def _around(axis: NDArray[np.float64], spacing_deg: float, widest_deg: float) -> list[NDArray[np.float64]]:
    """Return unit vectors within an angle of an axis, in rings; the axis is the first."""
    right = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    right /= np.linalg.norm(right)
    up = np.cross(axis, right)
    found = [axis]
    for tilt in np.radians(np.arange(spacing_deg, widest_deg + spacing_deg / 2, spacing_deg)):
        count = max(6, round(2 * np.pi * np.sin(tilt) / np.radians(spacing_deg)))
        for turn in np.arange(count) * 2 * np.pi / count:
            sideways = np.cos(turn) * right + np.sin(turn) * up
            found.append(np.cos(tilt) * axis + np.sin(tilt) * sideways)
    return found


def _best_of(
    directions: list[NDArray[np.float64]],
    bone: Volume,
    points: NDArray[np.float64],
    travel: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the direction in which points reach least deep into bone, by multiples of the tolerance.

    Of equal ones it is the first: a free one ends the search. A direction is abandoned as soon as it is worse
    than the best so far.
    """
    best, least = directions[0], np.inf
    for direction in directions:
        rank = 0.0
        for depth in depths(bone, points, direction, travel):
            rank = max(rank, np.ceil((float(depth.max()) - FREE_MM) / FREE_MM))
            if rank >= least:
                break
        else:
            best, least = direction, rank
            if least == 0:
                break
    return best


def _blocked(points: NDArray[np.float64], deepest: NDArray[np.float64], undercut_mm2: float) -> Finding:
    worst = int(np.argmax(deepest))
    message = (
        f"the part cannot leave the defect along a straight line: {undercut_mm2:.0f} mm2 of its surface "
        f"would penetrate bone by up to {deepest[worst]:.2f} mm: make it insertable, or use another direction"
    )
    depth, place = float(deepest[worst]), place_of(points[worst])
    return Finding("insertion.blocked", "warning", message, depth, FREE_MM, "mm", place)


def _checked_direction(direction: ArrayLike) -> NDArray[np.float64]:
    vector = np.asarray(direction, float)
    length = float(np.linalg.norm(vector)) if vector.shape == (3,) else 0.0
    if not np.isfinite(length) or length == 0:
        raise InputError(f"expected a direction of three finite numbers, not all 0, got {vector.tolist()}")
    return unit_vectors(vector)
