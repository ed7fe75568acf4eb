"""`SheetSurface`: the surface over an opening and the bone around it on which a plate lies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import CloughTocher2DInterpolator, LinearNDInterpolator
from skimage.measure import find_contours

from meshimplant.errors import MeshError
from meshimplant.head.direction_map import DirectionMap
from meshimplant.head.fill import average_known, fill_from_nearest
from meshimplant.implant.map_regions import closed, grown, shrunk
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.implant.site import Bone, Site
from meshimplant.manufacture.parting import cross_2d
from meshimplant.mesh.areas import vertex_normals
from meshimplant.mesh.convert import new_mesh
from meshimplant.voxels.fields import sample

if TYPE_CHECKING:
    import manifold3d

#: The surface goes on this far beyond the plate, so that stamps are wider than it, mm.
BEYOND_MM = 10.0
#: The bone's outer surface is sought this far above and below the part's, carried on, in steps of, mm.
_REACH_MM, _STEP_MM = 8.0, 0.3
#: What holds the plate is drawn this far beyond its margin, mm.
_DRAWN_MM = 3.0
#: Openings between part and bone up to this wide belong to the opening, mm.
_BESIDE_MM = 3.0
#: Rims of part and of bone are rounded by voxels: the surface is not taken from them, mm.
_ROUNDED_MM = 0.75
#: Standard deviation of the Gaussian that smooths the surface, mm, and how often it is lifted over what
#: stands out of it.
_SMOOTH_MM, _LIFTS = 2.0, 4
#: Distance between the vertices of the flat map, in nodes of the map of directions.
_STRIDE = 3
#: Iterations of the flattening.
_ITERATIONS = 12

_NO_BONE = "expected bone around the part, got none: give the skull that the part belongs to"

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SheetSurface:
    """The smooth surface over an opening and the bone around it, with a flat map of least distortion.

    Attributes
    ----------
    mesh : Trimesh
        The surface, open, LPS mm, its normals out of the head.
    flat_mm : (n, 2) array
        The place of each of its vertices on the flat map, mm.
    opening, held : CrossSection
        On the flat map: the opening, and where the plate has bone or the opening below it.
    step_mm : float
        How far apart in height part and bone are at the border, 95th percentile.
    step_at_mm : (3,) array
        The place of the largest step, LPS mm.
    """

    mesh: trimesh.Trimesh
    flat_mm: Floats
    opening: manifold3d.CrossSection
    held: manifold3d.CrossSection
    step_mm: float
    step_at_mm: Floats

    @classmethod
    def of(cls, mesh: trimesh.Trimesh, site: Site, *, margin_mm: float, gap_mm: float) -> SheetSurface:
        """Return the surface over a part and the bone within a margin around it, `gap_mm` above both.

        Raises `MeshError` where there is no bone around the part.
        """
        if site.bone is None:
            raise MeshError(_NO_BONE)
        reach_mm = margin_mm + BEYOND_MM
        outline = OutlineMap.of(mesh, site, margin_mm=reach_mm + _BESIDE_MM)
        view, pixel_mm = outline.view, outline.view.spacing_mm
        near = grown(outline.body, reach_mm, pixel_mm)
        bone_mm = _bone_mm(view, outline.radius_mm, near & ~outline.body, site.bone)
        bone = ~np.isnan(bone_mm)
        if not bone.any():
            raise MeshError(_NO_BONE)
        beside = grown(outline.body, _BESIDE_MM, pixel_mm) & closed(outline.body | bone, _BESIDE_MM, pixel_mm)
        opening = ndimage.binary_fill_holes(outline.body | (beside & ~bone))
        opening = ndimage.gaussian_filter(opening.astype(float), 2.0) > 0.5
        known = (shrunk(outline.part.hit, _ROUNDED_MM, pixel_mm)) | (
            bone & ~grown(opening, _ROUNDED_MM, pixel_mm)
        )
        height_mm = np.where(outline.body, outline.radius_mm, fill_from_nearest(bone_mm, bone))
        radius_mm = _smooth_over(height_mm, known, _SMOOTH_MM / pixel_mm) + gap_mm
        nodes, faces = _lattice(near)
        surface = new_mesh(view.points_at(radius_mm)[tuple(nodes.T)], faces)
        if float((surface.face_normals * (surface.triangles_center - view.centre_mm)).sum()) < 0:
            surface = new_mesh(surface.vertices, faces[:, ::-1])
        flat = _flattened(surface, (nodes + view.start_mm / pixel_mm) * pixel_mm)
        place = LinearNDInterpolator(nodes, flat)
        supported = ndimage.binary_opening(bone | opening, iterations=2) | opening
        mapped = grown(outline.body, margin_mm + _DRAWN_MM, pixel_mm)
        step_mm, step_at_mm = _step(view, outline, bone_mm)
        drawn = _drawn(opening, place), _drawn(supported & mapped, place)
        return cls(surface, flat, *drawn, step_mm, step_at_mm)

    @cached_property
    def _points(self) -> CloughTocher2DInterpolator:
        return CloughTocher2DInterpolator(self.flat_mm, np.asarray(self.mesh.vertices))

    @cached_property
    def _normals(self) -> LinearNDInterpolator:
        return LinearNDInterpolator(self.flat_mm, vertex_normals(self.mesh))

    def points_mm(self, drawn: Floats) -> Floats:
        """Return the points (n, 3), LPS mm, of a flat drawing (n, 3): its place, and its height, mm."""
        return np.asarray(self._points(drawn[:, :2]) + drawn[:, 2:] * self.normals(drawn))

    def normals(self, drawn: Floats) -> Floats:
        """Return the unit normals (n, 3) at flat places (n, 2 or more)."""
        normals = self._normals(drawn[:, :2])
        return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))

    @cached_property
    def stretch(self) -> Floats:
        """Least and largest stretch (m, 2) of each face from the flat map to the surface."""
        corners, flat = np.asarray(self.mesh.triangles), self.flat_mm[np.asarray(self.mesh.faces)]
        across = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
        first = (corners[:, 1] - corners[:, 0]) / across[:, None]
        arm = corners[:, 2] - corners[:, 0]
        along = np.einsum("ij,ij->i", arm, first)
        up = np.linalg.norm(arm - along[:, None] * first, axis=1)
        zero = np.zeros(len(across))
        solid = np.stack([np.stack([across, along], 1), np.stack([zero, up], 1)], 1)
        drawn = np.stack([flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]], axis=2)
        sizes = np.linalg.svd(solid @ np.linalg.inv(drawn), compute_uv=False)
        return np.asarray(sizes[:, ::-1])


def _bone_mm(view: DirectionMap, guess_mm: Floats, asked: NDArray[np.bool_], bone: Bone) -> Floats:
    """Return the distance of the bone's outer surface from the centre where asked for; nan without one."""
    found = np.full(view.shape, np.nan)
    directions, start = view.directions[asked], guess_mm[asked]
    result = np.full(len(start), np.nan)
    before = np.full(len(start), np.nan)
    for above in np.arange(_REACH_MM, -_REACH_MM, -_STEP_MM):
        depth = sample(bone.distance, view.centre_mm + (start + above)[:, None] * directions, fill=-1.0)
        enters = np.isnan(result) & (depth > 0) & (before <= 0)
        share = depth[enters] / (depth[enters] - before[enters])
        result[enters] = start[enters] + above + share * _STEP_MM
        before = depth
    found[asked] = result
    return found


