"""`places_like`: where on the intact vault of a head a hole like its opening could lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.chart import CHART_RADIUS_MM
from meshimplant.head.latitude_longitude import to_direction
from meshimplant.head.sphere import direction_sphere, grow
from meshimplant.skull.defect import Defect

#: Places are sets of the first directions of `direction_sphere`, 4.5 mm apart on the bone.
COUNT = 10242
#: Number of places, and the share of the opening's directions that must meet intact bone there.
PLACES, _INTACT_SHARE = 6, 0.8
#: Distance of a place from the opening, mm, and the angle between the middles of two places, at least.
_APART_MM, _APART_RAD = 8.0, 0.3
#: Middles that are tried: azimuths (steps) and elevations, degrees, and the vertex.
_AZIMUTH_STEP_DEG, _ELEVATIONS_DEG = 30, (5.0, 35.0, 65.0)
_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Place:
    """Intact bone where a hole of the opening's shape and size is assumed.

    Attributes
    ----------
    middle : (3,) array
        Unit direction of its middle, in the head's frame.
    members : (n,) array
        Indices into the first `COUNT` directions of `direction_sphere`.
    """

    middle: NDArray[np.float64]
    members: NDArray[np.int64]


def places_like(defect: Defect, intact: NDArray[np.bool_]) -> list[Place]:
    """Return up to `PLACES` places on intact bone: the mirrored one if it is intact, and others far apart.

    The opening is moved over the vault without turning it: what is above it stays above.

    Parameters
    ----------
    defect : Defect
        The opening.
    intact : (n,) array of bool
        The directions of `direction_sphere` along which the vault's bone is intact.

    Returns
    -------
    list of Place
        Empty when so much is missing that no such hole fits into what is left.
    """
    directions = direction_sphere()[0]
    hole = np.zeros(len(directions), bool)
    hole[defect.members] = True
    spacing_mm = CHART_RADIUS_MM * np.sqrt(4 * np.pi / len(directions))
    free = (intact & ~grow(hole, round(_APART_MM / spacing_mm)))[:COUNT]
    found = [
        Place(middle, np.flatnonzero(moved & free))
        for middle, moved in _moved(hole[:COUNT], defect.axis)
        if np.count_nonzero(moved & free) > _INTACT_SHARE * np.count_nonzero(hole[:COUNT])
    ]
    return _far_apart(found, defect.axis)


def _moved(
    hole: NDArray[np.bool_], axis: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Return the middle and the directions of the hole mirrored, and moved to each middle that is tried."""
    from scipy.spatial import cKDTree

    directions = direction_sphere()[0][:COUNT]
    tree, own = cKDTree(directions), _upright(axis)
    middles = [
        to_direction(float(azimuth), elevation)
        for azimuth in range(-180, 180, _AZIMUTH_STEP_DEG)
        for elevation in _ELEVATIONS_DEG
    ]
    moved = [(axis * _MIRROR, hole[tree.query(directions * _MIRROR)[1]])]
    for middle in (*middles, np.array([0.0, 0.0, 1.0])):
        turn = _upright(middle).T @ own
        moved.append((middle, hole[tree.query(directions @ turn)[1]]))
    return moved


def _far_apart(found: list[Place], axis: NDArray[np.float64]) -> list[Place]:
    """Return the first place if it is the mirrored one, then each time the one farthest from all before."""
    chosen = [place for place in found[:1] if np.allclose(place.middle, axis * _MIRROR)]
    while len(chosen) < PLACES:
        taken = np.array([axis, *(place.middle for place in chosen)])
        angles = [float(np.arccos(np.clip(taken @ place.middle, -1, 1).max())) for place in found]
        if not angles or max(angles) < _APART_RAD:
            break
        chosen.append(found[int(np.argmax(angles))])
    return chosen


def _upright(middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return orthonormal rows: sideways, upward (backward near the vertex), and the direction itself."""
    up = np.array([0.0, 0.0, 1.0]) if abs(middle[2]) < 0.98 else np.array([0.0, 1.0, 0.0])
    up = up - (up @ middle) * middle
    up /= np.linalg.norm(up)
    return np.stack([np.cross(up, middle), up, middle])
