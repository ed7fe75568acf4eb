"""`points_to_volume`: a body given as points with normals, as a field on a skull's voxels."""

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

#: A point this far from bone belongs to what is missing, mm; nearer ones may be the producer's misfit.
_BEYOND_MM = 2.0
#: Kept around what is missing, mm: more than `subtract` keeps.
_MARGIN_MM = 10.0
#: Voxels longer than this are divided, mm: between thick slices a cloud knows more than two slices do.
_LONGEST_MM = 1.25
#: Steps of the coarse lattice that is read between, mm, and the farthest from a point that every voxel is worked out, mm.
_COARSE_MM, _FARTHEST_MM = 2.0, 6.0
#: Neighbours that are asked, and the cosine of the angle within which two points' normals are on one side of the bone, and
#: within which they are on one plane.
_NEIGHBOURS, _SAME_SIDE, _SAME_PLANE = 12, 0.5, 0.9
#: The field rises from 0 to 1 over this many voxels.
_RAMP_VOXELS = 4
#: Points whose planes tell where the surface lies between voxels, and how far a place is from it at least, mm.
_PLANES, _TOUCHING_MM = 4, 0.01
#: Noise along the normals up to which points are rather left where they are, mm.
_EXACT_MM = 0.1
#: Share of points whose nearest neighbour looks the same way; half of them where normals have no side.
_LEAST_AGREEMENT = 0.75


def points_to_volume(cloud: PointCloud, skull: Volume) -> Volume:
    """Turn points with normals of a completed skull, or of an implant, into an inside-outside field on a skull's voxels.

    The field is the generalised winding number: each point stands for a small triangle of its share of the surface, square
    to its normal, and a place is inside where these triangles cover more than half of what is seen from there. Where between
    the voxels the surface lies, the planes of the nearest points tell. Nothing is connected or solved, points may be noisy,
    and small holes close themselves. Normals that all point into the body are
    turned round: a body's volume is positive.

    Parameters
    ----------
    cloud
        Points and normals, LPS mm; evenly spread, or dense where they are many.
    skull
        Mask of the bone that is there. Tells the voxels, and which part of a complete skull matters.

    Returns
    -------
    Volume
        Float32 from 0 to 1, surface at 0.5, rising over four voxels: what `subtract` takes for a probability. Its voxels are
        the skull's, axes to L, P and S, those longer than 1.25 mm divided; its box holds all points farther than 2 mm from
        bone, with 10 mm around.

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
    Measured on a true implant of 147 cm2, its surface drawn as 3 k, 30 k and 100 k points: Dice 0.990, 0.999 and 1.000, with
    noise of 0.3 mm in each direction 0.980, 0.989 and 0.988. Screened Poisson reconstruction (open3d, depth 8) of the same
    points: 0.982, 0.997 and 0.999, with noise 0.975, 0.989 and 0.991; balls of 1 mm around the points: 0.14 to 0.40. An
    implant takes 3 to 4 s of one core; 30 k points of the whole skull take 32 s, and what is left of them without the
    defective skull has Dice 0.992.

    Source: Barill et al., Fast winding numbers for soups and clouds, ACM TOG 37(4), 2018, through libigl.
    """
    index = _neighbours(cloud)
    _require_agreement(cloud, index)
    cloud = _levelled(cloud, index)
    area_mm2 = _areas_mm2(cloud, _neighbours(cloud))
    cloud = _outward(cloud, area_mm2)
    upright = skull.reorient("LPS")
    box = _divided(_box(cloud.points_mm, upright))
    soup = _triangles(cloud, area_mm2)
    field = _coarse_field(soup, box)
    near = _near_points(cloud.points_mm, box, float(np.sqrt(np.median(area_mm2))))
    places = box.to_mm(np.argwhere(near))
    field = np.asarray(field > 0.5, np.float32)
    inside = winding_number(soup, places) > 0.5
    ramp_mm = _RAMP_VOXELS * float(box.spacing_mm.max())
    rise = np.minimum(_depth_mm(cloud, area_mm2, places, inside) / ramp_mm, 0.5)
    field[near] = 0.5 + np.where(inside, rise, -rise)
    if not (field > 0.5).any():
        raise EmptyMaskError(
            f"expected points all over a closed body, got {len(area_mm2)} points that enclose nothing: check that the "
            "normals point out of the bone on its inner side too"
        )
    return Volume(field, box.affine)


