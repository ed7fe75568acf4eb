"""`LipGround`: the surface on which an onlay lip is drawn: the part's and the bone's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.errors import InputError
from meshimplant.head.direction_map import DirectionMap, Extent
from meshimplant.head.fill import fill_from_nearest
from meshimplant.implant.features import Feature, near_features
from meshimplant.implant.find_free_border import find_free_border
from meshimplant.implant.intact_bone import intact_bone
from meshimplant.implant.map_regions import shrunk
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.implant.site import Bone, Site
from meshimplant.implant.surfaces import OUTER, Surfaces, split_surfaces
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.theatre.border_line import border_line
from meshimplant.theatre.lip_line import LipLine, measured_lip_line, nearest_place
from meshimplant.theatre.smooth_surface import smooth_heights
from meshimplant.voxels.fields import sample

Floats = NDArray[np.float64]

#: Distance between the nodes of the map, mm, and how far it reaches beyond the widest lip.
_NODE_MM, _MARGIN_MM = 0.5, 8.0
#: Bone is searched this far above and below the part's outer surface, continued, mm.
_REACH_MM = 6.0
#: Heights this near to an edge do not count: voxels and rounding lower it, mm.
_EDGE_MM = 1.2
#: Of the bone's surface less than this share of a voxel is a terrace of its voxels, and left out.
_TERRACE_VOXELS = 0.25
#: Where bone is looked for under the lip: from so far beyond its edge on, and so far apart, mm.
_FIRST_MM, _APART_MM = 0.8, 0.5
#: What lies within this distance of the line is measured: the root over the part, and beyond the lip, mm.
ROOT_MM, BEYOND_MM = 8.0, 2.0
#: Rough bone lifts the lip until it reaches into it by no more than the first one, and until no voxel's
#: centre is nearer to it than the second one, mm; but by no more than the third one.
_INTO_BONE_MM, _OFF_VOXELS_MM, MOST_LIFT_MM = 0.03, 0.05, 0.5
#: Bone is searched this high over the surface, mm; a lift reaches so far around its place, and is smoothed
#: over the last width, mm.
_HIGHEST_MM, _AROUND_MM, _SMOOTH_MM = 1.5, 1.5, 1.0


@dataclass(frozen=True, eq=False)
class LipGround:
    """The surface on which a lip is drawn, on a map of directions.

    Attributes
    ----------
    view : DirectionMap
        The map.
    line : LipLine
        The border.
    radius_mm : (rows, columns) array
        Distance of the surface from the map's centre: the part's within its border, the bone's beyond the
        gap.
    normals : (rows, columns, 3) array
        Unit normals, LPS: of either surface, not of the step between them.
    beyond_mm : (rows, columns) array
        How far each node lies beyond the border, along the surface; negative over the part, nan far away.
    place : (rows, columns) array
        The nearest place of the border, with its fraction towards the next one.
    lift_mm : (rows, columns) array
        By how much rough bone has raised the surface, see `lifted`.
    bone : Bone
        The bone.
    """

    view: DirectionMap
    line: LipLine
    radius_mm: Floats
    normals: Floats
    beyond_mm: Floats
    place: Floats
    lift_mm: Floats
    bone: Bone

    @classmethod
    def of(
        cls, mesh: trimesh.Trimesh, site: Site, lip_mm: float, features: Sequence[Feature] = ()
    ) -> LipGround:
        """Measure the surface around a part of one body without tabs.

        Near `features` its outer surface does not count. Raises `InputError` where there is no bone.
        """
        if site.bone is None:
            raise InputError(
                "expected bone around the part, got none: check that both are in one frame (LPS)"
            )
        bone, surfaces = site.bone, split_surfaces(mesh, inside_mm=site.inside_mm)
        outline = OutlineMap.of(mesh, site, surfaces=surfaces)
        free = find_free_border(mesh, site, surfaces=surfaces, outline=outline)
        border = border_line(outline, surfaces, free, features)
        margin = lip_mm + _MARGIN_MM
        view = DirectionMap.around_points(
            mesh.vertices, outline.view.centre_mm, spacing_mm=_NODE_MM, margin_mm=margin
        )
        extent = view.extent(mesh)
        found, intact = intact_bone(view, bone.distance, extent, surfaces.outward, side=1, reach_mm=_REACH_MM)
        reach = np.arange(_FIRST_MM, max(lip_mm, 2 * _FIRST_MM), _APART_MM)
        line = measured_lip_line(border, mesh, bone.distance)
        under = border.points_mm[:, None] + (line.gap_mm[:, None] + reach)[..., None] * border.across[:, None]
        near = ndimage.binary_dilation(intact, iterations=2)
        has_bone = view.read(near.astype(float), view.place(under.reshape(-1, 3))[0].T) > 0.5
        line = line.where_bone_lies(has_bone.reshape(under.shape[:2]).mean(axis=1))
        made = near_features(
            view.points_at(np.nan_to_num(extent.outer_mm)).reshape(-1, 3), features, margin_mm=1.0
        )
        free_part = extent.hit & ~made.reshape(view.shape)
        on_part, on_bone = _both(view, extent, free_part, surfaces, found, intact, bone)
        return cls(*_drawn(view, line, lip_mm, on_part, on_bone), np.zeros(view.shape), bone)

    def bend(self, nodes: Floats, height_mm: Floats) -> Floats:
        """Return the LPS points (n, 3) at heights (n,) over the surface at fractional nodes (n, 2)."""
        radius = self.view.read(self.radius_mm, nodes.T)
        first, second = (
            start + self.view.spacing_mm * along
            for start, along in zip(self.view.start_mm, nodes.T, strict=True)
        )
        normal = np.stack([self.view.read(self.normals[..., axis], nodes.T) for axis in range(3)], axis=1)
        foot = self.view.centre_mm + self.view.directions_at(first, second) * radius[:, None]
        return np.asarray(foot + height_mm[:, None] * unit_vectors(normal))

    def lifted(self, gap_mm: float, reach_mm: Floats) -> LipGround:
        """Return the ground, raised where bone would reach a lip that lies `gap_mm` over it.

        `reach_mm` (rows, columns) is how far the lip reaches beyond the border. What has to be raised by more
        than `MOST_LIFT_MM` carries no lip.
        """
        under = (self.beyond_mm > 0) & (self.beyond_mm < reach_mm + _AROUND_MM)
        needed = np.zeros(under.shape)
        nodes = np.argwhere(under)
        for height in np.arange(gap_mm, gap_mm + _HIGHEST_MM, 0.05):
            level = np.full(len(nodes), height)
            inside = sample(self.bone.distance, self.bend(nodes.astype(float), level), fill=-1e3)
            raised = height - gap_mm + np.minimum(inside - _INTO_BONE_MM, 0.05)
            index = tuple(nodes[inside > _INTO_BONE_MM].T)
            needed[index] = np.maximum(needed[index], raised[inside > _INTO_BONE_MM])
        self._add_voxels(needed, under, gap_mm)
        high = np.rint(self.place[under & (needed > MOST_LIFT_MM)]).astype(int) % len(self.line.carries)
        size = 2 * int(np.ceil(_AROUND_MM / self.view.spacing_mm)) + 1
        wide = ndimage.maximum_filter(np.minimum(needed, MOST_LIFT_MM), size)
        lift = ndimage.gaussian_filter(wide, _SMOOTH_MM / self.view.spacing_mm)
        lift = np.where(np.isnan(self.beyond_mm), 0.0, lift * np.clip(self.beyond_mm + 1.0, 0, 1))
        cosine = np.einsum("ijk,ijk->ij", self.normals, self.view.directions)
        line = self.line.without(np.unique(high)) if len(high) else self.line
        radius = self.radius_mm + lift / np.maximum(cosine, 0.5)
        return replace(self, line=line, radius_mm=radius, lift_mm=lift)

    def _add_voxels(self, needed: Floats, under: NDArray[np.bool_], gap_mm: float) -> None:
        """Raise what is needed (rows, columns) to what the centres of the bone's voxels need."""
        box = self.bone.mask
        points = self.bend(np.argwhere(under).astype(float), np.zeros(int(under.sum())))
        low, high = box.box_around(points, np.full(3, 3))
        part = box.crop(np.maximum(low, 0), np.minimum(high, box.shape))
        centres = part.to_mm(np.argwhere(part.array != 0))
        nodes, radius = self.view.place(centres)
        index = np.rint(nodes).astype(int)
        inside = ((index >= 0) & (index < under.shape)).all(axis=1)
        centres, nodes, radius, index = (each[inside] for each in (centres, nodes, radius, index))
        near = under[tuple(index.T)]
        nodes, radius, index = nodes[near], radius[near], index[near]
        cosine = np.einsum("ij,ij->i", self.normals[tuple(index.T)], self.view.directions[tuple(index.T)])
        over = (radius - self.view.read(self.radius_mm, nodes.T)) * cosine
        used = over < _HIGHEST_MM
        np.maximum.at(needed, tuple(index[used].T), over[used] + _OFF_VOXELS_MM - gap_mm)


