"""Outlines of the craniectomies of clinics, as turning points placed by the landmarks of the head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.datasets.craniectomy_landmarks import Landmarks
from meshimplant.errors import InputError

#: The standard head whose places the outlines are written in: half breadth, and semi-axes to the back and up.
_STANDARD_MM = np.array([66.0, 80.0, 65.0])
#: Standard deviation of the turning points, mm.
_PLAY_MM = 2.5
#: Length of a hemicraniectomy, mm. Below 120 mm the brain is compressed at the edge, so surgeons aim for 120
#: to 150; smaller ones are met too.
_HEMICRANIECTOMY_MM = (112.0, 148.0)
#: Least height of a suboccipital opening along the bone, mm.
_SUBOCCIPITAL_MM = 24.0


@dataclass(frozen=True, eq=False)
class Flap:
    """Turning points of an outline in the braincase's frame, and what surgeons spare.

    Attributes
    ----------
    points_mm : (n, 3) array
        Left, back and up from the centre, around the opening; only their directions count.
    burrs : tuple of int
        Turning points at which a burr hole was drilled.
    bitten : tuple of int
        Two turning points: from the first to the second the rim was bitten off with a rongeur.
    spared_mm : callable
        Takes unit directions (..., 3) and the outer radius there; returns how far inside the region that may
        be opened they lie, mm.
    deepest_mm : float
        Bone deeper than this below the outer surface stays.
    length_mm : float
        Largest distance across, which the points are stretched to; nan: as they are.
    """

    points_mm: NDArray[np.float64]
    burrs: tuple[int, ...]
    bitten: tuple[int, int]
    spared_mm: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    deepest_mm: float = np.inf
    length_mm: float = np.nan

    @property
    def direction(self) -> NDArray[np.float64]:
        """Unit direction (3,) of the middle."""
        middle = (self.points_mm / np.linalg.norm(self.points_mm, axis=1, keepdims=True)).mean(axis=0)
        return middle / np.linalg.norm(middle)


def choose_flap(rng: np.random.Generator, kind: str, head: Landmarks) -> Flap:
    """Draw the outline of one kind on a head.

    Raises
    ------
    InputError
        The scan ends above the place.
    """
    return _FLAPS[kind](rng, head)


def _hemicraniectomy(rng: np.random.Generator, head: Landmarks) -> Flap:
    """Return forehead, temple and parietal bone of one half, down to the floor of the middle fossa."""
    low_mm = rng.uniform(2.0, 6.0)
    midline_mm = rng.uniform(14.0, 24.0)
    brow_mm = head.brow_mm + rng.uniform(10.0, 18.0)
    floor_mm = head.temporal_floor_mm + low_mm
    points = _placed(
        rng,
        head,
        [
            (56, -50, -16),  # behind the outer rim of the orbit
            (61, -30, None),  # floor of the middle fossa
            (66, -4, None),
            (68, 24, -14),  # above ear and transverse sinus
            (56, 60, 2),
            (40, 68, 34),
            (20, 30, 68),
            (20, -30, 62),
            (22, -70, 30),
            (42, -68, 2),  # above the brow
        ],
    )
    points[1:3, 2] = floor_mm

    def spared(directions: NDArray[np.float64], outer: NDArray[np.float64]) -> NDArray[np.float64]:
        beside, up = head.side * outer * directions[..., 0], outer * directions[..., 2]
        forward = np.clip(-directions[..., 1] - 0.6, 0, 0.15) / 0.15
        above_brow = np.where(forward > 0, up - brow_mm + 40 * (1 - forward), np.inf)
        return np.minimum(np.minimum(beside - midline_mm, up - floor_mm), above_brow)

    return Flap(
        points,
        burrs=(0, 2, 4, 6, 8),
        bitten=(9, 3),
        spared_mm=spared,
        deepest_mm=18.0,
        length_mm=float(rng.uniform(*_HEMICRANIECTOMY_MM)),
    )


def _bifrontal(rng: np.random.Generator, head: Landmarks) -> Flap:
    """Return the forehead of both halves, from just above the brow to the coronal suture."""
    brow_mm = head.brow_mm + rng.uniform(4.0, 9.0)
    left = [(35, -80, 0), (58, -52, 6), (62, -32, 8), (57, -18, 34), (34, -14, 58)]
    right = [(-x, y, z) for x, y, z in reversed(left)]
    points = _placed(rng, head, [(0, -86, 0), *left, (0, -12, 66), *right])
    points[[0, 1, 11], 2] = brow_mm + 2 + rng.uniform(-1, 1, 3)

    def spared(directions: NDArray[np.float64], outer: NDArray[np.float64]) -> NDArray[np.float64]:
        return outer * directions[..., 2] - brow_mm

    return Flap(points, burrs=(2, 4, 6, 8, 10), bitten=(9, 10), spared_mm=spared, deepest_mm=24.0)


def _pterional(rng: np.random.Generator, head: Landmarks) -> Flap:
    """Return the bone around the pterion: temple, the side of the forehead, and the ridge of the sphenoid."""
    floor_mm = head.temporal_floor_mm + rng.uniform(4.0, 12.0)
    brow_mm = head.brow_mm + rng.uniform(5.0, 10.0)
    points = _placed(
        rng,
        head,
        [
            (54, -52, -16),
            (61, -30, None),
            (66, -6, None),
            (68, 4, -6),
            (65, -10, 22),
            (57, -36, 30),
            (44, -60, 18),
            (46, -62, 0),  # key hole
        ],
    )
    points[1:3, 2] = floor_mm + np.array([0.0, 4.0])

    def spared(directions: NDArray[np.float64], outer: NDArray[np.float64]) -> NDArray[np.float64]:
        up = outer * directions[..., 2]
        forward = np.clip(-directions[..., 1] - 0.6, 0, 0.15) / 0.15
        above_brow = np.where(forward > 0, up - brow_mm + 40 * (1 - forward), np.inf)
        return np.minimum(up - floor_mm, above_brow)

    return Flap(points, burrs=(7, 3, 5), bitten=(7, 2), spared_mm=spared, deepest_mm=18.0)


def _suboccipital(rng: np.random.Generator, head: Landmarks) -> Flap:
    """Return the occipital bone below the transverse sinuses, without the rim of the foramen magnum."""
    top_deg = -21.0 + rng.uniform(-3, 2)
    low_deg = head.opisthion_deg + rng.uniform(5.0, 9.0)
    if np.radians(top_deg - low_deg) * head.long_mm < _SUBOCCIPITAL_MM:
        raise InputError(
            f"expected the occipital bone down to the foramen magnum, got its end {head.opisthion_deg:.0f} "
            "degrees below the braincase's long axis: pass a skull scanned farther down, or another kind"
        )
    middle_deg = (top_deg + low_deg) / 2
    wide_mm, shift_mm = rng.uniform(26.0, 36.0), rng.uniform(-10.0, 10.0)
    half = [(0.85, top_deg - 2), (1.0, middle_deg), (0.62, low_deg + 4)]
    around = [(0.0, top_deg), *half, (0.0, low_deg), *[(-x, up) for x, up in reversed(half)]]
    elevation = np.radians([up for _, up in around]) + rng.normal(0, _PLAY_MM / 2 / head.long_mm, len(around))
    beside = wide_mm * np.array([x for x, _ in around]) + rng.normal(0, _PLAY_MM, len(around)) + shift_mm
    radius = np.sqrt(np.maximum(head.long_mm**2 - beside**2, 1.0))
    points = np.stack([beside, radius * np.cos(elevation), radius * np.sin(elevation)], axis=1)

    def spared(directions: NDArray[np.float64], outer: NDArray[np.float64]) -> NDArray[np.float64]:
        up_deg = np.degrees(np.arctan2(directions[..., 2], directions[..., 1]))
        return np.radians(up_deg - head.opisthion_deg) * outer - 4.0

    return Flap(points, burrs=(1, 7), bitten=(2, 6), spared_mm=spared, deepest_mm=24.0)


def _orbitofrontal(rng: np.random.Generator, head: Landmarks) -> Flap:
    """Return the side of the forehead with the upper rim of one orbit and the front of its roof."""
    roof_mm = rng.uniform(14.0, 24.0)
    medial_mm = rng.uniform(12.0, 16.0)
    points = _placed(
        rng,
        head,
        [
            (16, -80, None),  # inner end of the rim
            (27, -80, None),  # roof
            (41, -72, None),
            (54, -61, None),  # outer end of the rim
            (60, -44, -4),
            (52, -50, 28),
            (26, -72, 40),
            (12, -80, 24),
        ],
    )
    points[:4, 2] = head.brow_mm + np.array([-1.0, 1.0, -2.0, -11.0])
    points[1:3, 1] += roof_mm

    def spared(directions: NDArray[np.float64], outer: NDArray[np.float64]) -> NDArray[np.float64]:
        return head.side * outer * directions[..., 0] - medial_mm * np.ones_like(outer)

    return Flap(points, burrs=(4, 7), bitten=(0, 3), spared_mm=spared)


_FLAPS: dict[str, Callable[[np.random.Generator, Landmarks], Flap]] = {
    "hemicraniectomy": _hemicraniectomy,
    "bifrontal": _bifrontal,
    "pterional": _pterional,
    "suboccipital": _suboccipital,
    "orbitofrontal": _orbitofrontal,
}


def _placed(
    rng: np.random.Generator, head: Landmarks, standard: list[tuple[float, float, float | None]]
) -> NDArray[np.float64]:
    """Scale points of the standard head's left half to a head and side, and move them a little at random.

    A height of None is set afterwards from a landmark.
    """
    points = np.array([(x, y, 0.0 if z is None else z) for x, y, z in standard], float)
    points *= np.array([head.side * head.half_width_mm, head.long_mm, head.high_mm]) / _STANDARD_MM
    return np.asarray(points + rng.normal(0, _PLAY_MM, points.shape))
