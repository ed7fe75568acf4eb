"""Made CTs of heads with a known skull: scalp, thin temples, diploe and brain, as a scanner would show them.

`make_head` draws a head, `scan` renders it sharply and then blurs, averages and disturbs it as a kernel and a
slice thickness do. The surfaces are known in closed form, so errors can be measured below a voxel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.datasets.phantom_relief import lobes, relief, superellipsoid
from meshimplant.head.latitude_longitude import interpolate_map
from meshimplant.skull.thick_slices import interpolate_slices
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

#: Lobes (azimuth, elevation, width, height) of the outer surface and of the thickness, mm, and of the temple,
#: the fraction by which bone is thinner there.
_OUTER = ((28, 30, 24, 4.0), (-36, -5, 19, -4.0), (2, -12, 20, -2.5), (90, -2, 28, 3.0), (-90, 38, 26, -3.0))
_THICK = ((-90, 20, 25, 1.0), (28, 35, 25, 1.0), (90, 50, 28, 1.0))
_TEMPLE = ((-14, -2, 24, 0.83),)
#: Height of the part of the head that is scanned, mm above the centre, at scale 1.
_LOW_MM, _HIGH_MM = -30.0, 87.0

#: Bone thinner than this is thin, mm.
THIN_MM = 2.5

Map = NDArray[np.float64]


@dataclass(frozen=True)
class Kernel:
    """A reconstruction kernel: blur in the plane, edge enhancement, and noise of a slice of 0.6 mm."""

    blur_mm: float
    enhancement: float
    noise_hu: float


KERNELS = {
    "soft": Kernel(0.58, 0.0, 12.0),
    "standard": Kernel(0.45, 0.1, 22.0),
    "bone": Kernel(0.28, 0.35, 90.0),
}


@dataclass(frozen=True, eq=False)
class MadeHead:
    """A head that a seed drew.

    Attributes
    ----------
    outer_mm, thickness_mm : (azimuth, elevation) array
        Radius of the outer surface of the skull, and thickness of the bone, along each direction.
    cortex_mm, scalp_mm : float
        Thickness of each table, and of the scalp.
    scale : float
        Size of the head; thicknesses are not scaled.
    seed : int
        Draws textures and noise.
    """

    outer_mm: Map
    thickness_mm: Map
    cortex_mm: float
    scalp_mm: float
    tissue_hu: dict[str, float]
    scale: float
    seed: int

    def radii(self, points: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the outer radius and the thickness in the directions of points (..., 3), mm."""
        radius = np.maximum(np.linalg.norm(points, axis=-1), 1e-3)
        return (
            interpolate_map(self.outer_mm, points, radius),
            interpolate_map(self.thickness_mm, points, radius),
        )


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """Points (n, 3) of the true outer and inner surface, LPS mm, along n directions, and the thickness."""

    outer_mm: NDArray[np.float64]
    inner_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]


def make_head(seed: int = 0, *, scale: float = 1.0) -> MadeHead:
    """Draw a head: size, shape, thickness from about 1 mm at the temples to 8 mm, and tissues."""
    rng = np.random.default_rng([seed, 41])
    size = scale * rng.normal(1, 0.02)
    axes = {"side": 68 * size, "front": 87 * size, "back": 90 * size, "up": 76 * size, "down": 76 * size}
    outer = superellipsoid({**axes, "power": 2.2, "taper": 0.08}) + scale * lobes(_OUTER, rng, 0.2)
    outer += scale * relief(rng, (0.8, 0.4), (30, 12))
    thickness = (
        6.0 * np.exp(rng.normal(0, 0.1)) + lobes(_THICK, rng, 0.12) + relief(rng, (0.3, 0.2), (30, 12))
    )
    thickness *= 1 - lobes(_TEMPLE, rng, 0.02)
    return MadeHead(
        outer_mm=outer,
        thickness_mm=np.maximum(thickness, 0.9),
        cortex_mm=rng.uniform(1.1, 1.6),
        scalp_mm=rng.uniform(5, 8),
        tissue_hu={
            "cortex": rng.uniform(1100, 1700),
            "diploe": rng.uniform(350, 650),
            "brain": rng.uniform(30, 40),
        },
        scale=scale,
        seed=seed,
    )


