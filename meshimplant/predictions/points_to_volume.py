"""`points_to_volume`: points with normals of a closed surface as an inside-outside field on voxels."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError, GeometryError, InputError
from meshimplant.io.points import PointCloud
from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.winding import winding_number
from meshimplant.voxels.distance import distance_outside
from meshimplant.voxels.grid import Grid, bounding_box
from meshimplant.voxels.occupancy import dilated_box
from meshimplant.voxels.volume import Volume

#: Points farther than this from bone belong to the missing part, mm; nearer ones may be inaccurate
#: predictions of bone.
_BEYOND_MM = 2.0
#: Margin around the missing part, mm: wider than that of `subtract`.
_MARGIN_MM = 10.0
#: Longer voxels are divided, mm: a point cloud resolves more than thick slices do.
_LONGEST_MM = 1.25
#: Step of the coarse lattice that is interpolated, mm, and largest distance from a point within which each
#: voxel is computed by itself, mm.
_COARSE_MM, _FARTHEST_MM = 2.0, 6.0
#: Number of neighbours of each point, and cosines of the angles between two normals below which the points
#: lie on the same side of the bone, and on the same plane.
_NEIGHBOURS, _SAME_SIDE, _SAME_PLANE = 12, 0.5, 0.9
#: The field rises from 0 to 1 over this many voxels.
_RAMP_VOXELS = 4
#: Number of tangent planes that locate the surface between voxels, and smallest distance from it, mm.
_PLANES, _TOUCHING_MM = 4, 0.01
#: Points with less noise along their normals than this stay almost where they are, mm.
_EXACT_MM = 0.1
#: Smallest share of points whose normal agrees with that of the nearest neighbour; 0.5 for random signs.
_LEAST_AGREEMENT = 0.75


def points_to_volume(cloud: PointCloud, skull: Volume) -> Volume:
    """Convert points with normals of a complete skull or an implant to an inside-outside field.

    The field is the generalised winding number. Each point stands for a small triangle perpendicular to its
    normal, of its share of the surface; a location is inside where the triangles cover more than half of the
    view from there. The tangent planes of the nearest points locate the surface between the voxels. Nothing
    is connected or solved; noise is tolerated, and small holes close. If all normals point into the body,
    they are reversed, so that its volume is positive.

    Parameters
    ----------
    cloud : PointCloud
        Points and normals, LPS mm, evenly spread or dense.
    skull : Volume
        Mask of the defective skull. It gives the voxels, and shows which part of a complete skull is missing.

    Returns
    -------
    Volume
        Float32 from 0 to 1, surface at 0.5, rising over four voxels; `subtract` takes it for a probability.
        The voxels are those of the skull with axes towards L, P and S, divided where longer than 1.25 mm. The
        box holds all points farther than 2 mm from bone with a margin of 10 mm.

    Raises
    ------
    GeometryError
        The points do not overlap the skull.
    InputError
        The normals of neighbouring points contradict each other.
    EmptyMaskError
        The points enclose nothing.

    Notes
    -----
    Measured on a true implant of 147 cm2 with 3 k, 30 k and 100 k points on its surface: Dice 0.990, 0.999
    and 1.000; with noise of 0.3 mm in each direction 0.980, 0.989 and 0.988. Screened Poisson reconstruction
    (open3d, depth 8) of the same points: 0.982, 0.997 and 0.999, with noise 0.975, 0.989 and 0.991. Balls of
    1 mm around the points: 0.14 to 0.40. An implant takes 3 to 4 s on one core. 30 k points of the whole
    skull take 32 s; after subtraction of the defective skull they give Dice 0.992.

    Source: Barill et al., Fast winding numbers for soups and clouds, ACM TOG 37(4), 2018, through libigl.
    """
    index = _neighbours(cloud)
    _require_agreement(cloud, index)
    cloud = _denoise(cloud, index)
    area_mm2 = _areas_mm2(cloud, _neighbours(cloud))
    cloud = _orient(cloud, area_mm2)
    upright = skull.reorient("LPS")
    box = _divide(_box(cloud.points_mm, upright))
    soup = _triangles(cloud, area_mm2)
    field = _coarse_field(soup, box)
    close = _voxels_near(cloud.points_mm, box, float(np.sqrt(np.median(area_mm2))))
    centres_mm = box.to_mm(np.argwhere(close))
    field = np.asarray(field > 0.5, np.float32)
    inside = winding_number(soup, centres_mm) > 0.5
    ramp_mm = _RAMP_VOXELS * float(box.spacing_mm.max())
    rise = np.minimum(_depth_mm(cloud, area_mm2, centres_mm, inside) / ramp_mm, 0.5)
    field[close] = 0.5 + np.where(inside, rise, -rise)
    if not (field > 0.5).any():
        raise EmptyMaskError(
            "expected points over the whole surface of a body, "
            f"got {len(area_mm2)} points that enclose nothing: "
            "check that the normals point out of the bone on its inner side, too"
        )
    return Volume(field, box.affine)


# -- points as a triangle soup -------------------------------------------------------------------------------


def _neighbours(cloud: PointCloud) -> NDArray[np.int64]:
    """Return the indices of each point's nearest neighbours (n, 12), nearest first."""
    from scipy.spatial import cKDTree

    _, index = cKDTree(cloud.points_mm).query(cloud.points_mm, k=_NEIGHBOURS + 1)
    return np.asarray(index[:, 1:])


