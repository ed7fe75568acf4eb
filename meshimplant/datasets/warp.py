"""Smooth deformations of a head towards another shape, for `augment`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.datasets.head_shape import HeadShape
from meshimplant.head.latitude_longitude import interpolate_map, map_directions

#: Below the first elevation (sine) lie face and base, which follow the head's size only; above the second,
#: the vault.
_FADE_SIN = (-0.35, 0.0)
#: Bone is not thinned below this, mm (unless it is thinner already).
_THINNEST_MM = 1.5


@dataclass(frozen=True, eq=False)
class Warp:
    """A deformation of one head: along rays from the frame's centre, then an affine map of the whole head.

    Each ray is mapped onto itself by a monotone, piecewise linear function: from the centre to the inner
    surface, through the bone, and beyond the outer surface. Therefore nothing folds or tears, whatever the
    maps are.

    Attributes
    ----------
    source : HeadShape
        The head to deform.
    inner_mm, outer_mm : (azimuth, elevation) arrays
        Radii after the deformation; equal to the source's where nothing changes.
    matrix, shift_mm : (3, 3) and (3,) arrays
        Affine map of the whole head in its own frame, about its centre: rotation, scale, shear, mirroring.
    """

    source: HeadShape
    inner_mm: NDArray[np.float32]
    outer_mm: NDArray[np.float32]
    matrix: NDArray[np.float64]
    shift_mm: NDArray[np.float64]

    def pull_back(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the points of the source, LPS mm, that LPS points (3, n) of the result come from."""
        pose = self.source.pose
        inverse = np.linalg.inv(self.matrix)
        into = (inverse @ pose.axes).astype(np.float32)
        offset = inverse @ (pose.axes @ -pose.centre_mm - self.shift_mm)
        local = into @ points_mm.astype(np.float32) + offset.astype(np.float32)[:, None]
        local *= self._stretch(local)
        return pose.axes.T.astype(np.float32) @ local + pose.centre_mm.astype(np.float32)[:, None]

    @property
    def steepness(self) -> float:
        """Approximate upper bound of source millimetres per millimetre of the result."""
        thickness = (self.source.outer_mm - self.source.inner_mm) / (self.outer_mm - self.inner_mm)
        radius = self.source.outer_mm / self.outer_mm
        along = max(1.0, float(thickness.max()), 1.1 * float(radius.max()))
        return 1.1 * along * float(np.linalg.norm(np.linalg.inv(self.matrix), 2))

    def _stretch(self, local: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ratio of the source's radius to the result's, (n,), at points (3, n) of the frame."""
        if self.inner_mm is self.source.inner_mm and self.outer_mm is self.source.outer_mm:
            return np.ones(local.shape[1], np.float32)
        radius = np.maximum(np.sqrt(np.einsum("in,in->n", local, local)), np.float32(1e-3))
        maps = [self.inner_mm, self.outer_mm, self.source.inner_mm, self.source.outer_mm]
        inner, outer, inner_before, outer_before = (
            interpolate_map(values, local.T, radius) for values in maps
        )
        depth = np.clip((radius - inner) / (outer - inner), 0, 1)
        before = inner_before + depth * (outer_before - inner_before)
        return before / np.clip(radius, inner, outer)


def towards(
    source: HeadShape, other: HeadShape, fraction: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return inner and outer radii interpolated between one head's shape and another's.

    On the vault, radius and thickness are interpolated; face and base are scaled by the median change of the
    vault.

    Measured on three pairs of SkullFix skulls at 1 mm, with fraction 1: the vault's outer surface then lies
    0.17 mm (median; p95 0.54) from the other's, its thickness differs by 0.24 mm (p95 0.9), in under 1 s;
    before, 1.8 to 3.8 and 0.6 to 1.1 mm. Diffeomorphic demons on signed distances at 3 mm came to 0.21 to
    0.33 and 0.40 to 0.64 mm in 5 s per pair, with a Jacobian that touches 0.
    """
    vault = _vault()
    ratio = other.outer_mm / source.outer_mm
    size = np.float32(np.median(ratio[vault > 0.99]))
    ratio = vault * ratio + (1 - vault) * size
    outer = source.outer_mm * (1 + np.float32(fraction) * (ratio - 1))
    thickness = source.outer_mm - source.inner_mm
    target = vault * (other.outer_mm - other.inner_mm) + (1 - vault) * thickness * size
    return outer - (thickness + np.float32(fraction) * (target - thickness)), outer


def thickened(
    source: HeadShape,
    inner_mm: NDArray[np.float32],
    outer_mm: NDArray[np.float32],
    factor: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the inner radii after multiplying the vault's thickness by a map of factors."""
    vault = _vault()
    thickness = outer_mm - inner_mm
    least = np.minimum(np.minimum(thickness, source.outer_mm - source.inner_mm), np.float32(_THINNEST_MM))
    return outer_mm - np.maximum(thickness * (1 + vault * (factor - 1)), least)


def smooth_factors(rng: np.random.Generator, spread: float) -> NDArray[np.float32]:
    """Draw a smooth map of factors, 1 +- `spread`: half constant, half in waves 60 to 200 mm long."""
    directions = map_directions()
    field = np.full(directions.shape[:2], rng.uniform(-0.5, 0.5))
    for _ in range(6):
        wave = rng.normal(size=3)
        wave *= rng.uniform(2.5, 9.0) / np.linalg.norm(wave)
        field += 0.2 * rng.uniform(-1, 1) * np.sin(directions @ wave + rng.uniform(0, 2 * np.pi))
    return (1 + spread * np.clip(field, -1, 1)).astype(np.float32)


def _vault() -> NDArray[np.float32]:
    """Return the weight of the vault at each node of the maps: 1 on the vault, 0 on face and base."""
    low, high = _FADE_SIN
    return np.clip((map_directions()[..., 2] - low) / (high - low), 0, 1).astype(np.float32)
