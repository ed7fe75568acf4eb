"""Implicit solids of the phantom and their unions and cuts: fields in millimetres, positive inside."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
#: Coordinates (3, ...), mm: left, back, up.
Points = NDArray[np.float32]
Place = tuple[float, float, float]


def join(first: Field, second: Field, blend_mm: float) -> Field:
    """Return the union, with inner edges filled over about `blend_mm`."""
    excess = np.maximum(np.float32(blend_mm) - np.abs(first - second), 0)
    return np.maximum(first, second) + excess * excess * np.float32(0.25 / blend_mm)


def meet(first: Field, second: Field, blend_mm: float) -> Field:
    """Return the intersection, with outer edges rounded over about `blend_mm`."""
    return -join(-first, -second, blend_mm)


def cut(first: Field, second: Field, blend_mm: float) -> Field:
    """Return the difference of two solids, with rounded edges."""
    return meet(first, -second, blend_mm)


def ellipsoid(points: Points, centre: Place, radii: Place) -> Field:
    """Return the field of an axis-parallel ellipsoid: exact on its surface, approximate near it."""
    relative = points - _column(centre, points)
    size = _column(radii, points)
    inner = np.sqrt(((relative / size) ** 2).sum(axis=0))
    outer = np.sqrt(((relative / (size * size)) ** 2).sum(axis=0))
    return inner * (1 - inner) / np.maximum(outer, np.float32(1e-6))


def rod(
    points: Points, start: Place, stop: Place, radius_mm: float, end_radius_mm: float | None = None
) -> Field:
    """Return the field of a rod with round ends, whose radius may vary along its length."""
    end_radius_mm = radius_mm if end_radius_mm is None else end_radius_mm
    axis = np.subtract(stop, start).astype(np.float32)
    relative = points - _column(start, points)
    along = np.tensordot(axis, relative, axes=1) / np.float32(axis @ axis)
    along = np.clip(along, 0, 1)
    offset = relative - axis.reshape(3, *[1] * (points.ndim - 1)) * along
    return (
        np.float32(radius_mm)
        + np.float32(end_radius_mm - radius_mm) * along
        - np.sqrt((offset**2).sum(axis=0))
    )


def chain(points: Points, places: tuple[Place, ...], radius_mm: float) -> Field:
    """Return the field of rods along a polyline."""
    field = rod(points, places[0], places[1], radius_mm)
    for start, stop in pairwise(places[1:]):
        field = np.maximum(field, rod(points, start, stop, radius_mm))
    return field


def box(points: Points, centre: Place, half: Place) -> Field:
    """Return the field of an axis-parallel box (exact inside and next to its faces)."""
    return (_column(half, points) - np.abs(points - _column(centre, points))).min(axis=0)


def _column(values: Place, points: Points) -> Points:
    return np.asarray(values, np.float32).reshape(3, *[1] * (points.ndim - 1))
