"""Fit planes to a surface on a map of directions: their heights, slopes and the angles between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.direction_map import DirectionMap

#: Range of distances from a place over which a plane is fitted, mm: the edges themselves are rounded.
FIT_MM = (0.8, 5.0)
#: Width of the Gaussian that weights pixels by their distance from the place, mm.
_WIDTH_MM = 2.5
_LEAST_PIXELS = 12
#: Distance from a place over which the curvature of a surface is measured, mm.
_CURVATURE_MM = 10.0


@dataclass(frozen=True)
class Planes:
    """Planes through a surface near places; nan where too little of the surface lies there.

    Attributes
    ----------
    height_mm : (n,) array
        Distance of each plane from the map's centre, at the place, mm.
    slope : (n, 2) array
        Change of that distance per mm on the map, along rows and columns.
    """

    height_mm: NDArray[np.float64]
    slope: NDArray[np.float64]


def fit_planes(
    view: DirectionMap,
    region: NDArray[np.bool_],
    height_mm: NDArray[np.float64],
    places: NDArray[np.float64],
    *,
    bend: NDArray[np.float64] | None = None,
) -> Planes:
    """Fit a plane to a surface on a map at each place.

    Parameters
    ----------
    view : DirectionMap
        The map.
    region, height_mm : (rows, columns) arrays
        Where the surface is, and its distance from the map's centre.
    places : (n, 2) array
        Fractional pixels.
    bend : (n, 3) array, optional
        Curvature of the surface on the map, see `measure_curvature`, which is subtracted first. None: 0.
    """
    planes = np.full((len(places), 3), np.nan)
    for index, place in enumerate(places):
        offset, values, weight = _near(region, height_mm, place, view.spacing_mm, FIT_MM[1], _WIDTH_MM)
        if len(values) >= _LEAST_PIXELS:
            if bend is not None:
                values = values - _squares(offset) @ bend[index]
            planes[index] = _least_squares(np.column_stack([np.ones(len(offset)), offset]), values, weight)
    return Planes(planes[:, 0], planes[:, 1:])


def measure_curvature(
    view: DirectionMap, region: NDArray[np.bool_], height_mm: NDArray[np.float64], places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the curvature of a surface near each place: coefficients (n, 3) of xx, xy and yy of the offset.

    On the map a sphere about its centre is flat, but a head is not a sphere. 0 where the surface is too
    small.
    """
    bend = np.zeros((len(places), 3))
    for index, place in enumerate(places):
        offset, values, weight = _near(
            region, height_mm, place, view.spacing_mm, _CURVATURE_MM, _CURVATURE_MM
        )
        if len(values) >= 4 * _LEAST_PIXELS:
            system = np.column_stack([np.ones(len(offset)), offset, _squares(offset)])
            bend[index] = _least_squares(system, values, weight)[3:]
    return bend


def angles_between(
    view: DirectionMap, places: NDArray[np.float64], first: Planes, second: Planes
) -> NDArray[np.float64]:
    """Return the angles (n,), degrees, between the surfaces to which two sets of planes belong.

    Slopes on the map are converted to slopes in space: the map is stretched around its middle, and its
    millimetres hold at its radius only.
    """
    cosine = np.einsum("ij,ij->i", _normals(view, places, first), _normals(view, places, second))
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _normals(view: DirectionMap, places: NDArray[np.float64], planes: Planes) -> NDArray[np.float64]:
    """Return unit normals (n, 3) in the frame of each place: from the map's middle, around it, outward."""
    flat = places * view.spacing_mm + view.start_mm
    away = np.linalg.norm(flat, axis=1, keepdims=True)
    radial = np.where(away > 1e-9, flat / np.maximum(away, 1e-9), (1.0, 0.0))
    around = np.stack([-radial[:, 1], radial[:, 0]], axis=1)
    narrowing = np.sinc(away[:, 0] / view.radius_mm / np.pi)
    scale = view.radius_mm / planes.height_mm
    slopes = [np.einsum("ij,ij->i", planes.slope, axis) * scale for axis in (radial, around)]
    normals = np.stack([-slopes[0], -slopes[1] / narrowing, np.ones(len(scale))], axis=1)
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


def _near(
    region: NDArray[np.bool_],
    height_mm: NDArray[np.float64],
    place: NDArray[np.float64],
    pixel_mm: float,
    reach_mm: float,
    width_mm: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return offsets (k, 2), mm, heights (k,) and weights (k,) of a region's pixels about a place."""
    reach = int(np.ceil(reach_mm / pixel_mm))
    corner = np.maximum(np.rint(place).astype(int) - reach, 0)
    window = tuple(slice(c, c + 2 * reach + 1) for c in corner)
    index = np.argwhere(region[window])
    offset = (index + corner - place) * pixel_mm
    distance = np.hypot(*offset.T)
    near = (distance >= FIT_MM[0]) & (distance <= reach_mm)
    values = height_mm[window][tuple(index[near].T)]
    return offset[near], values, np.exp(-0.5 * (distance[near] / width_mm) ** 2)


def _squares(offset: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([offset[:, 0] ** 2, offset[:, 0] * offset[:, 1], offset[:, 1] ** 2])


def _least_squares(
    system: NDArray[np.float64], values: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve a weighted least squares problem (k, m) for its m unknowns."""
    return np.asarray(np.linalg.lstsq(system * weight[:, None], values * weight, rcond=None)[0])
