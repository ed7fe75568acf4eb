"""Thin places near a part's border, where the statistics of its thickness do not reach, and a thin border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshimplant.head.direction_map import DirectionMap, Extent
from meshimplant.implant.features import Feature, near_features
from meshimplant.implant.regional_value import Regional, values_at
from meshimplant.implant.surfaces import Surfaces
from meshimplant.implant.wall_thickness import SCATTER_MM, ThicknessMap, least_wall_mm
from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.mesh.cut_away import face_pieces
from meshimplant.report import Finding, place_of
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.distance import distance_inside

#: A border's wall lower than this on 5 % of its length breaks when it is handled, mm.
BORDER_HEIGHT_MM = 1.0
#: Faces within 45 degrees of the local outward direction are surface, not border.
_SURFACE_COSINE = 0.7
#: Width of the zone along the border that is searched, from its edge, and of its rings, mm.
_ZONE_MM, _RING_MM = (0.8, 7.0), 0.6
#: A place is thin if it has less than this fraction of the wall at the same depth nearby (median of so many
#: pixels of its ring) and of its distance from the edge (a border that leans by 60 degrees leaves more), or
#: a still smaller fraction of its distance, whatever lies beside it.
_CONTRAST, _NEIGHBOURS, _LEAN, _WEDGE = 0.6, 61, 0.5, 0.3
#: A prescribed bevel leaves less; from this angle on, degrees, no place near the border counts as thin.
_BEVEL_DEG = 30.0
#: A feature is left out with this much around it, and with the wall below it, mm.
_AROUND_MM, _WALL_MM = 1.0, 10.0
#: Vertices this close to the edge belong to it, mm.
_EDGE_MM = 2.5
#: Pieces of a surface smaller than this fraction of its largest one are not part of it.
_ISLAND_FRACTION = 0.02


def measure_thin_border(
    mesh: trimesh.Trimesh,
    wall: ThicknessMap,
    centre_mm: NDArray[np.float64],
    spec: ImplantSpec,
    *,
    features: Sequence[Feature] = (),
    bevel_deg: Regional | None = None,
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the thinnest wall near the border, and how high the border's own wall is.

    The wall is measured along directions from `centre_mm` (3,), across the surface, from 0.8 mm off the edge
    on. A prescribed bevel, `bevel_deg` by place if it is not that of `spec` everywhere, leaves less. A border
    that leans is thin at its edge everywhere; what counts is a place that is thinner than the
    border beside it, or than any bevel leaves. `thickness_near_border_min_mm` is the thinnest such place;
    None where there is none; `features` that were asked for are left out. `border_height_p5_mm` is exceeded
    on 95 % of the border's length.
    """
    margin = max(wall.margin_mm, _RING_MM)
    view = DirectionMap.around_points(mesh.vertices, centre_mm, spacing_mm=0.5)
    part = view.extent(mesh)
    depth = np.asarray(distance_inside(part.hit, view.spacing_mm, edge_is_outside=True), float)
    seen = np.where(_at_features(view, part, features), 0.0, depth) if features else depth
    leaning = spec.bevel_deg if bevel_deg is None else bevel_deg
    thin = _thinnest(view, part, seen, wall.surfaces, spec, margin, leaning)
    measures: dict[str, Any] = {"thickness_near_border_min_mm": None if thin is None else thin[0]}
    findings = []
    if thin is not None:
        least = least_wall_mm(spec)
        message = (
            f"expected a wall of at least {least:g} mm, got {thin[0]:.2f} mm near the border, thinner than "
            "beside it: set the thickness"
        )
        findings.append(
            Finding("thickness.too_thin", "error", message, thin[0], least, "mm", place_of(thin[1]))
        )
    height, place = _border_height(mesh, wall.surfaces, view, depth, features)
    measures["border_height_p5_mm"] = height
    if height is not None and height < BORDER_HEIGHT_MM:
        message = (
            f"the border is {height:.2f} mm high on 5 % of its length or more, and so thin it breaks: set a "
            "larger thickness there"
        )
        found = Finding(
            "thickness.border", "warning", message, height, BORDER_HEIGHT_MM, "mm", place_of(place)
        )
        findings.append(found)
    return measures, findings


def _at_features(view: DirectionMap, part: Extent, features: Sequence[Feature]) -> NDArray[np.bool_]:
    """Return which pixels of a part lie at features."""
    near = np.zeros(part.hit.shape, bool)
    through = [replace(each, length_mm=each.length_mm + _WALL_MM) for each in features]
    for radius in (part.outer_mm, part.inner_mm):
        near[part.hit] |= near_features(view.points_at(radius)[part.hit], through, margin_mm=_AROUND_MM)
    return near


