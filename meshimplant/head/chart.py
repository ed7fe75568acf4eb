"""`Chart`: a flat, azimuthal equidistant map of the directions around a middle direction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

#: Radius on which charts of the head measure arc length, mm; about that of an adult vault.
CHART_RADIUS_MM = 75.0


@dataclass(frozen=True, eq=False)
class Chart:
    """Azimuthal equidistant chart: distance and bearing from the middle are true; arc length is in mm.

    Attributes
    ----------
    axes : (3, 3) array
        Rows are orthonormal: the directions in which the first and the second coordinate grow, and the middle
        direction. The frame (head, braincase or patient) is that of the directions that are mapped.
    radius_mm : float
        Length of one radian on the chart, mm.
    spacing_mm : float
        Distance between neighbouring nodes, mm.
    start_mm : (2,) array
        Coordinates of the first node; the middle direction has the coordinates 0, 0.
    shape : (int, int)
        Number of nodes along each coordinate.
    """

    axes: NDArray[np.float64]
    radius_mm: float
    spacing_mm: float
    start_mm: NDArray[np.float64]
    shape: tuple[int, int]

    @classmethod
    def around(cls, middle: ArrayLike, *, half_width_mm: float, spacing_mm: float) -> Chart:
        """Return the square chart of the vault around a direction; see `square`."""
        return cls.square(axes_around(middle), half_width_mm=half_width_mm, spacing_mm=spacing_mm)

    @classmethod
    def square(
        cls,
        axes: NDArray[np.float64],
        *,
        half_width_mm: float,
        spacing_mm: float,
        radius_mm: float = CHART_RADIUS_MM,
    ) -> Chart:
        """Return the chart that reaches at least `half_width_mm` from the node in its middle to each side."""
        nodes = int(np.ceil(half_width_mm / spacing_mm))
        start_mm = np.full(2, -nodes * spacing_mm)
        return Chart(axes, radius_mm, spacing_mm, start_mm, (2 * nodes + 1, 2 * nodes + 1))

    @property
    def half_width_mm(self) -> float:
        """Distance from the middle of a square chart to its sides."""
        return -float(self.start_mm[0])

    def with_spacing(self, spacing_mm: float) -> Chart:
        """Return the square chart with the same axes, at least the same reach and another spacing."""
        return Chart.square(
            self.axes, half_width_mm=self.half_width_mm, spacing_mm=spacing_mm, radius_mm=self.radius_mm
        )

    @cached_property
    def directions(self) -> NDArray[np.float64]:
        """Unit direction of every node, (rows, columns, 3)."""
        lines = [
            start + self.spacing_mm * np.arange(n) for start, n in zip(self.start_mm, self.shape, strict=True)
        ]
        return self.directions_at(*np.meshgrid(*lines, indexing="ij"))

    def directions_at(
        self, first_mm: NDArray[np.float64], second_mm: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the unit directions (..., 3) at coordinates (...) on the chart."""
        first, second, middle = self.axes
        angle = np.minimum(np.hypot(first_mm, second_mm) / self.radius_mm, np.pi)
        bearing = np.arctan2(second_mm, first_mm)
        sideways = np.cos(bearing)[..., None] * first + np.sin(bearing)[..., None] * second
        return np.cos(angle)[..., None] * middle + np.sin(angle)[..., None] * sideways

    def to_mm(self, directions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the coordinates (2, ...) of vectors (..., 3), of any length, in their precision."""
        return self._project(directions, self.radius_mm)

    def nodes_at(
        self, first_mm: NDArray[np.floating], second_mm: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Return fractional node indices (2, ...) at coordinates (...) on the chart."""
        places_mm = zip((first_mm, second_mm), self.start_mm, strict=True)
        return np.stack([(place - float(start)) / self.spacing_mm for place, start in places_mm])

    def to_nodes(self, directions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return fractional node indices (2, ...) of vectors (..., 3), of any length, in their precision."""
        first, second = self._project(directions, self.radius_mm / self.spacing_mm)
        middle = -self.start_mm / self.spacing_mm
        return np.stack([first + float(middle[0]), second + float(middle[1])])

    def read(self, values: NDArray[np.floating], nodes: NDArray[np.floating]) -> NDArray[np.float64]:
        """Read node values linearly at fractional indices (2, ...); beyond the chart, those at its edge."""
        return ndimage.map_coordinates(values, nodes, order=1, mode="nearest", output=np.float64)

    def refine(self, values: NDArray[np.float64], fine: Chart) -> NDArray[np.float64]:
        """Interpolate node values (cubic) at the nodes of a chart with the same axes and a finer spacing."""
        lines = [
            (fine.spacing_mm * np.arange(size) + (fine_start - start)) / self.spacing_mm
            for size, fine_start, start in zip(fine.shape, fine.start_mm, self.start_mm, strict=True)
        ]
        return ndimage.map_coordinates(values, np.meshgrid(*lines, indexing="ij"), order=3, mode="nearest")

    def _project(self, directions: NDArray[np.floating], per_radian: float) -> NDArray[np.floating]:
        """Return coordinates (2, ...) of vectors (..., 3), scaled so that one radian is `per_radian` long."""
        a, b, c = (directions @ axis.astype(directions.dtype) for axis in self.axes)
        sine = np.hypot(a, b)
        scale = np.arctan2(sine, c) * per_radian / np.maximum(sine, 1e-9)
        return np.stack([a * scale, b * scale])


def axes_around(middle: ArrayLike) -> NDArray[np.float64]:
    """Return a right-handed orthonormal frame (rows) whose last axis is the given direction."""
    middle = np.array(middle, np.float64)
    middle /= max(float(np.linalg.norm(middle)), 1e-9)
    first = np.cross(np.eye(3)[int(np.argmin(np.abs(middle)))], middle)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(middle, first), middle])
