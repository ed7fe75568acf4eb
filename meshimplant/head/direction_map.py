"""The region around an implant as seen from inside the head: a flat map of directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.mesh.rays import Rays


@dataclass(frozen=True, eq=False)
class Extent:
    """A closed mesh on a map of directions; arrays (rows, columns).

    Attributes
    ----------
    inner_mm, outer_mm
        Distance from the centre where each direction enters and last leaves the mesh; nan where it misses.
    inner_face, outer_face
        The faces it enters and leaves through; -1 where it misses.
    """

    inner_mm: NDArray[np.float64]
    outer_mm: NDArray[np.float64]
    inner_face: NDArray[np.int64]
    outer_face: NDArray[np.int64]

    @property
    def hit(self) -> NDArray[np.bool_]:
        """True where the direction meets the mesh."""
        return self.outer_face >= 0


@dataclass(frozen=True, eq=False)
class PolarMap:
    """A flat map of directions from a centre; distances on it are millimetres at the implant's mean radius.

    Azimuthal equidistant about the implant's middle, so that a pixel is equally wide towards the middle
    everywhere.

    Attributes
    ----------
    centre_mm
        The point (3,) inside the head from which one looks.
    axes
        Unit vectors (3, 3) as rows: right, up and forward (the middle of the map).
    radius_mm
        Mean distance of the implant from the centre.
    pixel_mm, start_mm, shape
        Pixel width, place of the first pixel's centre on the map, and number of pixels.
    """

    centre_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    radius_mm: float
    pixel_mm: float
    start_mm: NDArray[np.float64]
    shape: tuple[int, int]

    @classmethod
    def around(
        cls, points_mm: ArrayLike, centre_mm: ArrayLike, *, pixel_mm: float = 0.6, margin_mm: float = 2.0
    ) -> PolarMap:
        """Return the map that holds all points (n, 3), seen from a centre (3,), with a margin."""
        centre = np.asarray(centre_mm, float)
        arms = np.asarray(points_mm, float) - centre
        reach = np.maximum(np.linalg.norm(arms, axis=1, keepdims=True), 1e-9)
        forward = (arms / reach).mean(axis=0)
        forward /= max(float(np.linalg.norm(forward)), 1e-9)
        right = np.cross(forward, np.eye(3)[np.argmin(np.abs(forward))])
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(forward, right), forward])
        radius = float(np.median(reach))
        flat = _flatten(arms / reach @ axes.T, radius)
        start = flat.min(axis=0) - margin_mm
        rows, columns = np.ceil((flat.max(axis=0) + margin_mm - start) / pixel_mm).astype(int) + 1
        return cls(centre, axes, radius, pixel_mm, start, (int(rows), int(columns)))

    @cached_property
    def directions(self) -> NDArray[np.float64]:
        """Unit vector (rows, columns, 3) of each pixel."""
        rows, columns = np.indices(self.shape)
        flat = np.stack([rows, columns], axis=-1) * self.pixel_mm + self.start_mm
        angle = np.linalg.norm(flat, axis=-1, keepdims=True) / self.radius_mm
        sideways = flat / self.radius_mm * np.sinc(angle / np.pi)
        return np.concatenate([sideways, np.cos(angle)], axis=-1) @ self.axes

    def place(self, points_mm: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return fractional pixels (n, 2) and distances from the centre (n,) of points (n, 3)."""
        arms = np.asarray(points_mm, float) - self.centre_mm
        reach = np.linalg.norm(arms, axis=-1)
        unit = arms / np.maximum(reach, 1e-9)[..., None] @ self.axes.T
        return (_flatten(unit, self.radius_mm) - self.start_mm) / self.pixel_mm, reach

    def to_mm(self, radii_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points (rows, columns, 3) at the given distances (rows, columns) from the centre."""
        return self.centre_mm + self.directions * radii_mm[..., None]

    def read(self, values: NDArray[np.float64], pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Read a map (rows, columns) at fractional pixels (n, 2); beyond its edge the edge's value."""
        return ndimage.map_coordinates(values, pixels.T, order=1, mode="nearest", output=np.float64)

    def extent(self, mesh: trimesh.Trimesh) -> Extent:
        """Return where each direction enters and where it last leaves a closed mesh."""
        rays = Rays(mesh)
        unit = self.directions.reshape(-1, 3)
        reach = np.linalg.norm(np.asarray(mesh.vertices) - self.centre_mm, axis=1)
        near, far = float(reach.min()) - 1, float(reach.max()) + 1
        inward, inner_face = rays.first(self.centre_mm + unit * near, unit)
        outward, outer_face = rays.first(self.centre_mm + unit * far, -unit)
        inner, outer = inward + near, far - outward
        missed = np.isnan(inner) | np.isnan(outer) | (outer < inner)
        inner[missed], outer[missed] = np.nan, np.nan
        inner_face[missed], outer_face[missed] = -1, -1
        shape = self.shape
        return Extent(
            inner.reshape(shape), outer.reshape(shape), inner_face.reshape(shape), outer_face.reshape(shape)
        )


def nearest_known(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fill a map's unknown pixels with the value of the nearest known one; unchanged if none is known."""
    from scipy.spatial import cKDTree

    filled = values.copy()
    if known.any() and not known.all():
        nearest = cKDTree(np.argwhere(known)).query(np.argwhere(~known))[1]
        filled[~known] = values[known][nearest]
    return filled


def _flatten(unit: NDArray[np.float64], radius_mm: float) -> NDArray[np.float64]:
    """Return the place (n, 2) on the map, mm, of unit vectors (n, 3) given in the map's axes."""
    across = np.hypot(unit[..., 0], unit[..., 1])
    angle = np.arctan2(across, unit[..., 2])
    scale = radius_mm * np.where(across > 1e-12, angle / np.maximum(across, 1e-12), 1.0)
    return unit[..., :2] * scale[..., None]
