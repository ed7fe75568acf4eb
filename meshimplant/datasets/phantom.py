"""A parametric adult skull: implicit anatomy on a voxel grid, for tests and demonstrations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.datasets.phantom_base import base_floor, under_base
from meshimplant.datasets.phantom_face import carve_face, face, frontal_sinus
from meshimplant.datasets.phantom_relief import Lobe, lobes, relief, superellipsoid
from meshimplant.datasets.phantom_solids import Points, cut, join, meet
from meshimplant.errors import InputError
from meshimplant.head.latitude_longitude import interpolate_map
from meshimplant.voxels.grid import Grid, bounding_box
from meshimplant.voxels.volume import Volume

#: Box around every phantom, mm from the braincase's centre: left, back, up.
_LOW_MM, _HIGH_MM = np.array([-88.0, -120.0, -112.0]), np.array([88.0, 112.0, 92.0])
_SPACING_RANGE_MM = (0.3, 3.0)
_BRICK_VOXELS = 32
#: Lobes of the outer surface: azimuth and elevation (degrees), width (degrees), height (mm). Azimuth -90 is
#: the front, 0 the left, 90 the back; each lobe that is not in the midline has a mirror image.
_OUTER_LOBES = (
    (28, 30, 24, 4.0),  # parietal eminence
    (-58, 32, 15, 1.2),  # frontal eminence
    (-46, 20, 20, -4.5),  # side of the forehead
    (-36, -12, 19, -5.5),  # temple, behind the orbit
    (2, -16, 20, -3.5),  # temporal squama
    (50, -16, 18, -6.0),  # behind the ear
    (90, -2, 28, 4.0),  # occiput
    (90, 42, 20, -2.5),  # flat above the occiput
    (90, -22, 7, 2.5),  # occipital protuberance
    (-78, -11, 9, 2.5),  # brow
    (-60, -13, 8, 3.0),  # upper rim of the orbit
    (-90, 72, 24, -1.0),  # saddle behind the forehead
    (-90, 38, 26, -4.0),  # slope of the forehead
)
#: Lobes of the thickness, likewise.
_THICKNESS_LOBES: tuple[Lobe, ...] = (
    (-90, 30, 25, 1.2),  # forehead
    (-90, -12, 14, 5.0),  # behind the brow, where the sinus is
    (28, 35, 25, 1.2),  # parietal eminence
    (-15, -10, 24, -1.9),  # temple
    (90, 55, 28, 1.0),  # parietal bones in the midline
    (90, -18, 12, 5.5),  # occipital protuberance
    (90, 72, 12, -0.7),  # groove of the sagittal sinus
)


@dataclass(frozen=True, eq=False)
class _Head:
    """One random head: its proportions, its two surfaces as maps over all directions, and its warp."""

    semi_axes_mm: dict[str, float]
    outer_mm: NDArray[np.float32]
    thickness_mm: NDArray[np.float32]
    warp_mm: NDArray[np.float32]
    face_scale: NDArray[np.float64]
    sinus_scale: float
    phases: NDArray[np.float64]


def skull_phantom(*, spacing_mm: float = 1.0, seed: int = 0, tilt_deg: float = 0.0) -> Volume:
    """Return a complete adult skull without lower jaw, as a mask (uint8 0/1).

    The vault is defined by its outer radius in each direction (a superellipsoid with eminences, flat temples,
    a steep forehead and a full occiput) and by a thickness from 2-4 mm at the temples to 9-12 mm at the
    occipital protuberance. Base, orbits, nose, cheek bones, upper jaw and teeth are unions and differences of
    simple solids. The seed determines size, proportions, thickness, asymmetry (1 to 2 mm, smooth) and
    details.

    Means and standard deviations of length (183 +- 6 mm), breadth (143 +- 5), height and thickness follow
    published adult craniometry (Howells' series; Lynnerup 2001 for thickness: about 6 +- 1 mm). Details are
    drawn by eye. The phantom is neither a patient nor an average of patients.

    Parameters
    ----------
    spacing_mm : float
        Voxel edge, 0.3 to 3 mm. Time and memory grow with its inverse cube: 1 mm takes about 8 s.
    seed : int
        Selects the head; the same seed at another spacing gives the same head.
    tilt_deg : float
        Rotate the head by this angle about a random axis; the grid stays parallel to the patient's axes.

    Returns
    -------
    Volume
        x to the left, y to the back, z up; one connected body; the origin lies inside the head.

    Raises
    ------
    InputError
        The spacing is out of range.
    """
    if not _SPACING_RANGE_MM[0] <= spacing_mm <= _SPACING_RANGE_MM[1]:
        raise InputError(
            f"expected a spacing of {_SPACING_RANGE_MM[0]} to {_SPACING_RANGE_MM[1]} mm, got {spacing_mm:g}: "
            "choose one in this range (coarser voxels lose the temple, finer ones need too much memory)"
        )
    head = _draw_head(seed)
    rotation = _rotation(seed, tilt_deg)
    margin = 0.0 if tilt_deg == 0 else 110 * np.sin(np.radians(min(abs(tilt_deg), 40.0)))
    low, high = _LOW_MM - margin, _HIGH_MM + margin
    grid = Grid.around(low, high, spacing_mm=spacing_mm)
    bone = np.zeros(grid.shape, bool)
    axes = [low[a] + spacing_mm * np.arange(grid.shape[a]) for a in range(3)]
    for brick in _bricks(np.array(grid.shape)):
        places = np.meshgrid(*[axis[part] for axis, part in zip(axes, brick, strict=True)], indexing="ij")
        points = np.tensordot(rotation.T.astype(np.float32), np.stack(places).astype(np.float32), axes=1)
        bone[brick] = _bone_field(head, points) > 0
    return _trimmed(Volume(_largest(bone), grid.affine))


# -- the head that a seed draws
# -------------------------------------------------------------------------------


def _draw_head(seed: int) -> _Head:
    rng = np.random.default_rng([seed, 20_240_229])
    size = rng.normal(1, 0.022)
    semi_axes = {
        "side": 68.5 * size * rng.normal(1, 0.025),
        "front": 87.0 * size * rng.normal(1, 0.022),
        "back": 90.0 * size * rng.normal(1, 0.025),
        "up": 75.5 * size * rng.normal(1, 0.022),
        "down": 70.0 * size,
        "power": rng.normal(2.25, 0.05),
        "taper": rng.normal(0.09, 0.02),
    }
    outer = (
        superellipsoid(semi_axes) + lobes(_OUTER_LOBES, rng, 0.25) + relief(rng, (1.4, 1.0, 0.3), (42, 24, 9))
    )
    thickness = 6.0 * np.exp(rng.normal(0, 0.16)) + lobes(_THICKNESS_LOBES, rng, 0.2)
    thickness += relief(rng, (0.35, 0.3, 0.2), (40, 20, 8))
    return _Head(
        semi_axes_mm=semi_axes,
        outer_mm=outer.astype(np.float32),
        thickness_mm=np.maximum(thickness, 2.2).astype(np.float32),
        warp_mm=_warp(rng),
        face_scale=size * rng.normal(1, (0.03, 0.02, 0.035)),
        sinus_scale=float(np.clip(rng.normal(1, 0.3), 0.4, 1.6)),
        phases=rng.uniform(0, 2 * np.pi, 6),
    )


_WARP_STEP_MM = 40.0


def _warp(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return displacements (3, i, j, k), mm, every 40 mm: the asymmetry common to all parts."""
    shape = np.ceil((_HIGH_MM - _LOW_MM + 200) / _WARP_STEP_MM).astype(int) + 1
    return rng.normal(0, (1.1, 0.8, 0.8), (*shape, 3)).transpose(3, 0, 1, 2).astype(np.float32)


def _rotation(seed: int, tilt_deg: float) -> NDArray[np.float64]:
    from scipy.spatial.transform import Rotation

    axis = np.random.default_rng([seed, 7]).normal(size=3)
    return Rotation.from_rotvec(np.radians(tilt_deg) * axis / np.linalg.norm(axis)).as_matrix()


# -- the field
# --------------------------------------------------------------------------------------------------


def _bricks(shape: NDArray[np.int64]) -> Iterator[tuple[slice, slice, slice]]:
    """Yield boxes of voxels small enough for the CPU's cache."""
    starts = [range(0, int(size), _BRICK_VOXELS) for size in shape]
    for i, j, k in product(*starts):
        yield slice(i, i + _BRICK_VOXELS), slice(j, j + _BRICK_VOXELS), slice(k, k + _BRICK_VOXELS)


def _bone_field(head: _Head, points: Points) -> NDArray[np.float32]:
    """Return the field of the bone, approximately in mm, positive inside, at points (3, ...).

    Far from the surfaces only its sign is correct: parts that cannot reach a brick of points are skipped.
    """
    lowest = float(points[2].min())
    radius = np.sqrt((points**2).sum(axis=0))
    if lowest > 5 and (radius.min() > 108 or radius.max() < 50):
        return np.full(points.shape[1:], -1, np.float32)
    points = points + _displacement(head, points)
    outer, inner = _vault_surfaces(head, points)
    if lowest > 5:
        return np.minimum(outer, -inner)
    floor, under = base_floor(points), under_base(points)
    cavity = meet(inner, points[2] - floor, 5.0)
    shell = meet(outer, points[2] - under, 5.0)
    if points[1].min() > 40:
        return np.minimum(shell, -cavity)
    scaled = _face_points(head, points)
    bone = join(np.minimum(shell, -cavity), face(scaled, head.phases), 5.0)
    bone = cut(bone, cavity, 0.6)
    walls = np.minimum(outer, -cavity) - 2.5
    bone = cut(bone, np.minimum(frontal_sinus(scaled, head.sinus_scale), walls), 1.0)
    return carve_face(bone, scaled, points, head.phases)


def _displacement(head: _Head, points: Points) -> NDArray[np.float32]:
    low = (_LOW_MM - 100).astype(np.float32).reshape(3, *[1] * (points.ndim - 1))
    index = (points - low) / np.float32(_WARP_STEP_MM)
    return np.stack(
        [ndimage.map_coordinates(w, index, order=1, mode="nearest", output=np.float32) for w in head.warp_mm]
    )


def _vault_surfaces(head: _Head, points: Points) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the depth below the outer and below the inner surface, mm, both positive towards the centre."""
    radius = np.sqrt((points**2).sum(axis=0))
    outer, thick = (
        interpolate_map(values, np.moveaxis(points, 0, -1), np.maximum(radius, 1e-3))
        for values in (head.outer_mm, head.thickness_mm)
    )
    return outer - radius, outer - thick - radius


def _face_points(head: _Head, points: Points) -> Points:
    """Map points into the frame of the standard face, which varies in size and follows the forehead."""
    brow = np.float32(87.0 - head.semi_axes_mm["front"])
    scale = head.face_scale.astype(np.float32).reshape(3, *[1] * (points.ndim - 1))
    anchor = np.array([0, -60, -20], np.float32).reshape(scale.shape)
    moved = points.copy()
    moved[1] -= brow
    return (moved - anchor) / scale + anchor


def _largest(bone: NDArray[np.bool_]) -> NDArray[np.uint8]:
    import cc3d

    labels = cc3d.connected_components(bone, connectivity=6)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (labels == np.argmax(sizes)).astype(np.uint8)


def _trimmed(skull: Volume) -> Volume:
    """Crop to the bone and a margin of 4 mm."""
    start, stop = bounding_box(skull.array)
    margin = int(np.ceil(4 / skull.spacing_mm[0]))
    box = skull.crop(start - margin, stop + margin)
    return Volume(np.ascontiguousarray(box.array), box.affine)
