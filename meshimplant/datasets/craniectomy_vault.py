"""The vault around a virtual defect on a flat chart: inner and outer radius, and the mapping of points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.datasets.craniectomy_outline import HALF_MM, STEP_MM, plane
from meshimplant.head.braincase import Braincase
from meshimplant.head.chart import Chart
from meshimplant.head.columns import read_columns
from meshimplant.head.fill import average_known
from meshimplant.voxels.volume import Volume

_STEP_MM = 2.5
_RADII_MM = np.arange(30.0, 140.0, 0.5)
#: Bone belongs to the vault up to this far behind its inner surface: at the sides, where the cheek bone lies
#: 15 mm or more outside the temple, and in front, where the frontal sinus opens between the tables.
_REACH_MM = (13.0, 24.0)
#: Tolerance inside the smoothed inner and outside the smoothed outer surface.
_PLAY_MM = (6.0, 3.5)
#: Tolerance outside for defects that include the rim of the orbit, which stands out from the smoothed
#: surface.
RIM_PLAY_MM = 14.0
#: Rays at least this far forward (cosine to the front) may cross a frontal sinus.
_SINUS_FORWARD = 0.77


@dataclass(frozen=True, eq=False)
class FlatVault:
    """Inner and outer surface of the vault on a chart around one direction from the braincase's centre.

    Attributes
    ----------
    frame : Braincase
        Frame of the chart's directions.
    chart : Chart
        Coordinates: across and along, mm at the mean outer radius.
    inner_mm, outer_mm : (m, m) arrays
        Smoothed radius of the inner and the outer surface at the chart's nodes.
    """

    frame: Braincase
    chart: Chart
    inner_mm: NDArray[np.float64]
    outer_mm: NDArray[np.float64]

    def project(
        self, local_mm: NDArray[np.float64], *, play_mm: float = _PLAY_MM[1]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating], NDArray[np.bool_]]:
        """Map points (n, 3) to across, along and depth, mm, and whether they lie within the vault."""
        radius = np.linalg.norm(local_mm, axis=1).astype(np.float32)
        across, along = self.chart.to_mm(local_mm).astype(np.float32)
        inner, outer = (
            self.chart.read(surface, self.chart.nodes_at(across, along)).astype(np.float32)
            for surface in (self.inner_mm, self.outer_mm)
        )
        near = (radius > inner - _PLAY_MM[0]) & (radius < outer + np.float32(play_mm))
        near &= (np.abs(across) < HALF_MM) & (np.abs(along) < HALF_MM)
        return across, along, np.maximum(outer - radius, 0), near

    def thickness_mm(
        self, across_mm: NDArray[np.floating], along_mm: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Return the distance from the outer to the inner surface at positions on the chart."""
        nodes = self.chart.nodes_at(across_mm, along_mm)
        return self.chart.read(self.outer_mm - self.inner_mm, nodes)

    def above_floor_mm(
        self, across_mm: NDArray[np.float64], along_mm: NDArray[np.float64], *, lower_in_front_mm: float = 0.0
    ) -> NDArray[np.float64]:
        """Return the height, mm, of the outer surface above the vault's floor, at positions on the chart.

        The floor is a level below the braincase's long axis: the upper rim of the orbits in front, the root
        of the cheek bone at the sides, the nuchal line at the back. In front it can be lowered.
        """
        directions = self.chart.directions_at(across_mm, along_mm)
        outer = self.chart.read(self.outer_mm, self.chart.nodes_at(across_mm, along_mm))
        forward = np.clip(-directions[..., 1], 0, 1)
        backward = np.clip(directions[..., 1], 0, 1)
        floor = -34.0 + (26.0 - lower_in_front_mm) * forward + 10.0 * backward
        return outer * directions[..., 2] - floor

    def volume_cm3(self, drawn: NDArray[np.bool_]) -> float:
        """Estimate the volume of bone under an outline (nodes of `plane`) from the two radii."""
        across, along = plane()
        nodes = self.chart.nodes_at(across, along)
        inner, outer = (self.chart.read(surface, nodes) for surface in (self.inner_mm, self.outer_mm))
        angle = np.hypot(across, along) / self.chart.radius_mm
        solid_angle = (STEP_MM / self.chart.radius_mm) ** 2 * np.sinc(angle / np.pi)
        return float(((outer**3 - inner**3) / 3 * solid_angle)[drawn].sum() / 1000)

    def shell_points_mm(
        self, drawn: NDArray[np.bool_], *, play_mm: float = _PLAY_MM[1]
    ) -> NDArray[np.float64]:
        """Return LPS points on both sides of the shell under an outline (nodes of `plane`)."""
        index = np.argwhere(drawn)[::11]
        across, along = (side[tuple(index.T)] for side in plane())
        directions, nodes = self.chart.directions_at(across, along), self.chart.nodes_at(across, along)
        points = []
        for surface, play in ((self.inner_mm, -_PLAY_MM[0]), (self.outer_mm, play_mm)):
            radius = self.chart.read(surface, nodes) + play
            points.append(self.frame.to_mm(directions * radius[:, None]))
        return np.concatenate(points)


