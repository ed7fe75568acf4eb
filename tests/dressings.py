"""Sheets around a skull, as dressings, straps and head holders show in a scan."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.head.latitude_longitude import interpolate_map, map_directions
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, read_vault
from meshimplant.voxels.volume import Volume

Region = Callable[[NDArray[np.float64]], NDArray[np.bool_]]


def sheet(
    complete: Volume,
    pose: HeadPose,
    region: Region,
    *,
    gap_mm: float | Callable[[NDArray[np.float64]], NDArray[np.float64]],
    thickness_mm: float = 1.0,
) -> NDArray[np.bool_]:
    """Return the voxels of a sheet that follows the outer surface of a complete skull at a distance.

    `region` and, if it is a function, `gap_mm` take unit directions (n, 3) of the head's frame. A sheet at a
    distance below 0 lies in the bone.
    """
    outer = _smooth(read_vault(complete, pose).outer_mm.astype(float))
    nodes = map_directions(0.75)
    nearest = cKDTree(direction_sphere()[0]).query(nodes.reshape(-1, 3), k=6)[1]
    surface = outer[nearest].mean(axis=1).reshape(nodes.shape[:-1])
    found = np.zeros(complete.shape, bool)
    for k in range(complete.shape[2]):
        index = np.argwhere(np.ones(complete.shape[:2], bool))
        index = np.column_stack([index, np.full(len(index), k)])
        local = (complete.to_mm(index) - pose.centre_mm) @ pose.axes.T
        radius = np.linalg.norm(local, axis=1)
        unit = local / np.maximum(radius, 1e-9)[:, None]
        above = radius - interpolate_map(surface, unit)
        above -= gap_mm(unit) if callable(gap_mm) else gap_mm
        found[:, :, k] = ((above >= 0) & (above < thickness_mm) & region(unit)).reshape(complete.shape[:2])
    return found


def around(axis: ArrayLike, half_deg: float) -> Region:
    """A round patch."""
    unit = np.asarray(axis, float) / np.linalg.norm(axis)
    return lambda directions: directions @ unit > np.cos(np.radians(half_deg))


def bandage(directions: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A bandage all round the head, and over its top."""
    return directions[:, 2] > 0.0


def holder(directions: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The shell of a head holder: a U behind and beside the head."""
    return (directions[:, 1] > -0.2) & (np.abs(directions[:, 2] - 0.1) < 0.4)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values over `direction_sphere`, missing ones filled, averaged over 6 mm."""
    directions = direction_sphere()[0]
    known = np.isfinite(values)
    near = cKDTree(directions[known]).query(directions, k=19)[1]
    return values[known][near].mean(axis=1)
