"""`FitMap`: an implant in its opening on a map of directions, for coverage, overlap and flushness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from meshimplant.check.plane_fit import FIT_MM, angles_between, fit_planes, measure_curvature
from meshimplant.head.direction_map import DirectionMap, Extent
from meshimplant.head.fill import average_known, fill_from_nearest
from meshimplant.implant.intact_bone import intact_bone
from meshimplant.implant.regional_value import Regional, values_at
from meshimplant.implant.surfaces import INNER, OUTER, Surfaces
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

#: Width of the bone around the implant that is evaluated, mm.
MARGIN_MM = 10.0
#: Bone and implant surfaces are searched this far above and below each other, mm: the largest step that can
#: be measured.
_STEP_REACH_MM = 7.0
#: Distance along the rim between two measured steps, mm.
_RIM_SPACING_MM = 1.5
#: Where bone is thinner than this fraction of the thickest within this distance, mm, its inner side is not
#: inner table but the wall of a defect that was cut obliquely through steep bone.
_TAPER_FRACTION, _TAPER_REACH_MM = 0.7, 8.0
#: Places this near to the free border belong to it, mm.
_FREE_MM = 3.0
#: A gap up to the clearance plus this counts as covered: half a pixel and half a voxel.
_COVER_SLACK_MM = 0.6


@dataclass(frozen=True, eq=False)
class BorderSteps:
    """How the implant's surface continues the skull's at places along the rim.

    Attributes
    ----------
    step_mm : (n,) array
        Heights of the implant's surface above the skull's along the outward direction, mm; positive where the
        implant lies farther out.
    angle_deg : (n,) array
        Angles between the two surfaces, degrees; 0 where one continues the other.
    points_mm : (n, 3) array
        Places, LPS mm.
    outward : (n, 3) array
        Unit directions out of the head there.
    """

    step_mm: NDArray[np.float64]
    angle_deg: NDArray[np.float64]
    points_mm: NDArray[np.float64]
    outward: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FitMap:
    """An implant and the bone around it on a map of directions (`DirectionMap`).

    Steps are not measured near `free_mm` (n, 3), the places of the border that have no bone opposite.
    """

    mesh: trimesh.Trimesh
    surfaces: Surfaces
    bone: Volume
    view: DirectionMap
    free_mm: NDArray[np.float64] | None = None

    @cached_property
    def part(self) -> Extent:
        """The implant on the map."""
        return self.view.extent(self.mesh)

    @cached_property
    def weight(self) -> NDArray[np.float64]:
        """Relative area of each pixel at the implant's surface."""
        radius = fill_from_nearest(self.part.outer_mm, self.part.hit)
        return (radius / self.view.radius_mm) ** 2

    @cached_property
    def _bone(self) -> dict[int, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
        (outer, outside), (inner, inside) = (
            intact_bone(
                self.view, self.bone, self.part, self.surfaces.outward, side=side, reach_mm=_STEP_REACH_MM
            )
            for side in (1, -1)
        )
        walls = _tapering(outer - inner, outside & inside, self.view.spacing_mm)
        return {1: (outer, outside), -1: (inner, inside & ~walls)}

    def sheet(self, side: int) -> NDArray[np.bool_]:
        """Return where the outer (1) or inner (-1) surface of the implant, not its border, is visible."""
        face, label = (self.part.outer_face, OUTER) if side > 0 else (self.part.inner_face, INNER)
        return self.part.hit & (self.surfaces.face_labels[face] == label)

    def over_bone(self, side: int) -> NDArray[np.bool_]:
        """Return where the implant's outer (1) or inner (-1) surface lies over (under) intact bone."""
        surface, intact = self._bone[side]
        sheet = self.sheet(side)
        own = self.part.outer_mm if side > 0 else self.part.inner_mm
        return sheet & intact & (side * (np.where(sheet, own, 0) - surface) > -0.2)

    def opening(self, *, defect: Volume | None = None) -> NDArray[np.bool_]:
        """Return the opening: the projection of the reconstruction, or the directions that meet no bone."""
        shadow = None if defect is None else self._shadow(defect)
        return self._boneless if shadow is None or not shadow.any() else shadow

    @property
    def closed_opening(self) -> NDArray[np.bool_] | None:
        """The directions that meet no bone beside the implant, if bone on the map surrounds them all."""
        inside = np.zeros(self.view.shape, bool)
        inside[1:-1, 1:-1] = True
        open_ended = (self._boneless & ~inside).any()
        return None if open_ended or not self._boneless.any() else self._boneless

    @cached_property
    def bone_thickness_mm(self) -> NDArray[np.float64]:
        """Thickness (n,) of the bone around the implant where both its surfaces are intact, mm."""
        (outer, outer_intact), (inner, inner_intact) = self._bone[1], self._bone[-1]
        around = _dilated(self.part.hit, MARGIN_MM / self.view.spacing_mm) & ~self.part.hit
        both = around & outer_intact & inner_intact & (outer > inner)
        points = self.view.points_at(outer)[both]
        cosine = np.einsum("ij,ij->i", self.view.directions[both], self.surfaces.outward.at(points))
        return (outer - inner)[both] * cosine

    def covered(self, clearance_mm: Regional) -> NDArray[np.bool_]:
        """Return the directions that meet the implant or pass it within the clearance."""
        reach = values_at(clearance_mm, self.view.middle_points) + _COVER_SLACK_MM
        return _dilated(self.part.hit, reach / self.view.spacing_mm)

    def share(self, of: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
        """Return the fraction by area of one region within another; 0 if that is empty."""
        total = float(self.weight[among].sum())
        return float(self.weight[of & among].sum()) / total if total else 0.0

    def middle(self, region: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the place (3,), LPS mm, on the implant's radius that lies deepest inside a region."""
        depth = distance_inside(region, edge_is_outside=True)
        deepest = np.unravel_index(int(np.argmax(depth)), region.shape)
        radius = fill_from_nearest(self.part.outer_mm, self.part.hit)[deepest]
        return self.view.centre_mm + radius * self.view.directions[deepest]

    @cached_property
    def _boneless(self) -> NDArray[np.bool_]:
        low = fill_from_nearest(self.part.inner_mm, self.part.hit)
        high = fill_from_nearest(self.part.outer_mm, self.part.hit)
        bone = np.zeros(self.view.shape, bool)
        for share in np.linspace(0, 1, 40):
            free = ~bone
            radius = (low[free] - _STEP_REACH_MM) * (1 - share) + (high[free] + _STEP_REACH_MM) * share
            points = self.view.centre_mm + self.view.directions[free] * radius[:, None]
            bone[free] = sample(self.bone, points, fill=-1e3) > 0
        pieces = ndimage.label(~bone)[0]
        return np.isin(pieces, np.unique(pieces[self.part.hit & ~bone])) & ~bone

    def _shadow(self, defect: Volume) -> NDArray[np.bool_]:
        """Return where the reconstruction's outer surface is open to the outside: no bone lies over it."""
        pixels, radius = self.view.place(defect.to_mm(np.argwhere(defect.array > 0)))
        pixels = np.rint(pixels).astype(int)
        within = ((pixels >= 0) & (pixels < np.array(self.view.shape))).all(axis=1)
        outermost = np.zeros(self.view.shape)
        np.maximum.at(outermost, tuple(pixels[within].T), radius[within])
        reach = 2 * int(np.ceil(defect.spacing_mm.max() / self.view.spacing_mm)) + 1
        filled = ndimage.grey_closing(np.pad(outermost, reach), (reach, reach))[reach:-reach, reach:-reach]
        shadow = filled > 0
        for height in np.arange(1.0, _STEP_REACH_MM):
            points = self.view.centre_mm + self.view.directions[shadow] * (filled[shadow] + height)[:, None]
            shadow[shadow] = sample(self.bone, points, fill=-1e3) <= 0
        return shadow

    def steps(self, side: int) -> BorderSteps:
        """Measure how flush the outer (1) or inner (-1) surface is with the skull's, along the rim.

        Planes fitted to the implant's surface and to the bone's, within 5 mm of the rim, are extrapolated to
        the middle of the gap. Planes suffice because the curvature is removed: a sphere is flat on the map,
        and the implant's remaining curvature is subtracted from both.
        """
        surface, intact = self._bone[side]
        sheet = ndimage.binary_erosion(self.sheet(side))
        beyond = intact & ~self.part.hit
        own = self.part.outer_mm if side > 0 else self.part.inner_mm
        places = _rim_places(sheet, beyond, self.view.spacing_mm)
        curvature = measure_curvature(self.view, sheet, own, places)
        implant = fit_planes(self.view, sheet, own, places, bend=curvature)
        bone = fit_planes(self.view, ndimage.binary_erosion(beyond), surface, places, bend=curvature)
        step = implant.height_mm - bone.height_mm
        known = np.isfinite(step)
        if not known.any():
            return BorderSteps(np.zeros(0), np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3)))
        radius = self.view.read(fill_from_nearest(own, self.part.hit), places[known].T)
        unit = self.view.directions[tuple(np.rint(places[known]).astype(int).T)]
        points = self.view.centre_mm + unit * radius[:, None]
        outward = self.surfaces.outward.at(points)
        step = step[known] * np.einsum("ij,ij->i", unit, outward)
        angle, kept = angles_between(self.view, places, implant, bone)[known], self._has_bone_opposite(points)
        return BorderSteps(step[kept], angle[kept], points[kept], outward[kept])

    def _has_bone_opposite(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which places (n, 3) on the rim are not on the free border."""
        if self.free_mm is None or not len(self.free_mm):
            return np.ones(len(points), bool)
        return np.asarray(cKDTree(self.free_mm).query(points)[0] > _FREE_MM)


def _rim_places(sheet: NDArray[np.bool_], beyond: NDArray[np.bool_], pixel_mm: float) -> NDArray[np.float64]:
    """Return pixels (n, 2) midway between the implant's edge and the bone nearest to it, subsampled."""
    edge = np.argwhere(sheet & ~ndimage.binary_erosion(sheet))
    bone = np.argwhere(beyond)
    if not len(edge) or not len(bone):
        return np.zeros((0, 2))
    distance, nearest = cKDTree(bone).query(edge)
    close = distance * pixel_mm < FIT_MM[1]
    middle = (edge[close] + bone[nearest[close]]) / 2
    if not len(middle):
        return np.zeros((0, 2))
    cell = np.floor(middle * pixel_mm / _RIM_SPACING_MM).astype(int)
    return middle[np.unique(cell, axis=0, return_index=True)[1]]


def _tapering(
    thickness_mm: NDArray[np.float64], known: NDArray[np.bool_], pixel_mm: float
) -> NDArray[np.bool_]:
    """Return where bone is much thinner than the thickest nearby, because it was cut obliquely."""
    smooth, _ = average_known(thickness_mm, known, 1.0 / pixel_mm)
    reach = int(np.ceil(_TAPER_REACH_MM / pixel_mm))
    disc = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= reach
    full = ndimage.maximum_filter(np.where(known, smooth, 0.0), footprint=disc)
    return known & (thickness_mm < _TAPER_FRACTION * full)


def _dilated(mask: NDArray[np.bool_], pixels: float | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return a region of the map dilated by a distance in pixels."""
    return distance_outside(mask) <= pixels