# -- points as a soup of triangles ----------------------------------------------------------------------------


def _neighbours(cloud: PointCloud) -> NDArray[np.int64]:
    """Return each point's nearest neighbours (n, 12), the nearest first."""
    from scipy.spatial import cKDTree

    _, index = cKDTree(cloud.points_mm).query(cloud.points_mm, k=_NEIGHBOURS + 1)
    return np.asarray(index[:, 1:])


def _require_agreement(cloud: PointCloud, index: NDArray[np.int64]) -> None:
    agreement = float(((cloud.normals[index[:, 0]] * cloud.normals).sum(axis=1) > 0).mean())
    if agreement < _LEAST_AGREEMENT:
        raise InputError(
            f"expected normals that point out of the bone, got ones that contradict their neighbours' at {1 - agreement:.0%} of "
            "the points: orient them where the points are made"
        )


def _levelled(cloud: PointCloud, index: NDArray[np.int64]) -> PointCloud:
    """Return the points moved along their normals to the mean height of the neighbours that look the same way, if noisy.

    How noisy they are is told by how far each point's plane misses its nearest neighbour; exact points stay (the move would
    round the rim). Measured on 30 k points of a true implant: Dice with noise of 0.3 mm 0.976 before, 0.990 after.
    """
    looks, height = _seen(cloud, index)
    level = looks > _SAME_PLANE
    if not level[:, 0].any():
        return cloud
    noise_mm = 1.05 * float(np.median(np.abs(height[level[:, 0], 0])))
    share = noise_mm**2 / (noise_mm**2 + _EXACT_MM**2)
    mean_mm = np.where(level, height, 0).sum(axis=1) / (1 + level.sum(axis=1))
    return PointCloud(cloud.points_mm + share * mean_mm[:, None] * cloud.normals, cloud.normals)