Change = Callable[[NDArray[np.floating], NDArray[np.floating]], None]


def scan(
    head: MadeHead,
    *,
    kernel: str = "standard",
    slice_mm: float = 1.0,
    pixel_mm: float = 0.45,
    change: Change | None = None,
    low_mm: float | None = None,
) -> Volume:
    """Return the CT of a head (int16, HU): axes to L, P and S, slices side by side.

    Parameters
    ----------
    head : MadeHead
        The head.
    kernel : str
        One of `KERNELS`.
    slice_mm, pixel_mm : float
        Thickness of the slices, and edge of a pixel.
    change : callable, optional
        Called with the sharp values and the points of each of its slices, to place metal or a hole.
    low_mm : float, optional
        Height of the lowest slice; default 30 mm below the centre at scale 1.
    """
    parts = max(1, round(slice_mm / 0.35))
    step_mm = slice_mm / parts
    margin_mm = 12.0 + head.scalp_mm
    half = np.array([72.0, 97.0]) * head.scale + margin_mm
    low_mm = _LOW_MM * head.scale if low_mm is None else low_mm
    count = int(np.ceil((_HIGH_MM * head.scale + margin_mm - low_mm) / slice_mm))
    x, y = (np.arange(-size, size, pixel_mm, np.float32) for size in half)
    slices = np.empty((len(x), len(y), count), np.float32)
    rng = np.random.default_rng([head.seed, 5])
    texture = _texture(rng, (len(x), len(y), count * parts), np.array([pixel_mm, pixel_mm, step_mm]))
    for number in range(count):
        thin = np.empty((len(x), len(y), parts), np.float32)
        for part in range(parts):
            z = low_mm + (number * parts + part + 0.5) * step_mm
            points = np.stack(np.broadcast_arrays(x[:, None], y[None], np.float32(z)), axis=-1)
            thin[..., part] = _sharp(head, points, texture[..., number * parts + part])
            if change is not None:
                change(thin[..., part], points)
        slices[..., number] = np.clip(thin, -1000, 12000).mean(axis=-1)
    slices = _seen_by(KERNELS[kernel], slices, pixel_mm, slice_mm, rng)
    affine = np.diag([pixel_mm, pixel_mm, slice_mm, 1.0])
    affine[:3, 3] = x[0], y[0], low_mm + slice_mm / 2
    return Volume(np.rint(np.clip(slices, -1024, 3071)).astype(np.int16), affine)


def surface_points(head: MadeHead, *, count: int = 20_000, above_mm: float | None = None) -> SurfacePoints:
    """Return evenly spread points of the true surfaces, from 4 mm above the lowest slice or from a height."""
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    z = np.linspace(-1, 1, count)
    level = np.sqrt(1 - z**2)
    way = np.stack([level * np.cos(turn), level * np.sin(turn), z], axis=-1)
    outer, thickness = head.radii(way)
    points = way * outer[:, None]
    inner = way * (outer - thickness)[:, None]
    above_mm = _LOW_MM * head.scale + 4 if above_mm is None else above_mm
    chosen = points[:, 2].clip(None, inner[:, 2]) > above_mm
    return SurfacePoints(points[chosen], inner[chosen], thickness[chosen])


@dataclass(frozen=True, eq=False)
class SurfaceErrors:
    """How far a mask's surface is outside of the true one (n,), mm, and whether bone was kept (n,).

    The surface is that of the mask as the line uses it, with slices interpolated between thick ones.
    """

    outer_mm: NDArray[np.float64]
    inner_mm: NDArray[np.float64]
    kept: NDArray[np.bool_]
    thin: NDArray[np.bool_]


