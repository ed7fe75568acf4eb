"""`fixate`: fix a part to the skull with plates, tabs or tangential screws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.errors import InputError, require_type
from meshimplant.implant.features import Feature
from meshimplant.implant.find_free_border import find_free_border
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import OUTER, split_surfaces
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.mesh.convert import join_meshes
from meshimplant.mesh.cut_away import body_count, combine, require_solid
from meshimplant.mesh.rays import RayCaster
from meshimplant.report import Finding, place_of
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.theatre import plates, tabs, tangential
from meshimplant.theatre.border_frame import BorderFrame, PartSurface, measure_frame
from meshimplant.theatre.border_line import BorderLine, border_line
from meshimplant.theatre.fixation_places import (
    FixationPlace,
    LeftOut,
    Suitability,
    judge_places,
    lay_out,
    moved_mm,
    nearby,
    point_count,
)
from meshimplant.theatre.fixture import Fixture, Surroundings
from meshimplant.theatre.screws import LEAST_IN_BONE_MM, TIP_RESERVE_MM, Screw
from meshimplant.voxels.volume import Volume

#: Thinnest wall that is left below a recess, mm, unless the caller knows the material: the least of PEEK.
LEAST_WALL_MM = 2.0
#: A point given by a user may lie this far from the border, mm.
_GIVEN_MM = 10.0
#: After a place has failed, the next one is tried this far away, mm; and the border's line may depart from a
#: parabola by this much, mm, and part and bone from each other's level. No source: our choice.
_NEXT_MM, _STRAIGHT_MM, _STEP_MM = 2.0, 0.5, 1.5
_MAKERS: dict[
    str, tuple[Callable[[int, BorderFrame, Surroundings], Fixture | str], Callable[[float], float]]
] = {
    "plates": (plates.make_plate, plates.bone_needed_mm),
    "tabs": (tabs.make_tab, tabs.bone_needed_mm),
    "tangential": (tangential.make_pocket, tangential.bone_needed_mm),
}


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
    least_wall_mm: float = LEAST_WALL_MM,
    inside_mm: ArrayLike | None = None,
) -> Fixation:
    """Fix a part to the skull.

    Points are laid out evenly along the border, nearly symmetric about its long axis, where the bone beside
    it is wide and thick enough; a place that does not suit is moved, or left out, with its reason. Each
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
    least_wall_mm : float
        Thinnest wall that may be left below a plate; where less would be, the part gets a boss.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part and the skull.

    Returns
    -------
    Fixation

    Raises
    ------
    InputError
        There is no bone around the part, or a given point is far from its border.
    MeshError
        The mesh is not closed, or has no outer or inner surface.
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
    if points_mm is not None:
        _take(points_mm, searches)
    else:
        for number, search in enumerate(searches):
            search.before = sum(len(each.fixtures) for each in searches[:number])
            search.lay_out(spec.count or point_count(search.line))
    return _joined([search.result(body) for search, body in zip(searches, bodies, strict=True)])


def _search(body: trimesh.Trimesh, site: Site, spec: FixationSpec, least_wall_mm: float) -> _Search:
    """Return the search for places of one body."""
    near = Site.around(site, body)
    if near.bone is None:
        raise InputError("expected bone around each body of the part, got one without: fix it by itself")
    surfaces = split_surfaces(body, inside_mm=near.inside_mm)
    outline = OutlineMap.of(body, near, surfaces=surfaces)
    border = find_free_border(body, near, surfaces=surfaces, outline=outline)
    line = border_line(outline, surfaces, border)
    part = PartSurface(RayCaster(body), surfaces.face_labels == OUTER)
    return _Search(line, part, Surroundings(near.bone.distance, spec, least_wall_mm))


def _take(points_mm: ArrayLike, searches: Sequence[_Search]) -> None:
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


