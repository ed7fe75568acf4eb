"""Margins of real craniectomies: sawn between burr holes, bitten with a rongeur, bevelled, thinned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import CubicSpline

from meshimplant.datasets.craniectomy_outline import HALF_MM, STEP_MM, Outline, plane, signed_outline

#: Radii of burr holes: perforators of 11 and 14 mm.
_BURR_RADIUS_MM = (5.5, 7.0)
#: Radii of the bites of a rongeur, and the distance from one to the next.
_BITE_RADIUS_MM = (2.5, 5.0)
_BITE_STEP_MM = (4.0, 8.0)
#: Steepest bevels, inwards and outwards: tangents of 30 and 22 degrees. Both occur on every margin.
_LEAN_INWARD, _LEAN_OUTWARD = 0.58, 0.40
#: Width of a thinned margin, and the share of the thickness that is ground away at the hole.
_THINNED_MM = (4.0, 9.0)
_THINNED_FRACTION = (0.45, 0.7)
#: Distance of the points along an outline, and the height of its waves, mm.
_POINT_MM, _WAVE_MM = 0.4, 1.0


@dataclass(frozen=True, eq=False)
class Margin:
    """The wall of a hole and, around it, bone that was ground thinner.

    Attributes
    ----------
    outline : Outline
        The wall.
    thinned : (n, n) array
        Fraction of the thickness that is missing outside the outline, at the nodes of `plane`: positive from
        the outer, negative from the inner surface.
    """

    outline: Outline
    thinned: NDArray[np.float32]

    def removes(
        self,
        across_mm: NDArray[np.floating],
        along_mm: NDArray[np.floating],
        depth_mm: NDArray[np.floating],
        thickness_mm: NDArray[np.floating],
        rough_mm: NDArray[np.floating],
    ) -> NDArray[np.bool_]:
        """Return whether bone is removed at positions on the plane and depths; the wall is rough."""
        inside = self.outline.read(across_mm, along_mm, depth_mm) > rough_mm
        index = (np.stack([across_mm, along_mm]) + HALF_MM) / STEP_MM
        thinned = ndimage.map_coordinates(self.thinned, index, order=1, mode="nearest")
        outer = depth_mm + rough_mm < thinned * thickness_mm
        inner = thickness_mm - depth_mm + rough_mm < -thinned * thickness_mm
        return np.asarray(inside | (outer & (thinned > 0)) | (inner & (thinned < 0)))


def draw_margin(
    rng: np.random.Generator,
    corners_mm: NDArray[np.float64],
    *,
    burrs: tuple[int, ...],
    bitten: tuple[int, int],
    within_mm: NDArray[np.float64],
) -> Margin:
    """Draw the margin through turning points on the plane of outlines.

    Parameters
    ----------
    corners_mm : (n, 2) array
        Turning points, in order around the hole.
    burrs : tuple of int
        Turning points with a burr hole.
    bitten : tuple of int
        From the first to the second turning point, in order, the rim is bitten.
    within_mm : (n, n) array
        Where this is negative, at the nodes of `plane`, there must be no hole.
    """
    line, corner = _curve(rng, corners_mm)
    inside = _filled(line)
    across, along = plane()
    middle = line.mean(axis=0)
    for number in burrs:
        place = corners_mm[number] - rng.uniform(0.0, 2.5) * _unit(middle - corners_mm[number])
        _add_disc(inside, place, rng.choice(_BURR_RADIUS_MM))
    for place, radius in _bites(rng, line, corner, bitten):
        _add_disc(inside, place, radius)
    inside &= within_mm > 0
    distance = signed_outline(inside)
    angle = np.arctan2(along - middle[1], across - middle[0])
    return Margin(Outline(distance, _lean(rng, angle)), _thinned(rng, angle, distance, within_mm))


def _curve(
    rng: np.random.Generator, corners: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return a closed, slightly waved line (n, 2) through the corners, and the corners' places on it."""
    closed = np.concatenate([corners, corners[:1]])
    # The square root of the chords as parameter (centripetal) keeps the spline free of loops.
    steps = np.sqrt(np.linalg.norm(np.diff(closed, axis=0), axis=1))
    at = np.concatenate([[0.0], np.cumsum(steps)])
    length = np.linalg.norm(np.diff(closed, axis=0), axis=1).sum()
    times = np.linspace(0, at[-1], int(1.2 * length / _POINT_MM), endpoint=False)
    spline = CubicSpline(at, closed, bc_type="periodic")
    line, tangent = spline(times), spline(times, 1)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    turn = 2 * np.pi * times / at[-1]
    wave = np.zeros_like(turn)
    for order in range(5, 16, 2):
        wave += rng.normal() / order * np.cos(order * turn + rng.uniform(0, 2 * np.pi))
    line = line + _WAVE_MM * wave[:, None] / max(float(wave.std()), 1e-9) * 0.5 * normal
    return line, np.searchsorted(times, at[:-1])