def _require_agreement(cloud: PointCloud, index: NDArray[np.int64]) -> None:
    agreement = float(((cloud.normals[index[:, 0]] * cloud.normals).sum(axis=1) > 0).mean())
    if agreement < _LEAST_AGREEMENT:
        raise InputError(
            f"expected normals that point out of the bone, got normals that contradict their neighbours' at "
            f"{1 - agreement:.0%} of the points: orient them in the program that makes the points"
        )


def _denoise(cloud: PointCloud, index: NDArray[np.int64]) -> PointCloud:
    """Move noisy points along their normals to the mean height of neighbours with similar normals.

    The noise is estimated from how far each point's plane misses its nearest neighbour. Exact points stay,
    since the move would round the rim. Measured on 30 k points of a true implant with noise of 0.3 mm: Dice
    0.976 before, 0.990 after.
    """
    cosine, height = _compare_neighbours(cloud, index)
    level = cosine > _SAME_PLANE
    if not level[:, 0].any():
        return cloud
    noise_mm = 1.05 * float(np.median(np.abs(height[level[:, 0], 0])))
    share = noise_mm**2 / (noise_mm**2 + _EXACT_MM**2)
    mean_mm = np.where(level, height, 0).sum(axis=1) / (1 + level.sum(axis=1))
    return PointCloud(cloud.points_mm + share * mean_mm[:, None] * cloud.normals, cloud.normals)