def _thinnest(
    view: DirectionMap,
    part: Extent,
    depth: NDArray[np.float64],
    surfaces: Surfaces,
    spec: ImplantSpec,
    margin_mm: float,
    bevel_deg: Regional,
) -> tuple[float, NDArray[np.float64]] | None:
    """Return value and place of the thinnest wall in the zone along the border; None where none is thin."""
    inner_mm, outer_mm = part.inner_mm, part.outer_mm
    low, high = _ZONE_MM[0], max(_ZONE_MM[1], margin_mm + 1)
    zone = np.argwhere(np.isfinite(outer_mm) & (depth >= low) & (depth <= high))
    if not len(zone):
        return None
    at = tuple(zone.T)
    unit = view.directions[at]
    points = view.centre_mm + unit * outer_mm[at][:, None]
    cosine = np.abs(np.einsum("ij,ij->i", unit, surfaces.outward.at(points)))
    through = np.asarray((outer_mm - inner_mm)[at] * cosine, np.float64)
    usual = _usual(np.asarray(zone * view.spacing_mm, np.float64), depth[at], through)
    upright = np.maximum(1 - values_at(bevel_deg, points) / _BEVEL_DEG, 0.0)
    wedge = through / depth[at]
    thin = ((through < _CONTRAST * usual) & (wedge < _LEAN * upright)) | (wedge < _WEDGE * upright)
    thin &= through < least_wall_mm(spec) - SCATTER_MM
    if not thin.any():
        return None
    worst = int(np.argmin(np.where(thin, through, np.inf)))
    return float(through[worst]), points[worst]


def _usual(
    places: NDArray[np.float64], depth: NDArray[np.float64], through: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the median wall (n,) at the same depth around each place (n, 2), mm."""
    usual = np.full(len(places), np.inf)
    ring = np.floor(depth / _RING_MM).astype(int)
    for number in np.unique(ring):
        index = np.flatnonzero(ring == number)
        count = min(_NEIGHBOURS, len(index))
        near = cKDTree(places[index]).query(places[index], count)[1].reshape(len(index), count)
        usual[index] = np.median(through[index][near], axis=1)
    return usual


def _border_height(
    mesh: trimesh.Trimesh,
    surfaces: Surfaces,
    view: DirectionMap,
    depth: NDArray[np.float64],
    features: Sequence[Feature],
) -> tuple[float | None, NDArray[np.float64]]:
    """Return the 5th percentile of the wall's height along the border, and the place of the lowest wall."""
    faces, vertices = np.asarray(mesh.faces), np.asarray(mesh.vertices)
    normals, areas = face_normals_and_areas(mesh)
    cosine = np.einsum("ij,ij->i", normals, surfaces.outward.at(mesh.triangles_center))
    upper, lower = (
        _edge_vertices(faces, _without_islands(faces, areas, side * cosine > _SURFACE_COSINE), len(vertices))
        for side in (1, -1)
    )
    if features:
        upper, lower = (
            edge[~near_features(vertices[edge], features, margin_mm=_AROUND_MM)] for edge in (upper, lower)
        )
    nodes, _ = view.place(vertices[upper])
    upper = upper[view.read(depth, nodes.T) < _EDGE_MM]
    if not len(upper) or not len(lower):
        return None, vertices[:1].mean(axis=0)
    height = cKDTree(vertices[lower]).query(vertices[upper])[0]
    near = cKDTree(vertices[upper]).query_ball_point(vertices[upper], 2.0)
    smooth = np.array([np.median(height[index]) for index in near])
    return float(np.percentile(smooth, 5)), vertices[upper[int(np.argmin(smooth))]]


def _without_islands(
    faces: NDArray[np.int64], areas: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return chosen faces (m,) without small pieces, such as single faces of a rounded or rough border."""
    if not chosen.any():
        return chosen
    piece = face_pieces(faces[chosen], int(faces.max()) + 1)
    area = np.bincount(piece, areas[chosen])
    kept = chosen.copy()
    kept[chosen] = (area >= _ISLAND_FRACTION * area.max())[piece]
    return kept


def _edge_vertices(faces: NDArray[np.int64], chosen: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Return the vertices that belong both to chosen faces and to others."""
    inside, outside = np.zeros(count, bool), np.zeros(count, bool)
    inside[faces[chosen]], outside[faces[~chosen]] = True, True
    return np.flatnonzero(inside & outside)