class _Search:
    """The search for places that hold, and what was made there."""

    def __init__(self, line: BorderLine, part: PartSurface, around: Surroundings) -> None:
        self.line, self.part, self.around = line, part, around
        self.make, needed = _MAKERS[around.spec.style]
        self.beside_mm = max(needed(around.spec.screw_mm), 5.0)
        self.fixtures: list[Fixture] = []
        self.places: list[FixationPlace] = []
        self.left_out: list[LeftOut] = []
        self.asked, self.before = 0, 0

    def lay_out(self, count: int) -> None:
        """Make `count` fixtures along the border, or as many as hold."""
        suitability = judge_places(
            self.line,
            self.around.bone,
            beside_mm=self.beside_mm,
            least_bone_mm=LEAST_IN_BONE_MM + TIP_RESERVE_MM,
        )
        self.asked = count
        for target in lay_out(self.line, suitability, count):
            self._try(int(target), nearby(self.line, suitability, int(target), count), suitability)

    def take(self, places: list[int]) -> None:
        """Make fixtures at given places of the border, where they hold."""
        self.asked = len(places)
        nothing = Suitability(("",) * len(self.line.points_mm))
        for place in places:
            self._try(place, np.array([place]), nothing)

    def _try(self, target: int, candidates: NDArray[np.int64], suitability: Suitability) -> None:
        """Make a fixture at the first candidate where one holds."""
        reason = suitability.reasons[target]
        failed: list[int] = []
        for place in candidates:
            if any(moved_mm(self.line, int(place), other) < _NEXT_MM for other in failed):
                continue
            made = self._made(int(place))
            if isinstance(made, Fixture):
                self._keep(made, target, int(place), reason)
                return
            failed.append(int(place))
            reason = reason or made
        point = place_of(self.line.points_mm[target])
        self.left_out.append(LeftOut(point, reason or "no suited place is near"))

    def _keep(self, made: Fixture, target: int, place: int, reason: str) -> None:
        moved = moved_mm(self.line, target, place)
        self.fixtures.append(made)
        point = place_of(self.line.points_mm[place])
        self.places.append(FixationPlace(made.features[0].label, point, moved, reason if moved > 0 else ""))

    def _made(self, place: int) -> Fixture | str:
        """Return the fixture at a place of the border, or why none can be there."""
        line = self.line
        frame = measure_frame(
            self.part, self.around.bone, line.points_mm[place], line.outward[place], line.across[place]
        )
        if frame is None:
            return "part or bone has no even surface here"
        if frame.line_rms_mm > _STRAIGHT_MM:
            return f"the border departs from a smooth line by {frame.line_rms_mm:.1f} mm"
        made = self.make(self.before + len(self.fixtures) + 1, frame, self.around)
        if isinstance(made, Fixture) and (near := self._too_near(made)):
            return near
        return made

    def _too_near(self, made: Fixture) -> str:
        """Return which earlier fixture lies in the way; empty if none does."""
        own = made.features[0]
        for other in (fixture.features[0] for fixture in self.fixtures):
            apart = float(np.linalg.norm(np.subtract(own.point_mm, other.point_mm)))
            if apart < (own.diameter_mm + other.diameter_mm) / 2:
                return f"{other.label} is {apart:.0f} mm away"
        return ""

    def result(self, mesh: trimesh.Trimesh) -> Fixation:
        """Return the part with what was made."""
        made = self.fixtures
        fixed = (
            combine(
                mesh,
                add=[body for fixture in made for body in fixture.add],
                remove=[body for fixture in made for body in fixture.remove],
            )
            if made
            else mesh
        )
        screws = tuple(screw for fixture in made for screw in fixture.screws)
        return Fixation(
            mesh=fixed,
            style=self.around.spec.style,
            features=tuple(feature for fixture in made for feature in fixture.features)
            + tuple(map(_feature, screws)),
            screws=screws,
            places=tuple(self.places),
            left_out=tuple(self.left_out),
            plates=tuple(fixture.plate for fixture in made if fixture.plate is not None),
            border_mm=self.line.length_mm,
            proud_mm=max((fixture.proud_mm for fixture in made), default=0.0),
            bosses=sum(fixture.boss_mm > 0 for fixture in made),
            findings=tuple(self._findings()),
        )

    def _findings(self) -> list[Finding]:
        findings = []
        for each in self.left_out:
            message = f"the part is not fixed here: {each.reason}: choose a place by hand, or another style"
            findings.append(Finding("fixation.left_out", "warning", message, location_mm=each.point_mm))
        if len(self.places) < min(3, self.asked) or not self.places:
            message = (
                f"only {len(self.places)} of {self.asked} points hold: the part is not fixed: "
                "use another style, or points of your own"
            )
            findings.append(
                Finding("fixation.few", "warning", message, float(len(self.places)), float(self.asked), None)
            )
        if self.fixtures and self.around.spec.style == "plates":
            depth_mm = plates.PLATE_SIZES[self.around.spec.screw_mm].bone_seat_mm
            message = (
                f"the bone is to be milled {depth_mm:g} mm deep under each plate, or the plates stand proud "
                f"by more than {plates.PROUD_MM:g} mm"
            )
            findings.append(Finding("fixation.seat", "info", message, depth_mm, None, "mm"))
        return findings


def _feature(screw: Screw) -> Feature:
    """Return a screw as a feature."""
    return Feature("screw", screw.label, screw.point_mm, screw.axis, screw.diameter_mm, screw.length_mm)
