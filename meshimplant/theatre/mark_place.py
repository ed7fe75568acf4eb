"""`mark_place`: the flattest place of a surface at which a text has room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from meshimplant.implant.features import Feature
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.theatre.ground import Ground, clear_of_features_mm
from meshimplant.theatre.hole_places import directions_on, upward_on

#: Distance of a text from border, openings and features, mm. No source: our choice.
CLEAR_MM = 3.0
#: Distance between the places that are tried, and between the points of a text at which they are judged, mm.
_TRIAL_MM, _POINT_MM = 2.5, 2.5
#: A place this much farther from the middle of the part, mm, must be flatter by one degree to be taken.
_MM_PER_DEGREE = 15.0
#: Where a surface faces the direction that is up on the part to within this sine, no text stands upright.
_FACING_SINE = 0.3

Floats = NDArray[np.float64]


def mark_place(
    ground: Ground, extent_mm: Floats, features: Sequence[Feature]
) -> tuple[Floats, Floats] | None:
    """Return the middle (3,) and the frame of the flattest place for a rectangle; None without room.

    Parameters
    ----------
    ground : Ground
        The surface to be marked.
    extent_mm : (2,) array
        Width and height of the rectangle.
    features : sequence of Feature
        What the part has already.

    Returns
    -------
    middle_mm : (3,) array
        LPS mm.
    frame : (3, 3) array
        Unit directions right, up and out of the part as rows, LPS. The whole part decides what is up, see
        `upward_on`.
    """
    trials = ground.points_mm[_spread(ground.points_mm, _TRIAL_MM)]
    trials = trials[ground.border_distance_mm(trials) >= extent_mm.min() / 2 + CLEAR_MM]
    x, y = (
        np.linspace(-size / 2, size / 2, max(2, int(np.ceil(size / _POINT_MM)) + 1)) for size in extent_mm
    )
    flat = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    middle = np.average(ground.points_mm, axis=0, weights=ground.areas_mm2)
    outward = np.average(ground.outward_at(ground.points_mm), axis=0, weights=ground.areas_mm2)
    guide = upward_on(unit_vectors(outward))
    best, least = None, np.inf
    for trial, normal in zip(trials, ground.outward_at(trials), strict=True):
        if np.linalg.norm(np.cross(normal, guide)) < _FACING_SINE:
            continue
        right, up = directions_on(normal, guide)
        points = ground.points_mm[ground.tree.query(trial + flat @ np.stack([right, up]))[1]]
        stray = np.linalg.norm((points - trial) @ np.stack([right, up]).T - flat, axis=1).max()
        if stray > _POINT_MM or not _is_clear(ground, points, features):
            continue
        bend_deg = float(np.degrees(np.arccos(np.clip(ground.outward_at(points) @ normal, -1, 1)).max()))
        score = bend_deg + float(np.linalg.norm(trial - middle)) / _MM_PER_DEGREE
        if score < least:
            best, least = (trial, np.stack([right, up, normal])), score
    return best


def _is_clear(ground: Ground, points: Floats, features: Sequence[Feature]) -> bool:
    """Return whether points (n, 3) keep their distance to border, openings and features."""
    for distance in (ground.border_distance_mm, ground.opening_distance_mm):
        if distance(points).min() < CLEAR_MM:
            return False
    return bool(clear_of_features_mm(points, features).min() >= CLEAR_MM)


def _spread(points: Floats, apart_mm: float) -> NDArray[np.int64]:
    """Return indices of points, the first of each cube of a grid."""
    cells = np.floor((points - points.min(axis=0)) / apart_mm).astype(np.int64)
    return np.sort(np.unique(cells, axis=0, return_index=True)[1])