def _areas_mm2(cloud: PointCloud, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each point's share of the surface (n,): that of the disc up to its farthest neighbour, by their number.

    Points that no neighbour agrees with get no share. Measured on a true implant: the sum is 1.00 of the surface for 30 k
    points, 1.05 for 3 k.
    """
    looks, height = _seen(cloud, index)
    apart = cloud.points_mm[index] - cloud.points_mm[:, None]
    flat = np.maximum((apart**2).sum(axis=2) - height**2, 0)
    same = looks > _SAME_SIDE
    return np.pi * np.where(same, flat, 0).max(axis=1) / np.maximum(same.sum(axis=1), 1)


def _seen(cloud: PointCloud, index: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cosine between each point's and its neighbours' normals, and their heights over its plane, mm; both (n, 12)."""
    apart = cloud.points_mm[index] - cloud.points_mm[:, None]
    looks = np.einsum("nkj,nj->nk", cloud.normals[index], cloud.normals)
    return looks, np.einsum("nkj,nj->nk", apart, cloud.normals)


def _outward(cloud: PointCloud, area_mm2: NDArray[np.float64]) -> PointCloud:
    """Return the cloud with the normals turned round if the body would have a negative volume."""
    arm = cloud.points_mm - cloud.points_mm.mean(axis=0)
    volume = float((area_mm2 * (arm * cloud.normals).sum(axis=1)).sum())
    return cloud if volume >= 0 else PointCloud(cloud.points_mm, -cloud.normals)


def _triangles(cloud: PointCloud, area_mm2: NDArray[np.float64]) -> trimesh.Trimesh:
    """Return an equilateral triangle of each point's area around it, wound to look along its normal.

    Next to its point a triangle covers half of the view, where a point of no size would cover it without limit: measured on
    3 k points of a true implant, 0.12 instead of 0.15 mm RMS, in a third of the time.
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


# -- the voxels that matter -----------------------------------------------------------------------------------


def _box(points_mm: NDArray[np.float64], skull: Volume) -> Volume:
    """Cut the skull to the box of the points that are no bone, or of all where there are none such, with a margin."""
    index = np.rint(skull.to_index(points_mm)).astype(np.int64)
    start, stop = bounding_box(skull.array)
    margin = np.ceil(_MARGIN_MM / skull.spacing_mm).astype(np.int64)
    on_grid = ((index >= start - margin) & (index < stop + margin)).all(axis=1)
    if np.count_nonzero(on_grid) < len(index) / 2:
        middle, bone = np.round(points_mm.mean(axis=0)), np.round(skull.to_mm((start + stop) / 2))
        raise GeometryError(
            f"expected points that overlap the defective skull, got {1 - on_grid.mean():.0%} of them off it, around "
            f"{middle.tolist()} mm, and bone around {bone.tolist()} mm: bring both into one frame (LPS or RAS?), or undo the "
            "producer's normalisation"
        )
    held = index[on_grid & ((index >= 0) & (index < skull.shape)).all(axis=1)]
    new = held[_beyond_bone(held, skull)] if len(held) else index
    new = new if len(new) else held
    return skull.crop(new.min(axis=0) - margin, new.max(axis=0) + margin + 1)


def _beyond_bone(index: NDArray[np.int64], skull: Volume) -> NDArray[np.bool_]:
    """Tell which voxels (n, 3) are farther than 2 mm from bone, to a millimetre."""
    step = np.maximum(1, np.floor(1 / skull.spacing_mm)).astype(np.int64)
    bone = skull.array[tuple(slice(None, None, s) for s in step)] != 0
    distance = distance_outside(bone, step * skull.spacing_mm)
    return np.asarray(distance[tuple((index // step).T)] > _BEYOND_MM)


def _divided(grid: Grid) -> Grid:
    """Return a grid over the same place whose voxels are at most 1.25 mm long; the given centres stay among its own."""
    parts = np.ceil(grid.spacing_mm / _LONGEST_MM).astype(np.int64)
    i, j, k = (int(n) for n in (np.array(grid.shape) - 1) * parts + 1)
    affine = grid.affine.copy()
    affine[:3, :3] /= parts
    return Grid((i, j, k), affine)


def _coarse_field(soup: trimesh.Trimesh, grid: Grid) -> NDArray[np.float32]:
    """Return the winding number on the grid, read between places 2 mm apart: right but for next to points."""
    step = np.maximum(1, np.rint(_COARSE_MM / grid.spacing_mm)).astype(np.int64)
    i, j, k = (-(-(np.array(grid.shape) - 1) // step) + 1).tolist()
    affine = grid.affine.copy()
    affine[:3, :3] *= step
    lattice = Grid((i, j, k), affine)
    places = lattice.to_mm(np.argwhere(np.ones(lattice.shape, bool)))
    values = winding_number(soup, places).astype(np.float32).reshape(lattice.shape)
    return np.array(Volume(values, affine).resample_to(grid).array)


def _depth_mm(
    cloud: PointCloud,
    area_mm2: NDArray[np.float64],
    places_mm: NDArray[np.float64],
    inside: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return how far places (n, 3) lie from the surface, from the planes of the points nearest to them; above 0.

    Beyond a sharp rim the planes go on where the surface does not: there the distance to the nearest point counts.
    Measured on a hollow sphere at 1 mm: 0.004 mm RMS, against 0.2 mm of the winding number alone, which is a step.
    """
    from scipy.spatial import cKDTree

    away, index = cKDTree(cloud.points_mm).query(places_mm, k=_PLANES)
    nearest = cloud.normals[index[:, 0]]
    weight = 1 / (away**2 + area_mm2[index[:, :1]] / 4 + 1e-6)
    weight *= np.einsum("nkj,nj->nk", cloud.normals[index], nearest) > _SAME_PLANE
    height = np.einsum("nkj,nkj->nk", cloud.points_mm[index] - places_mm[:, None], cloud.normals[index])
    depth = (weight * height).sum(axis=1) / weight.sum(axis=1)
    agreed = np.maximum(np.where(inside, depth, -depth), _TOUCHING_MM)
    return np.maximum(agreed, away[:, 0] - np.sqrt(area_mm2[index[:, 0]]))


def _near_points(points_mm: NDArray[np.float64], grid: Grid, apart_mm: float) -> NDArray[np.bool_]:
    """Return the voxels around each point, as far as points lie apart and at least two voxels."""
    index = np.rint(grid.to_index(points_mm)).astype(np.int64)
    index = index[((index >= 0) & (index < grid.shape)).all(axis=1)]
    near = np.zeros(grid.shape, bool)
    near[tuple(index.T)] = True
    reach = min(apart_mm, _FARTHEST_MM) / float(grid.spacing_mm.min())
    return dilated_box(near, max(2, int(np.ceil(reach))))