def _step(view: DirectionMap, outline: OutlineMap, bone_mm: Floats) -> tuple[float, Floats]:
    """Return by how much part and bone differ in height at the border, and where most."""
    bone, wide = ~np.isnan(bone_mm), 2 * _ROUNDED_MM
    beside = bone & grown(outline.body, _BESIDE_MM + wide, view.spacing_mm)
    beside &= ~grown(outline.body, wide, view.spacing_mm)
    part_mm = fill_from_nearest(outline.radius_mm, shrunk(outline.part.hit, wide, view.spacing_mm))
    step = np.abs(bone_mm - part_mm)[beside]
    if not len(step):
        return 0.0, view.centre_mm
    return float(np.percentile(step, 95)), view.points_at(bone_mm)[beside][int(np.argmax(step))]


def _smooth_over(height: Floats, known: NDArray[np.bool_], width: float) -> Floats:
    """Return a smooth map that is nowhere below the known heights."""
    smooth = average_known(height, known, width, edge="nearest")[0]
    far = average_known(height, known, 3 * width, edge="nearest")
    blank = ~grown(known, 2.0 * width, 1.0)
    smooth[blank] = far[0][blank]
    size = 2 * int(np.ceil(width)) + 1
    for _ in range(_LIFTS):
        over = np.where(known, np.maximum(height - smooth, 0.0), 0.0)
        smooth += ndimage.gaussian_filter(ndimage.maximum_filter(over, size=size), width / 2, mode="nearest")
    return np.asarray(smooth)


