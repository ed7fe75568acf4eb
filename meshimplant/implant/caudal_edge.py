"""`caudal_weight`: which part of a part's border is its lower edge at the temple."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.head.fill import fill_from_nearest
from meshimplant.implant.map_regions import edge_distance, rim_of
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.mesh.vectors import unit_vectors

#: The border is caudal where its normal points down (cosine: from not at all to fully), and at the temple
#: where the part faces sideways. Our choice: 60 to 40 degrees, and 60 to 45.
_DOWN_COSINES, _SIDEWAYS_COSINES = (0.5, 0.77), (0.5, 0.7)
#: The outline is smoothed by this much before its normal is taken, and the weight along it, mm.
_OUTLINE_MM, _ALONG_MM = 2.0, 3.0


def caudal_weight(outline: OutlineMap) -> NDArray[np.float64]:
    """Return the weight of each pixel of a part's map as its lower edge at the temple, 0 to 1.

    Down is -z of the patient (LPS), sideways x. A pixel has the weight of the border nearest to it.
    """
    pixel_mm = outline.view.spacing_mm
    points = outline.view.points_at(ndimage.gaussian_filter(outline.radius_mm, 2.0, mode="nearest"))
    depth = ndimage.gaussian_filter(edge_distance(outline.body, pixel_mm), _OUTLINE_MM / pixel_mm)
    slope = np.gradient(depth)
    outwards = -sum(slope[axis][..., None] * unit_vectors(np.gradient(points, axis=axis)) for axis in (0, 1))
    down = -unit_vectors(outwards)[..., 2]
    rim = rim_of(outline.body)
    weight = np.zeros(rim.shape)
    sideways = np.abs(outline.outward.at(points[rim])[:, 0])
    weight[rim] = _ramp(down[rim], *_DOWN_COSINES) * _ramp(sideways, *_SIDEWAYS_COSINES)
    near = fill_from_nearest(weight, rim)
    return np.asarray(ndimage.gaussian_filter(near, _ALONG_MM / pixel_mm, mode="nearest"))


def _ramp(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return 0 below `low`, 1 above `high`, and linear values in between."""
    return np.clip((values - low) / (high - low), 0, 1)