def _both(
    view: DirectionMap,
    extent: Extent,
    used: NDArray[np.bool_],
    surfaces: Surfaces,
    found: Floats,
    intact: NDArray[np.bool_],
    bone: Bone,
) -> tuple[Floats, Floats]:
    """Return the radii (rows, columns) of the outer surfaces of part and bone, each continued."""
    own = used & (surfaces.face_labels[extent.outer_face] == OUTER)
    own = shrunk(own, _EDGE_MM, view.spacing_mm)
    other = shrunk(intact, _EDGE_MM, view.spacing_mm)
    if not own.any() or not other.any():
        raise InputError(
            "expected a part with bone around its outer surface, got none there: a lip has nothing to lie on"
        )
    terrace = _TERRACE_VOXELS * float(bone.mask.spacing_mm.mean())
    return (
        smooth_heights(extent.outer_mm, own, view.spacing_mm),
        smooth_heights(found, other, view.spacing_mm, terrace_mm=terrace),
    )


def _drawn(
    view: DirectionMap, line: LipLine, lip_mm: float, on_part: Floats, on_bone: Floats
) -> tuple[DirectionMap, LipLine, Floats, Floats, Floats, Floats]:
    """Return the map, the line, and radius, normals, distance beyond the border and place at the nodes."""
    from skimage.measure import grid_points_in_poly

    border = line.border
    inside = grid_points_in_poly(view.shape, view.place(border.points_mm)[0])
    on_part, on_bone = (
        np.where(np.isnan(first), second, first) for first, second in ((on_part, on_bone), (on_bone, on_part))
    )
    known = ~np.isnan(on_part)
    radius = np.where(inside, on_part, on_bone)
    distance, place = np.full(view.shape, np.nan), np.zeros(view.shape)
    points = view.centre_mm + view.directions[known] * radius[known][:, None]
    distance[known], place[known] = nearest_place(border, points)
    beyond = np.where(inside, -distance, distance)
    most = lip_mm + float(line.gap_mm.max()) + BEYOND_MM
    beyond[(beyond < -ROOT_MM) | (beyond > most)] = np.nan
    share = np.clip(beyond / np.maximum(line.at(place, line.gap_mm), 0.3), 0.0, 1.0)
    share = share * share * (3 - 2 * share)
    normals = sum(
        weight[..., None] * _normals(view, each) for weight, each in ((1 - share, on_part), (share, on_bone))
    )
    radius = (1 - share) * on_part + share * on_bone
    far = np.isnan(radius) | np.isnan(normals).any(axis=2)
    beyond[far] = np.nan
    normals = np.where(far[..., None], view.directions, normals)
    radius = fill_from_nearest(radius, ~np.isnan(radius))
    return view, line, radius, unit_vectors(np.asarray(normals)), beyond, place


def _normals(view: DirectionMap, radius: Floats) -> Floats:
    """Return unit normals (rows, columns, 3) of a surface on a map, outward; nan where it is not known."""
    points = view.points_at(radius)
    normal = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    normal *= np.sign(np.einsum("ijk,ijk->ij", normal, view.directions))[..., None]
    return np.asarray(normal / np.linalg.norm(normal, axis=2, keepdims=True))
