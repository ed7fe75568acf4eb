"""`OutlineMap`: the outline of a part and the bone beside it on a map of directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from meshimplant.head.direction_map import DirectionMap, Extent
from meshimplant.head.fill import average_known, fill_from_nearest
from meshimplant.implant.map_regions import grown, shrunk
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import OUTER, OutwardField, Surfaces, split_surfaces
from meshimplant.mesh.areas import vertex_areas
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.voxels.fields import sample

#: Distance between the nodes of the map, and width of the map around the part, mm: an opening by a disc of 4
#: mm must find the bone beside the part.
SPACING_MM, MARGIN_MM = 0.5, 12.0
#: Holes in a part up to this across are holes in it, such as those for drainage, and no border, mm.
_HOLE_MM = 12.0
#: Bone lies beside the part where it lies at the height of its wall, or this much above or below it, mm: bone
#: and part need not curve alike beyond the part. The wall is as thick as this far inside the outline, mm,
#: because the border may lean.
_BESIDE_MM, _INSIDE_MM = 1.5, 4.0
_HEIGHTS = np.linspace(0, 1, 12)
#: The outer surface's direction is compared with that this far inside, mm; both are averaged, mm.
_CORE_MM, _NEAR_MM, _FAR_MM = 12.0, 1.5, 3.0
#: Pull of the point inside the head on the map's centre, for parts so flat that their normals do not meet.
_TOWARDS_INSIDE = 0.02


@dataclass(frozen=True, eq=False)
class OutlineMap:
    """A part seen from inside the head: where it is, and where bone continues it.

    Attributes
    ----------
    view : DirectionMap
        The map.
    part : Extent
        The part on it.
    body : (rows, columns) array of bool
        Directions that meet the part; small holes in it are filled.
    bone : (rows, columns) array of bool
        Directions beside the part that meet bone at the height of its wall.
    outward : OutwardField
        The part's local outward direction.
    """

    view: DirectionMap
    part: Extent
    body: NDArray[np.bool_]
    bone: NDArray[np.bool_]
    outward: OutwardField

    @classmethod
    def of(
        cls,
        mesh: trimesh.Trimesh,
        site: Site,
        *,
        surfaces: Surfaces | None = None,
        margin_mm: float = MARGIN_MM,
    ) -> OutlineMap:
        """Return the map of a closed part in its site; `surfaces` is the split of the mesh, if known."""
        split = split_surfaces(mesh, inside_mm=site.inside_mm) if surfaces is None else surfaces
        centre = _middle_of_curvature(mesh, split, site.inside_mm)
        view = DirectionMap.around_points(mesh.vertices, centre, spacing_mm=SPACING_MM, margin_mm=margin_mm)
        part = view.extent(mesh)
        body = part.hit | _small(ndimage.binary_fill_holes(part.hit) & ~part.hit)
        return cls(view, part, body, _bone_beside(view, part, body, site), split.outward)

    @cached_property
    def radius_mm(self) -> NDArray[np.float64]:
        """Distance of the part's outer surface from the centre, continued beyond the part."""
        return fill_from_nearest(self.part.outer_mm, self.part.hit)

    @cached_property
    def outline_mm(self) -> NDArray[np.float64]:
        """Length of the part's outline within each pixel, mm: the slope of its slightly blurred region."""
        slope = ndimage.gaussian_gradient_magnitude(self.body.astype(float), 1.0, mode="nearest")
        return (
            np.where(slope > 1e-3, slope, 0.0) * self.view.spacing_mm * self.radius_mm / self.view.radius_mm
        )

    @cached_property
    def wall_mm(self) -> NDArray[np.float64]:
        """Thickness across the wall at each pixel, mm; beside the part that of the nearest pixel."""
        hit = self.part.hit
        points = self.view.points_at(self.radius_mm)[hit]
        cosine = np.einsum("ij,ij->i", self.outward.at(points), self.view.directions[hit])
        wall = self.part.outer_mm - self.part.inner_mm
        wall[hit] *= cosine
        return fill_from_nearest(wall, hit)

    @cached_property
    def turn_deg(self) -> NDArray[np.float64]:
        """Angle between the outer surface and the same surface at least 12 mm inside the outline, degrees.

        0 where the part is too small to have such a place.
        """
        pixel_mm = self.view.spacing_mm
        core = shrunk(self.body, _CORE_MM, pixel_mm)
        if not core.any():
            return np.zeros(core.shape)
        near = self._directions(self.part.hit, _NEAR_MM / pixel_mm)
        far = self._directions(core, _FAR_MM / pixel_mm)
        index = cKDTree(np.argwhere(core)).query(np.argwhere(~core))[1]
        far[~core] = far[core][index]
        turn = np.degrees(np.arccos(np.clip(np.einsum("ijk,ijk->ij", near, far), -1, 1)))
        return np.where(self.part.hit, turn, 0.0)

    def _directions(self, known: NDArray[np.bool_], width: float) -> NDArray[np.float64]:
        """Return unit normals (rows, columns, 3) of the outer surface, averaged over the known pixels."""
        points = self.view.points_at(self.radius_mm)
        normal = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
        normal *= np.sign(np.einsum("ijk,ijk->ij", normal, self.view.directions))[..., None]
        mean = np.stack([average_known(normal[..., axis], known, width)[0] for axis in range(3)], axis=-1)
        return unit_vectors(mean)


