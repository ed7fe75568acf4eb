"""The vault around one direction, flattened: inner and outer radius over a plane, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.datasets.outline import HALF_MM
from meshimplant.head.braincase import Braincase
from meshimplant.voxels.volume import Volume

_STEP_MM = 2.5
_RADII_MM = np.arange(30.0, 140.0, 0.5)
#: Bone belongs to the vault up to this far behind its inner surface: at the sides, where the cheek bone lies
#: 15 mm or more outside the temple, and in front, where the frontal sinus opens between the tables.
_REACH_MM = (13.0, 24.0)
#: Play of the shell inside the smoothed inner and outside the smoothed outer surface.
_PLAY_MM = (6.0, 3.5)
#: The same outside, where the rim of the orbit is to be taken along: it stands out from the smoothed surface.
RIM_PLAY_MM = 14.0


@dataclass(frozen=True, eq=False)
class Vault:
    """Azimuthal equidistant map of the vault about one direction from the braincase's centre.

    Attributes
    ----------
    frame : Braincase
        What the directions refer to.
    tangents : (3, 3) array
        Rows: the map's two axes (across, along) and its middle direction, in the frame.
    inner_mm, outer_mm : (m, m) array
        Smoothed radius of the inner and outer surface every 2.5 mm of the map.
    radius_mm : float
        Outer radius in the middle: an angle of one radian is this long on the map.
    """

    frame: Braincase
    tangents: NDArray[np.float64]
    inner_mm: NDArray[np.float64]
    outer_mm: NDArray[np.float64]
    radius_mm: float

    def project(
        self, local_mm: NDArray[np.float64], *, play_mm: float = _PLAY_MM[1]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating], NDArray[np.bool_]]:
        """Map points of the frame (n, 3) to across, along, depth, and whether in the vault (`play_mm` outside)."""
        points = (local_mm @ self.tangents.T).astype(np.float32)
        radius = np.linalg.norm(points, axis=1)
        sideways = np.hypot(points[:, 0], points[:, 1])
        stretch = np.arctan2(sideways, points[:, 2]) * np.float32(self.radius_mm) / np.maximum(sideways, 1e-6)
        across, along = points[:, 0] * stretch, points[:, 1] * stretch
        index = (np.stack([across, along]) + HALF_MM) / _STEP_MM
        inner, outer = (
            ndimage.map_coordinates(surface, index, order=1, mode="nearest", output=np.float32)
            for surface in (self.inner_mm, self.outer_mm)
        )
        near = (radius > inner - _PLAY_MM[0]) & (radius < outer + np.float32(play_mm))
        near &= (np.abs(across) < HALF_MM) & (np.abs(along) < HALF_MM)
        return across, along, np.maximum(outer - radius, 0), near

    def directions(
        self, across_mm: NDArray[np.float64], along_mm: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the unit directions (..., 3) in the frame of places on the map."""
        length = np.hypot(across_mm, along_mm)
        angle = length / self.radius_mm
        swing = np.sin(angle) / np.maximum(length, 1e-9)
        flat = np.stack([across_mm * swing, along_mm * swing, np.cos(angle)], axis=-1)
        return flat @ self.tangents

    def above_floor_mm(
        self, across_mm: NDArray[np.float64], along_mm: NDArray[np.float64], *, lower_in_front_mm: float = 0.0
    ) -> NDArray[np.float64]:
        """Return how high above the vault's floor its outer surface lies, mm, at places on the map.

        The floor is a level below the braincase's long axis: the upper rim of the orbits in front, the root
        of the cheek bone at the sides, the nape's muscle line at the back. In front it can be lowered.
        """
        directions = self.directions(across_mm, along_mm)
        index = (np.stack([across_mm, along_mm]) + HALF_MM) / _STEP_MM
        outer = ndimage.map_coordinates(self.outer_mm, index, order=1, mode="nearest")
        forward = np.clip(-directions[..., 1], 0, 1)
        backward = np.clip(directions[..., 1], 0, 1)
        floor = -34.0 + (26.0 - lower_in_front_mm) * forward + 10.0 * backward
        return outer * directions[..., 2] - floor

    def volume_cm3(self, drawn: NDArray[np.bool_]) -> float:
        """Estimate the bone under a drawn outline (nodes of `outline.plane`) from the two radii."""
        axis = np.linspace(0, self.inner_mm.shape[0] - 1, drawn.shape[0])
        index = np.stack(np.meshgrid(axis, axis, indexing="ij"))
        inner, outer = (
            ndimage.map_coordinates(surface, index, order=1) for surface in (self.inner_mm, self.outer_mm)
        )
        length = np.hypot(*(index * _STEP_MM - HALF_MM))
        angle = length / self.radius_mm
        solid_angle = (2 * HALF_MM / (drawn.shape[0] - 1) / self.radius_mm) ** 2 * np.sinc(angle / np.pi)
        return float(((outer**3 - inner**3) / 3 * solid_angle)[drawn].sum() / 1000)

    def shell_points_mm(
        self, drawn: NDArray[np.bool_], *, play_mm: float = _PLAY_MM[1]
    ) -> NDArray[np.float64]:
        """Return LPS points on both sides of the shell under a drawn outline (nodes of `outline.plane`)."""
        axis = np.linspace(-HALF_MM, HALF_MM, drawn.shape[0])
        place = np.argwhere(drawn)[::11]
        across, along = axis[place[:, 0]], axis[place[:, 1]]
        directions = self.directions(across, along)
        index = (np.stack([across, along]) + HALF_MM) / _STEP_MM
        points = []
        for surface, play in ((self.inner_mm, -_PLAY_MM[0]), (self.outer_mm, play_mm)):
            radius = ndimage.map_coordinates(surface, index, order=1, mode="nearest") + play
            points.append(self.frame.to_mm(directions * radius[:, None]))
        return np.concatenate(points)