def surface_errors(head: MadeHead, mask: Volume, *, above_mm: float | None = None) -> SurfaceErrors:
    """Measure a mask of bone against the true surfaces; bone of less than `THIN_MM` is thin."""
    bone = interpolate_slices(mask)
    start, stop = bounding_box(bone.array)
    bone = bone.crop(start - 6, stop + 6)
    truth, distance = surface_points(head, above_mm=above_mm), signed_distance(bone)

    def read(field: Volume, points: NDArray[np.float64]) -> NDArray[np.float64]:
        index = field.to_index(points).T
        return ndimage.map_coordinates(field.array, index, order=1, mode="nearest", output=float)

    across = truth.inner_mm - truth.outer_mm
    solid = bone.with_array((bone.array != 0).astype(np.float32))
    inside = [read(solid, truth.outer_mm + part * across) for part in (0.2, 0.5, 0.8)]
    return SurfaceErrors(
        outer_mm=read(distance, truth.outer_mm),
        inner_mm=read(distance, truth.inner_mm),
        kept=np.max(inside, axis=0) >= 0.5,
        thin=truth.thickness_mm < THIN_MM,
    )


def _sharp(head: MadeHead, points: NDArray[np.float32], texture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values of a slice before the scanner blurs it; borders are one pixel wide."""
    values = np.full(points.shape[:-1], -1000, np.float32)
    radius = np.linalg.norm(points, axis=-1)
    near = radius < float(head.outer_mm.max()) + head.scalp_mm + 1
    chosen = points[near]
    outer, thick = head.radii(chosen)
    values[near] = _layers(head, outer - radius[near], thick, texture[near])
    return values


def _layers(
    head: MadeHead, depth: NDArray[np.floating], thick: NDArray[np.floating], texture: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the values at depths below the outer surface of the skull."""
    hu, scalp, cortex = head.tissue_hu, head.scalp_mm, head.cortex_mm
    layers: list[tuple[NDArray[np.floating] | float, NDArray[np.floating] | float]] = [
        (-scalp, 60.0),
        (-scalp + 1.5, -80.0),
        (-0.5 * scalp, 55.0),
        (0.0, hu["cortex"]),
        (np.minimum(cortex, thick / 2), np.where(thick > 2 * cortex, hu["diploe"] + texture, hu["cortex"])),
        (np.maximum(thick - cortex, thick / 2), hu["cortex"]),
        (thick, 8.0),
        (thick + 1.5, hu["brain"]),
    ]
    values = np.full(depth.shape, -1000.0)
    before: NDArray[np.floating] | float = -1000.0
    for begin, value in layers:
        values += (value - before) * np.clip((depth - begin) / 0.4 + 0.5, 0, 1)
        before = value
    values += np.where(depth > thick, 22 * np.exp(-np.maximum(depth - thick, 0) / 7) - 6, 0)
    return values


def _texture(
    rng: np.random.Generator, shape: tuple[int, int, int], spacing_mm: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return smooth random values of the diploe, 150 HU at one standard deviation."""
    coarse = rng.normal(0, 150, tuple(np.ceil(np.array(shape) * spacing_mm / 1.5).astype(int) + 2))
    low = coarse.astype(np.float32)
    index = [
        np.minimum(np.rint(np.arange(n) * s / 1.5).astype(int), low.shape[a] - 1)
        for a, (n, s) in enumerate(zip(shape, spacing_mm, strict=True))
    ]
    return low[np.ix_(*index)]


def _seen_by(
    kernel: Kernel, slices: NDArray[np.float32], pixel_mm: float, slice_mm: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return slices as a kernel shows them, with its noise and the cupping of the whole head."""
    blur = (kernel.blur_mm / pixel_mm,) * 2 + (0.25 / slice_mm,)
    seen = _enhanced(kernel, ndimage.gaussian_filter(slices, blur), pixel_mm)
    noise = rng.normal(0, 1, slices.shape).astype(np.float32)
    noise = _enhanced(kernel, ndimage.gaussian_filter(noise, (blur[0] * 0.8, blur[1] * 0.8, 0.3)), pixel_mm)
    return seen + noise * np.float32(kernel.noise_hu * min(1.0, np.sqrt(0.6 / slice_mm)) / noise.std())


def _enhanced(kernel: Kernel, values: NDArray[np.float32], pixel_mm: float) -> NDArray[np.float32]:
    if not kernel.enhancement:
        return values
    wide = ndimage.gaussian_filter(values, (0.8 / pixel_mm, 0.8 / pixel_mm, 0))
    return values + np.float32(kernel.enhancement) * (values - wide)
