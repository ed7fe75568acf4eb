"""`fixate`: fix a part to the skull with plates, tabs or tangential screws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from meshimplant.errors import InputError, require_type
from meshimplant.implant.features import Feature, Hold
from meshimplant.implant.find_free_border import find_free_border
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import OUTER, split_surfaces
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.mesh.convert import join_meshes
from meshimplant.mesh.cut_away import body_count, combine, require_solid
from meshimplant.mesh.rays import RayCaster
from meshimplant.report import Finding
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.theatre.border_frame import PartSurface
from meshimplant.theatre.border_line import border_line
from meshimplant.theatre.fixation_places import FixationPlace, LeftOut, point_count
from meshimplant.theatre.fixation_search import FixationSearch
from meshimplant.theatre.fixture import Surroundings
from meshimplant.theatre.proven_solid import proven_solid
from meshimplant.theatre.screws import Screw
from meshimplant.voxels.volume import Volume

#: Thinnest wall that is left below a recess, mm, unless the caller knows the material: the least of PEEK.
LEAST_WALL_MM = 2.0
#: A point given by a user may lie this far from the border, mm.
_GIVEN_MM = 10.0


@dataclass(frozen=True, eq=False)
class Fixation:
    """A part with its fixation.

    Attributes
    ----------
    mesh : Trimesh
        The part, a solid; the input object itself where nothing could be fixed.
    style : str
        ``plates``, ``tabs`` or ``tangential``.
    features : tuple of Feature
        Recesses, tabs, pockets and screws, for `check_part` and for files.
    screws : tuple of Screw
        The screws.
    places : tuple of FixationPlace
        Where it is fixed, in order along the border.
    left_out : tuple of LeftOut
        Places of the even layout at which nothing holds.
    plates : tuple of Trimesh
        Models of the plates as they lie, LPS mm.
    border_mm : float
        Length of the border.
    proud_mm : float
        How far the highest plate or tab stands proud of the skull.
    bosses : int
        Number of places with a thicker wall.
    findings : tuple of Finding
        ``fixation.left_out`` (warning, for each such place), ``fixation.few`` (warning: the part is not
        fixed), ``fixation.seat`` (info: bone to be milled under the plates).
    """

    mesh: trimesh.Trimesh
    style: str
    features: tuple[Feature, ...]
    screws: tuple[Screw, ...]
    places: tuple[FixationPlace, ...]
    left_out: tuple[LeftOut, ...]
    plates: tuple[trimesh.Trimesh, ...]
    border_mm: float
    proud_mm: float
    bosses: int
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return style, places and screws as plain JSON-ready values."""
        return {
            "style": self.style,
            "places": [place.to_dict() for place in self.places],
            "left_out": [place.to_dict() for place in self.left_out],
            "screws": [screw.to_dict() for screw in self.screws],
        }

    def numbers(self) -> dict[str, Any]:
        """Return what a report records, as plain values."""
        in_bone = [screw.held_mm for screw in self.screws if screw.holds == "bone"]
        return {
            "style": self.style,
            "points": len(self.places),
            "screws": len(self.screws),
            "least_in_bone_mm": min(in_bone, default=None),
            "proud_mm": self.proud_mm,
            "bosses": self.bosses,
            "border_mm": self.border_mm,
        }