def read_vault(skull: Volume, frame: Braincase, direction: NDArray[np.float64]) -> Vault:
    """Read the vault's two surfaces around a unit direction of the frame.

    The inner surface is where a ray from the centre first meets bone; the outer one is the last bone within
    `_REACH_MM` of it. Both are smoothed over some 5 mm and, where rays meet nothing, filled from around.
    """
    across = np.cross(direction, (0.0, 0.0, 1.0))
    if np.linalg.norm(across) < 0.05:
        across = np.array([1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    tangents = np.stack([across, np.cross(across, direction), direction])
    radius_mm = float(frame.semi_axes_mm.mean()) + 6.0
    blank = np.zeros((1, 1))
    axis = np.arange(-HALF_MM, HALF_MM + _STEP_MM / 2, _STEP_MM)
    rays = Vault(frame, tangents, blank, blank, radius_mm).directions(*np.meshgrid(axis, axis, indexing="ij"))
    inner, outer = _surfaces(skull, frame, rays)
    return Vault(frame, tangents, _smoothed(inner), _smoothed(outer), radius_mm)


def _surfaces(
    skull: Volume, frame: Braincase, rays: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inner and outer radius along rays (..., 3) of the frame; nan where they meet no bone."""
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


def _bone_along(skull: Volume, frame: Braincase, rays: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Bone at the nearest voxel, (n, radii)."""
    points = frame.to_mm(rays[:, None, :] * _RADII_MM[:, None])
    index = np.rint(skull.to_index(points)).astype(np.int32)
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
        weight = ndimage.gaussian_filter(known.astype(float), sigma, mode="nearest")
        value = ndimage.gaussian_filter(np.where(known, filled, 0), sigma, mode="nearest")
        share = left * np.clip(weight * 2, 0, 1)
        result += share * value / np.maximum(weight, 1e-6)
        left -= share
    return result + left * filled
