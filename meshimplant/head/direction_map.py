"""`DirectionMap`: the region around an implant as seen from inside the head, on a chart of directions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.head.chart import Chart, axes_around
from meshimplant.mesh.rays import RayCaster


@dataclass(frozen=True, eq=False)
class Extent:
    """Where the directions of a map enter and leave a closed mesh.

    Attributes
    ----------
    inner_mm, outer_mm : (rows, columns) arrays
        Distance from the centre at which each direction first enters and last leaves the mesh; nan where it
        misses.
    inner_face, outer_face : (rows, columns) arrays of int
        Faces through which it enters and leaves; -1 where it misses.
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
class DirectionMap(Chart):
    """A chart of the directions from a point inside the head towards an implant.

    Surfaces are given as radii from that point. The chart's millimetres hold at the implant's median radius.

    Attributes
    ----------
    centre_mm : (3,) array
        The point inside the head, LPS; the chart's axes are LPS too.
    """

    centre_mm: NDArray[np.float64]

    @classmethod
    def around_points(
        cls, points_mm: ArrayLike, centre_mm: ArrayLike, *, spacing_mm: float = 0.6, margin_mm: float = 2.0
    ) -> DirectionMap:
        """Return the map that holds all LPS points (n, 3) as seen from a centre (3,), with a margin."""
        centre = np.asarray(centre_mm, float)
        arms = np.asarray(points_mm, float) - centre
        radii = np.maximum(np.linalg.norm(arms, axis=1, keepdims=True), 1e-9)
        axes = axes_around((arms / radii).mean(axis=0)) * np.array([[-1.0], [-1.0], [1.0]])
        radius_mm = float(np.median(radii))
        whole = cls(axes, radius_mm, spacing_mm, np.zeros(2), (1, 1), centre)
        places_mm = whole.to_mm(arms / radii).T
        start_mm = places_mm.min(axis=0) - margin_mm
        rows, columns = np.ceil((places_mm.max(axis=0) + margin_mm - start_mm) / spacing_mm).astype(int) + 1
        return replace(whole, start_mm=start_mm, shape=(int(rows), int(columns)))

    def place(self, points_mm: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return fractional nodes (n, 2) and distances from the centre (n,) of LPS points (n, 3)."""
        arms = np.asarray(points_mm, float) - self.centre_mm
        radii = np.linalg.norm(arms, axis=-1)
        nodes = np.asarray(self.to_nodes(arms / np.maximum(radii, 1e-9)[..., None]), np.float64)
        return nodes.T, radii

    def points_at(self, radii_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the LPS points (rows, columns, 3) at the given distances (rows, columns) from the centre."""
        return self.centre_mm + self.directions * radii_mm[..., None]

    @property
    def middle_points(self) -> NDArray[np.float64]:
        """The LPS points (rows, columns, 3) at the implant's median radius."""
        return self.points_at(np.full(self.shape, self.radius_mm))

    def extent(self, mesh: trimesh.Trimesh) -> Extent:
        """Return where each direction first enters and last leaves a closed mesh."""
        rays = RayCaster(mesh)
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