def fixate(
    mesh: trimesh.Trimesh,
    skull: Volume | Site,
    *,
    spec: FixationSpec | None = None,
    points_mm: ArrayLike | None = None,
    avoid_mm: ArrayLike | None = None,
    least_wall_mm: float = LEAST_WALL_MM,
    inside_mm: ArrayLike | None = None,
    max_faces: int | None = None,
) -> Fixation:
    """Fix a part to the skull.

    Points are laid out evenly along the border, nearly symmetric about its long axis, where the bone beside
    it is wide and thick enough, and rather where part and bone are thick; where one does not hold, all are
    laid out anew, and what cannot be placed is left out, with its reason. Each
    gets a plate, a tab or a pocket hole, see `FixationSpec`. Bodies are drawn flat and bent onto the outer
    surfaces of part and bone, smoothed over some millimetres.

    Parameters
    ----------
    mesh : Trimesh
        A closed part in its place, LPS mm.
    skull : Volume or Site
        Mask of the defective skull on any grid, or the site.
    spec : FixationSpec, optional
        How to fix; the number of points is that of each body. None: the defaults.
    points_mm : (k, 3) array-like, optional
        Where to fix, LPS mm; the nearest places of the border are taken, and not moved. None: laid out.
    avoid_mm : (k, 3) array-like, optional
        Places from which points that are laid out stay 12 mm away, such as the weakest ones of
        `screen_strength`, LPS mm.
    least_wall_mm : float
        Thinnest wall that may be left below a plate; where less would be, the part gets a boss.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part and the skull.
    max_faces : int, optional
        Largest number of faces of each body, see `simplify`. None: any.

    Returns
    -------
    Fixation

    Raises
    ------
    InputError
        There is no bone around the part, or a given point is far from its border.
    MeshError
        The mesh is not closed, has no outer or inner surface, or the result cannot be made a solid.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    require_type(skull, (Volume, Site), "the skull")
    spec = FixationSpec() if spec is None else spec
    require_solid(mesh)
    site = Site.around(skull, mesh, inside_mm=inside_mm)
    if site.bone is None:
        raise InputError("expected bone around the part, got none: check that both are in one frame (LPS)")
    bodies = connected_meshes(mesh) if body_count(mesh) > 1 else [mesh]
    searches = [_search(body, site, spec, least_wall_mm) for body in bodies]
    avoid = None if avoid_mm is None else np.asarray(avoid_mm, float).reshape(-1, 3)
    if points_mm is not None:
        _take(points_mm, searches)
    else:
        for number, search in enumerate(searches):
            search.before = sum(len(each.fixtures) for each in searches[:number])
            search.lay_out(spec.count or point_count(search.line), avoid)
    return _joined([_result(search, body, max_faces) for search, body in zip(searches, bodies, strict=True)])


def _search(body: trimesh.Trimesh, site: Site, spec: FixationSpec, least_wall_mm: float) -> FixationSearch:
    """Return the search for places of one body."""
    near = Site.around(site, body)
    if near.bone is None:
        raise InputError("expected bone around each body of the part, got one without: fix it by itself")
    surfaces = split_surfaces(body, inside_mm=near.inside_mm)
    outline = OutlineMap.of(body, near, surfaces=surfaces)
    border = find_free_border(body, near, surfaces=surfaces, outline=outline)
    line = border_line(outline, surfaces, border)
    part = PartSurface(RayCaster(body), surfaces.face_labels == OUTER)
    return FixationSearch(line, part, Surroundings(near.bone.distance, near.bone.mask, spec, least_wall_mm))


def _take(points_mm: ArrayLike, searches: Sequence[FixationSearch]) -> None:
    """Make fixtures at the places of the borders that are nearest to given points (k, 3)."""
    points = np.atleast_2d(np.asarray(points_mm, float))
    if points.ndim != 2 or points.shape[1:] != (3,) or not len(points) or not np.isfinite(points).all():
        raise InputError(f"expected points (k, 3) of finite numbers, got shape {points.shape}")
    found = [cKDTree(search.line.points_mm).query(points) for search in searches]
    away = np.stack([distance for distance, _ in found])
    worst = int(np.argmax(away.min(axis=0)))
    if away[:, worst].min() > _GIVEN_MM:
        raise InputError(
            f"expected points within {_GIVEN_MM:g} mm of the part's border, got "
            f"{np.round(points[worst], 1).tolist()}, {away[:, worst].min():.1f} mm off: check frame and unit"
        )
    owner = np.argmin(away, axis=0)
    for number, (search, (_, places)) in enumerate(zip(searches, found, strict=True)):
        search.before = sum(len(each.fixtures) for each in searches[:number])
        search.take([int(place) for place in places[owner == number]])


def _joined(parts: Sequence[Fixation]) -> Fixation:
    """Return the fixation of several bodies as one."""
    if len(parts) == 1:
        return parts[0]
    return Fixation(
        mesh=join_meshes([part.mesh for part in parts]),
        style=parts[0].style,
        features=tuple(feature for part in parts for feature in part.features),
        screws=tuple(screw for part in parts for screw in part.screws),
        places=tuple(place for part in parts for place in part.places),
        left_out=tuple(place for part in parts for place in part.left_out),
        plates=tuple(plate for part in parts for plate in part.plates),
        border_mm=sum(part.border_mm for part in parts),
        proud_mm=max(part.proud_mm for part in parts),
        bosses=sum(part.bosses for part in parts),
        findings=tuple(finding for part in parts for finding in part.findings),
    )


def _result(search: FixationSearch, mesh: trimesh.Trimesh, max_faces: int | None) -> Fixation:
    """Return a body with what was made."""
    made, fixed = search.fixtures, mesh
    if made:
        add = [body for fixture in made for body in fixture.add]
        remove = [body for fixture in made for body in fixture.remove]
        changed = combine(mesh, add=add, remove=remove)
        fixed = proven_solid(changed, mesh, more_holes=None, max_faces=max_faces)
    screws = tuple(screw for fixture in made for screw in fixture.screws)
    at = {place.label: place for place in search.places}
    return Fixation(
        mesh=fixed,
        style=search.around.spec.style,
        features=tuple(feature for fixture in made for feature in fixture.features)
        + tuple(_feature(screw, at[screw.fixation]) for screw in screws),
        screws=screws,
        places=tuple(search.places),
        left_out=tuple(search.left_out),
        plates=tuple(fixture.plate for fixture in made if fixture.plate is not None),
        border_mm=search.line.length_mm,
        proud_mm=max((fixture.proud_mm for fixture in made), default=0.0),
        bosses=sum(fixture.boss_mm > 0 for fixture in made),
        findings=tuple(search.findings()),
    )


def _feature(screw: Screw, place: FixationPlace) -> Feature:
    """Return a screw as a feature."""
    further = place.next_label, place.next_mm
    hold = Hold(screw.fixation, screw.holds, screw.held_mm, screw.tip_to_inner_mm, *further)
    return Feature(
        *("screw", screw.label, screw.point_mm, screw.axis, screw.diameter_mm, screw.length_mm), hold=hold
    )