def read_flat_vault(
    skull: Volume, frame: Braincase, direction: NDArray[np.float64], *, columns: bool = False
) -> FlatVault:
    """Read the vault's two surfaces around a unit direction of the frame.

    The inner surface is where a ray from the centre first meets bone; the outer one is the last bone within
    `_REACH_MM` of it or, for `columns`, the end of the first column of bone, however long: the ridge of the
    sphenoid is longer than that. Both are smoothed over some 5 mm and, where rays meet nothing, filled from
    around.
    """
    across = np.cross(direction, (0.0, 0.0, 1.0))
    if np.linalg.norm(across) < 0.05:
        across = np.array([1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(across, direction), direction])
    radius_mm = float(frame.semi_axes_mm.mean()) + 6.0
    chart = Chart.square(axes, half_width_mm=HALF_MM, spacing_mm=_STEP_MM, radius_mm=radius_mm)
    read = _column_surfaces if columns else _surfaces
    inner, outer = read(skull, frame, chart.directions)
    return FlatVault(frame, chart, _smoothed(inner), _smoothed(outer))


def _surfaces(
    skull: Volume, frame: Braincase, rays: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return inner and outer radius along rays (..., 3) of the frame; nan where there is no bone."""
    bone = _bone_along(skull, frame, rays.reshape(-1, 3))
    bone &= np.roll(bone, -1, axis=1)
    first = bone.argmax(axis=1)
    forward = np.clip(-rays.reshape(-1, 3)[:, 1], 0, 1) ** 2
    reach = _REACH_MM[0] + (_REACH_MM[1] - _REACH_MM[0]) * forward
    beyond = _RADII_MM[None, :] - _RADII_MM[first][:, None]
    bone &= beyond < reach[:, None]
    last = bone.shape[1] - 1 - bone[:, ::-1].argmax(axis=1)
    found = bone.any(axis=1)
    inner = np.where(found, _RADII_MM[first], np.nan)
    outer = np.where(found, _RADII_MM[last] + 0.5, np.nan)
    return inner.reshape(rays.shape[:-1]), outer.reshape(rays.shape[:-1])


def _column_surfaces(
    skull: Volume, frame: Braincase, rays: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return begin and end of the first column of bone along rays (..., 3) of the frame; nan without bone."""
    ahead = -rays[..., 1] > _SINUS_FORWARD
    found = read_columns(skull, frame.centre_mm, rays @ frame.axes, sinus=ahead)
    return found.inner_mm.astype(np.float64), found.outer_mm.astype(np.float64)


def _bone_along(skull: Volume, frame: Braincase, rays: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether the nearest voxel is bone, (n, radii)."""
    return bone_at(skull, frame.to_mm(rays[:, None, :] * _RADII_MM[:, None]))


def bone_at(skull: Volume, points_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether the nearest voxel to LPS points (..., 3) is bone; outside the volume there is none."""
    index = np.rint(skull.to_index(points_mm)).astype(np.int32)
    inside = ((index >= 0) & (index < skull.shape)).all(axis=-1)
    index[~inside] = 0
    return (skull.array[index[..., 0], index[..., 1], index[..., 2]] != 0) & inside


def _smoothed(surface: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median, then normalised Gaussian; holes are filled from ever wider surroundings."""
    known = np.isfinite(surface)
    filled = np.where(known, surface, np.nanmedian(surface) if known.any() else 80.0)
    filled = ndimage.median_filter(filled, 3, mode="nearest")
    result = np.zeros_like(filled)
    left = np.ones_like(filled)
    for sigma in (2.0, 4.0, 8.0, 16.0):
        mean, weight = average_known(filled, known, sigma, edge="nearest")
        share = left * np.clip(weight * 2, 0, 1)
        result += share * mean
        left -= share
    return result + left * filled