def _middle_of_curvature(
    mesh: trimesh.Trimesh, surfaces: Surfaces, inside_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the point (3,) nearest to the normals of the outer surface, from which it is seen squarely.

    From the middle of the head the brow and the temple are seen at 40 degrees, which shortens what hangs
    down there; from this point no surface of four frontal and lateral parts is seen at more than 28.
    """
    outer = surfaces.vertex_labels == OUTER
    points, weight = np.asarray(mesh.vertices)[outer], vertex_areas(mesh)[outer]
    upward = surfaces.outward.at(points)
    across = np.eye(3) - upward[:, :, None] * upward[:, None, :]
    across *= (weight / weight.sum())[:, None, None]
    system = across.sum(axis=0) + _TOWARDS_INSIDE * np.eye(3)
    total = np.einsum("nij,nj->i", across, points) + _TOWARDS_INSIDE * inside_mm
    return np.asarray(np.linalg.solve(system, total))


def _small(holes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the holes that are at most `_HOLE_MM` across."""
    labels, count = ndimage.label(holes)
    boxes = ndimage.find_objects(labels)
    most = _HOLE_MM / SPACING_MM
    small = [all(side.stop - side.start <= most for side in box) for box in boxes]
    return np.asarray(np.isin(labels, 1 + np.flatnonzero(small))) if count else holes


def _bone_beside(view: DirectionMap, part: Extent, body: NDArray[np.bool_], site: Site) -> NDArray[np.bool_]:
    """Return which directions within the margin of the part meet bone at the height of its wall."""
    bone = np.zeros(view.shape, bool)
    if site.bone is None or not part.hit.any():
        return bone
    beside = ~body & grown(body, MARGIN_MM, view.spacing_mm)
    deep = part.hit & shrunk(body, _INSIDE_MM, view.spacing_mm)
    wall = fill_from_nearest(part.outer_mm - part.inner_mm, deep if deep.any() else part.hit)[beside]
    high = fill_from_nearest(part.outer_mm, part.hit)[beside] + _BESIDE_MM
    low = high - wall - 2 * _BESIDE_MM
    unit, found = view.directions[beside], np.zeros(int(beside.sum()), bool)
    for share in _HEIGHTS:
        radius = low + share * (high - low)
        points = view.centre_mm + unit * radius[:, None]
        found |= sample(site.bone.distance, points, fill=-1e3) > 0
    bone[beside] = found
    return bone