def _lattice(near: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every third node (n, 2) of a region without holes, and the triangles between them."""
    whole = ndimage.binary_fill_holes(near)
    coarse = whole[::_STRIDE, ::_STRIDE]
    index = np.arange(coarse.size).reshape(coarse.shape)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    full = coarse[:-1, :-1] & coarse[1:, :-1] & coarse[1:, 1:] & coarse[:-1, 1:]
    labels, count = ndimage.label(ndimage.binary_opening(full, np.ones((3, 3), bool)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    full = ndimage.binary_fill_holes(labels == 1 + int(np.argmax(sizes)))
    faces = np.concatenate(
        [np.stack([a[full], b[full], c[full]], 1), np.stack([a[full], c[full], d[full]], 1)]
    )
    used, faces = np.unique(faces, return_inverse=True)
    nodes = _STRIDE * np.stack(np.unravel_index(used, coarse.shape), axis=1)
    return nodes, faces.reshape(-1, 3)


def _flattened(surface: trimesh.Trimesh, start_mm: Floats) -> Floats:
    """Return the flat map (n, 2) of a surface that keeps lengths as well as can be, mm.

    Scalable locally injective mappings with the symmetric Dirichlet energy (Rabinovich et al., ACM Trans
    Graph 2017;36:16): no triangle is turned over.
    """
    import igl

    vertices, faces = np.asarray(surface.vertices, float), np.asarray(surface.faces)
    a, b, c = start_mm[faces].swapaxes(0, 1)
    flipped = cross_2d(b - a, c - a).sum() < 0
    start = start_mm * (1.0, -1.0) if flipped else start_mm
    data = igl.slim_precompute(
        np.asfortranarray(vertices),
        np.asfortranarray(faces, np.int32),
        np.asfortranarray(start, float),
        igl.MappingEnergyType.SYMMETRIC_DIRICHLET,
        np.zeros(0, np.int32),
        np.asfortranarray(np.zeros((0, 2))),
        0.0,
    )
    return np.ascontiguousarray(igl.slim_solve(data, _ITERATIONS)[:, :2], np.float64)


def _drawn(region: NDArray[np.bool_], place: LinearNDInterpolator) -> manifold3d.CrossSection:
    """Return a region of the map of directions on the flat map."""
    import manifold3d

    smooth = ndimage.gaussian_filter(np.pad(region.astype(float), 1), 1.0)
    lines = [place(line - 1) for line in find_contours(smooth, 0.5)]
    lines = [line[~np.isnan(line).any(axis=1)] for line in lines]
    polygons = [line[:-1] for line in lines if len(line) > 3]
    return manifold3d.CrossSection(polygons, manifold3d.FillRule.EvenOdd)