def _areas_mm2(cloud: PointCloud, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each point's share of the surface (n,): the disc out to its neighbours over their number.

    Points that agree with no neighbour get no area. Measured on a true implant: the sum is 1.00 of the
    surface for 30 k points, 1.05 for 3 k.
    """
    cosine, height = _compare_neighbours(cloud, index)
    offset = cloud.points_mm[index] - cloud.points_mm[:, None]
    flat = np.maximum((offset**2).sum(axis=2) - height**2, 0)
    same = cosine > _SAME_SIDE
    return np.pi * np.where(same, flat, 0).max(axis=1) / np.maximum(same.sum(axis=1), 1)


def _compare_neighbours(
    cloud: PointCloud, index: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare each point with its neighbours.

    Returns the cosines between their normals and its own, and their heights over its plane, mm; both (n, 12).
    """
    offset = cloud.points_mm[index] - cloud.points_mm[:, None]
    cosine = np.einsum("nkj,nj->nk", cloud.normals[index], cloud.normals)
    return cosine, np.einsum("nkj,nj->nk", offset, cloud.normals)


def _orient(cloud: PointCloud, area_mm2: NDArray[np.float64]) -> PointCloud:
    """Return the cloud with reversed normals if the body would otherwise have a negative volume."""
    arm = cloud.points_mm - cloud.points_mm.mean(axis=0)
    volume = float((area_mm2 * (arm * cloud.normals).sum(axis=1)).sum())
    return cloud if volume >= 0 else PointCloud(cloud.points_mm, -cloud.normals)


def _triangles(cloud: PointCloud, area_mm2: NDArray[np.float64]) -> trimesh.Trimesh:
    """Return an equilateral triangle around each point, of its area and perpendicular to its normal.

    Close to its point a triangle covers half of the view, whereas a point without size would contribute
    without limit. Measured on 3 k points of a true implant: 0.12 instead of 0.15 mm RMS, in a third of the
    time.
    """
    count, normals = len(area_mm2), cloud.normals
    first = np.cross(normals, np.eye(3)[np.abs(normals).argmin(axis=1)])
    first /= np.linalg.norm(first, axis=1)[:, None]
    second = np.cross(normals, first)
    radius = np.sqrt(area_mm2 * 4 / (3 * np.sqrt(3)))[:, None]
    angles = np.radians([0, 120, 240])
    corners = [cloud.points_mm + radius * (np.cos(a) * first + np.sin(a) * second) for a in angles]
    faces = np.arange(count)[:, None] + np.array([0, count, 2 * count])
    return new_mesh(np.concatenate(corners), faces)


# -- the voxels that are computed ----------------------------------------------------------------------------


def _box(points_mm: NDArray[np.float64], skull: Volume) -> Volume:
    """Crop the skull to the points outside bone, or to all points where none is, with a margin."""
    index = np.rint(skull.to_index(points_mm)).astype(np.int64)
    start, stop = bounding_box(skull.array)
    margin = np.ceil(_MARGIN_MM / skull.spacing_mm).astype(np.int64)
    on_grid = ((index >= start - margin) & (index < stop + margin)).all(axis=1)
    if np.count_nonzero(on_grid) < len(index) / 2:
        middle, bone = np.round(points_mm.mean(axis=0)), np.round(skull.to_mm((start + stop) / 2))
        raise GeometryError(
            "expected points that overlap the defective skull, "
            f"got {1 - on_grid.mean():.0%} of them off it, around {middle.tolist()} mm, "
            f"and bone around {bone.tolist()} mm: "
            "bring both into one frame (LPS or RAS?), or undo the normalisation of the points"
        )
    inside = index[on_grid & ((index >= 0) & (index < skull.shape)).all(axis=1)]
    missing = inside[_beyond_bone(inside, skull)] if len(inside) else index
    missing = missing if len(missing) else inside
    return skull.crop(missing.min(axis=0) - margin, missing.max(axis=0) + margin + 1)


def _beyond_bone(index: NDArray[np.int64], skull: Volume) -> NDArray[np.bool_]:
    """Return which voxels (n, 3) are farther than 2 mm from bone, accurate to about a millimetre."""
    step = np.maximum(1, np.floor(1 / skull.spacing_mm)).astype(np.int64)
    bone = skull.array[tuple(slice(None, None, s) for s in step)] != 0
    distance = distance_outside(bone, step * skull.spacing_mm)
    return np.asarray(distance[tuple((index // step).T)] > _BEYOND_MM)


def _divide(grid: Grid) -> Grid:
    """Divide voxels longer than 1.25 mm; the former voxel centres remain voxel centres."""
    parts = np.ceil(grid.spacing_mm / _LONGEST_MM).astype(np.int64)
    i, j, k = (int(n) for n in (np.array(grid.shape) - 1) * parts + 1)
    affine = grid.affine.copy()
    affine[:3, :3] /= parts
    return Grid((i, j, k), affine)


def _coarse_field(soup: trimesh.Trimesh, grid: Grid) -> NDArray[np.float32]:
    """Return the winding number interpolated between nodes 2 mm apart: accurate except next to points."""
    step = np.maximum(1, np.rint(_COARSE_MM / grid.spacing_mm)).astype(np.int64)
    i, j, k = (-(-(np.array(grid.shape) - 1) // step) + 1).tolist()
    affine = grid.affine.copy()
    affine[:3, :3] *= step
    lattice = Grid((i, j, k), affine)
    centres_mm = lattice.to_mm(np.argwhere(np.ones(lattice.shape, bool)))
    values = winding_number(soup, centres_mm).astype(np.float32).reshape(lattice.shape)
    return np.array(Volume(values, affine).resample_to(grid).array)


def _depth_mm(
    cloud: PointCloud,
    area_mm2: NDArray[np.float64],
    queries_mm: NDArray[np.float64],
    inside: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the distances (n,) of queries from the surface, by the tangent planes of the nearest points.

    Beyond a sharp rim the planes continue where the surface does not; there the distance to the nearest point
    counts. Measured on a hollow sphere at 1 mm: 0.004 mm RMS, against 0.2 mm for the winding number alone,
    which is a step.
    """
    from scipy.spatial import cKDTree

    away, index = cKDTree(cloud.points_mm).query(queries_mm, k=_PLANES)
    nearest = cloud.normals[index[:, 0]]
    weight = 1 / (away**2 + area_mm2[index[:, :1]] / 4 + 1e-6)
    weight *= np.einsum("nkj,nj->nk", cloud.normals[index], nearest) > _SAME_PLANE
    height = np.einsum("nkj,nkj->nk", cloud.points_mm[index] - queries_mm[:, None], cloud.normals[index])
    depth = (weight * height).sum(axis=1) / weight.sum(axis=1)
    by_planes = np.maximum(np.where(inside, depth, -depth), _TOUCHING_MM)
    return np.maximum(by_planes, away[:, 0] - np.sqrt(area_mm2[index[:, 0]]))


def _voxels_near(points_mm: NDArray[np.float64], grid: Grid, apart_mm: float) -> NDArray[np.bool_]:
    """Return the voxels around each point, as far as the points are apart, and at least two voxels."""
    index = np.rint(grid.to_index(points_mm)).astype(np.int64)
    index = index[((index >= 0) & (index < grid.shape)).all(axis=1)]
    close = np.zeros(grid.shape, bool)
    close[tuple(index.T)] = True
    reach = min(apart_mm, _FARTHEST_MM) / float(grid.spacing_mm.min())
    return dilated_box(close, max(2, int(np.ceil(reach))))