def _filled(line: NDArray[np.float64]) -> NDArray[np.bool_]:
    from skimage.draw import polygon2mask

    nodes = plane()[0].shape
    return np.asarray(polygon2mask(nodes, (line + HALF_MM) / STEP_MM), bool)


def _add_disc(mask: NDArray[np.bool_], place: NDArray[np.float64], radius: float) -> None:
    across, along = plane()
    mask |= np.hypot(across - place[0], along - place[1]) < radius


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _bites(
    rng: np.random.Generator, line: NDArray[np.float64], corner: NDArray[np.int64], bitten: tuple[int, int]
) -> list[tuple[NDArray[np.float64], float]]:
    """Return middles and radii of bites along the line between two corners."""
    first, last = int(corner[bitten[0]]), int(corner[bitten[1]])
    stretch = np.roll(line, -first, axis=0)[: (last - first) % len(line)]
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(stretch, axis=0), axis=1))])
    found, at = [], float(rng.uniform(*_BITE_STEP_MM))
    while at < travelled[-1]:
        place = stretch[int(np.searchsorted(travelled, at))] + rng.normal(0, 0.8, 2)
        found.append((place, float(rng.uniform(*_BITE_RADIUS_MM))))
        at += float(rng.uniform(*_BITE_STEP_MM))
    return found


def _lean(rng: np.random.Generator, angle: NDArray[np.float64]) -> NDArray[np.float32]:
    """Draw the bevel around the hole: inwards in some places, outwards in others."""
    wave = np.zeros_like(angle)
    for order in range(1, 5):
        wave += rng.normal() / order * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    inward = rng.uniform(0.5, 1.0) * _LEAN_INWARD / wave.max()
    outward = rng.uniform(0.5, 1.0) * _LEAN_OUTWARD / -wave.min()
    return np.where(wave > 0, inward * wave, outward * wave).astype(np.float32)


def _thinned(
    rng: np.random.Generator,
    angle: NDArray[np.float64],
    distance_mm: NDArray[np.float32],
    within_mm: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Draw two stretches of thinned margin, one ground from outside and one from inside."""
    thinned = np.zeros_like(distance_mm)
    start = rng.uniform(0, 2 * np.pi)
    for sign, turn in ((1.0, start), (-1.0, start + rng.uniform(2.0, 4.0))):
        width, fraction = rng.uniform(*_THINNED_MM), rng.uniform(*_THINNED_FRACTION)
        half = rng.uniform(0.25, 0.5)
        apart = np.abs((angle - turn + np.pi) % (2 * np.pi) - np.pi)
        along = np.clip(2 * (1 - apart / half), 0, 1)
        beside = np.clip(1 + distance_mm / width, 0, 1) * (distance_mm < 0)
        thinned += (sign * fraction * along * beside).astype(np.float32)
    thinned[within_mm <= 0] = 0
    return thinned
