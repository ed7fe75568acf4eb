"""Errors of a reconstruction by surface: outer, inner and rim."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.errors import EmptyMaskError
from meshimplant.voxels.distance import distance_outside, signed_distance
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.surface_distances import SurfaceVoxelDistances, measure_distances, surface_voxels
from meshimplant.voxels.volume import Volume

#: Surface voxels of the truth at most this far from the defective skull are rim: the sawn wall and its edges.
RIM_MM = 2.0
_MARGIN_MM = 12.0
#: The surfaces of the truth, in the order of the fields.
SURFACES = ("outer", "inner", "rim")


@dataclass(frozen=True)
class SurfaceErrors:
    """Signed errors of the predicted surface at the true one; positive where the prediction reaches beyond.

    Values are NaN where the truth has no such surface.

    Attributes
    ----------
    outer_bias_mm, outer_rms_mm, outer_p95_mm : float
        Mean, root mean square, and 95th percentile of the magnitude over the outer surface; likewise for
        inner and rim.
    outer_protrusion_mm, outer_protrusion99_mm : float
        How far the prediction reaches beyond the outer surface, that is, out of the head: the largest
        distance, and the 99th percentile over the predicted surface next to it, where parts that do not reach
        beyond count as 0. Likewise for inner (into the head) and rim. The largest of the three is the
        protrusion of `meshimplant.evaluation.metrics`.
    """

    outer_bias_mm: float
    outer_rms_mm: float
    outer_p95_mm: float
    outer_protrusion_mm: float
    outer_protrusion99_mm: float
    inner_bias_mm: float
    inner_rms_mm: float
    inner_p95_mm: float
    inner_protrusion_mm: float
    inner_protrusion99_mm: float
    rim_bias_mm: float
    rim_rms_mm: float
    rim_p95_mm: float
    rim_protrusion_mm: float
    rim_protrusion99_mm: float

    def to_dict(self) -> dict[str, float | None]:
        """Return plain JSON-ready values; unknown ones become ``None``."""
        return {name: float(value) if np.isfinite(value) else None for name, value in asdict(self).items()}


def surface_errors(prediction: Volume, truth: Volume, defective: Volume) -> SurfaceErrors:
    """Split the distance between predicted and true implant by the surface that it lies on.

    The signed distance of the prediction is read at every surface voxel of the truth. Voxels within `RIM_MM`
    of the defective skull's bone are rim; the others are outer where the truth's normal points away from the
    centre of the bone, inner where it points towards it. The split shows what to improve: the outer surface
    is the head's shape, the inner one its thickness, the rim the region that was found. A spike escapes
    this reading, since no true surface lies along it. Each surface voxel of the prediction is therefore
    measured, too, and what lies beyond the truth is assigned to the nearest surface.

    Parameters
    ----------
    prediction, truth, defective : Volume
        Masks on one grid; non-zero is set.

    Returns
    -------
    SurfaceErrors
        The errors of the outer surface, the inner surface and the rim.

    Raises
    ------
    GeometryError
        The three volumes are not on one grid.
    EmptyMaskError
        One of them is empty.
    """
    prediction.require_same_grid(truth, names=("prediction", "truth"))
    prediction.require_same_grid(defective, names=("prediction", "defective skull"))
    for name, volume in (("prediction", prediction), ("truth", truth), ("defective skull", defective)):
        if not volume.array.any():
            raise EmptyMaskError(f"expected a {name} with at least one voxel, got an empty one")
    start, stop = bounding_box((prediction.array != 0) | (truth.array != 0))
    margin = np.ceil(_MARGIN_MM / truth.spacing_mm).astype(int)
    predicted, true, bone = (v.crop(start - margin, stop + margin) for v in (prediction, truth, defective))
    layers = _layers(true, bone, _centre_mm(defective))
    # A surface voxel's centre lies half a voxel inside the surface: the truth's own reading there is the
    # zero.
    excess = signed_distance(predicted).array - signed_distance(true).array
    distances = measure_distances(predicted.array != 0, true.array != 0, truth.spacing_mm)
    values: list[float] = []
    for layer in layers:
        values += (*_statistics(excess[layer]), *_protrusion(distances, layer))
    return SurfaceErrors(*values)


def _layers(truth: Volume, bone: Volume, inside_mm: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    """Return which voxels are the truth's outer surface, its inner surface and its rim."""
    mask = truth.array != 0
    surface = surface_voxels(mask)
    distance_mm = distance_outside(bone.array != 0, truth.spacing_mm)
    rim = surface & (distance_mm <= RIM_MM)
    index = np.argwhere(surface & ~rim)
    slope = np.stack(np.gradient(ndimage.gaussian_filter(mask.astype(np.float32), 2.0)), axis=-1)
    normal = -slope[tuple(index.T)] @ np.linalg.inv(truth.affine[:3, :3])
    outward = np.einsum("ij,ij->i", normal, truth.to_mm(index) - inside_mm) > 0
    layers = []
    for side in (outward, ~outward):
        layer = np.zeros_like(surface)
        layer[tuple(index[side].T)] = True
        layers.append(layer)
    return [*layers, rim]


def _protrusion(distances: SurfaceVoxelDistances, layer: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the largest reach beyond one surface of the truth, and its 99th percentile.

    Both are over the surface voxels of the prediction that are nearest to that surface.
    """
    if not layer.any():
        return float("nan"), float("nan")
    reach_mm = distances.reach_mm[layer[tuple(distances.nearest.T)]]
    return (float(reach_mm.max()), float(np.percentile(reach_mm, 99))) if reach_mm.size else (0.0, 0.0)


def _centre_mm(defective: Volume) -> NDArray[np.float64]:
    """Return the centre of the bone's bounding box: inside the head, whatever part of it is missing."""
    start, stop = bounding_box(defective.array)
    return defective.to_mm((start + stop - 1) / 2)


def _statistics(values: NDArray[np.float32]) -> tuple[float, float, float]:
    if not values.size:
        return (float("nan"),) * 3
    exact = values.astype(float)
    return float(exact.mean()), float(np.sqrt((exact**2).mean())), float(np.percentile(np.abs(exact), 95))
