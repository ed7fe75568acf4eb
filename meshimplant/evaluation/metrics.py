"""Agreement of a reconstruction (the missing bone, as voxels) with the truth.

The definitions are exactly those of the AutoImplant challenge's reference script (``metrics.py`` of the
organisers, itself after MedPy). Only the computation is shorter: it runs on the smallest box that cannot
change the result.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError
from meshimplant.values.read_values import read_mask
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.surface_distances import SurfaceVoxelDistances, measure_distances, voxels_within
from meshimplant.voxels.volume import Volume

#: Distance from the defective skull up to which the border Dice counts voxels (the challenge:
#: ``distance=10``).
BORDER_MM = 10.0


@dataclass(frozen=True)
class Metrics:
    """Agreement of one predicted implant with the true one.

    Attributes
    ----------
    dice, border_dice, border_dice_voxels : float
        0 to 1; see the functions of the same names.
    hausdorff_mm, hausdorff95_mm : float
        See the functions of the same names; infinite when the prediction is empty.
    protrusion_mm, omission_mm : float
        How far the prediction reaches beyond the truth, and the truth beyond the prediction: the largest
        distance of a surface voxel outside the other mask to that mask, 0 where there is none; infinite when
        the prediction is empty. `surface_errors` reports beyond which surface of the truth.
    coverage_fraction, excess_fraction : float
        Share of the true implant that is predicted; predicted volume outside it, over the true volume.
    bone_overlap_mm3 : float
        Predicted volume inside the bone of the defective skull.
    volume_mm3, true_volume_mm3 : float
        Volume of the prediction and of the truth.
    """

    dice: float
    border_dice: float
    border_dice_voxels: float
    hausdorff_mm: float
    hausdorff95_mm: float
    protrusion_mm: float
    omission_mm: float
    coverage_fraction: float
    excess_fraction: float
    bone_overlap_mm3: float
    volume_mm3: float
    true_volume_mm3: float

    def to_dict(self) -> dict[str, float | None]:
        """Return plain JSON-ready values; infinite ones become ``None``."""
        return {name: float(value) if np.isfinite(value) else None for name, value in asdict(self).items()}


def dice(prediction: Volume, truth: Volume) -> float:
    """Return the Dice overlap, 0 to 1, of the non-zero voxels of two volumes; 0 when both are empty.

    Raises `GeometryError` when they are not on one grid.
    """
    _require_one_grid(prediction, truth)
    return _dice(prediction.array != 0, truth.array != 0)


def border_dice(
    prediction: Volume, truth: Volume, defective: Volume, *, border_mm: float = BORDER_MM
) -> float:
    """Return the Dice overlap of the voxels at most `border_mm` from the defective skull.

    Voxels of both implants farther than that from the nearest voxel of the defective skull (centre to centre)
    are dropped. It shows how well the implant meets the rim, regardless of the size of the defect.

    Parameters
    ----------
    prediction, truth, defective : Volume
        Masks on one grid; non-zero is set.
    border_mm : float
        Width of the border.

    Raises
    ------
    GeometryError
        The three volumes are not on one grid.
    EmptyMaskError
        The defective skull is empty.
    """
    return _border_dice(prediction, truth, defective, border_mm, prediction.spacing_mm)


def border_dice_voxels(
    prediction: Volume, truth: Volume, defective: Volume, *, border_voxels: float = 10
) -> float:
    """Return the border Dice with the border counted in voxel steps along the grid axes, not in millimetres.

    Some published numbers were computed this way, by leaving the spacing out of the reference script: on 0.45
    mm voxels the border is only 4.5 mm wide. The value depends on the grid; compare it only with itself.
    Parameters and errors are those of `border_dice`.
    """
    return _border_dice(prediction, truth, defective, border_voxels, np.ones(3))


def hausdorff_mm(prediction: Volume, truth: Volume) -> float:
    """Return the largest distance, mm, from a surface voxel of either volume to the nearest one of the other.

    A surface voxel is a set voxel with an unset 6-neighbour; beyond the array everything is unset.

    Raises
    ------
    EmptyMaskError
        One of the two is empty.
    """
    return float(_both(_surface_distances(prediction, truth)).max())


def hausdorff95_mm(prediction: Volume, truth: Volume) -> float:
    """Return the 95th percentile, mm, of the surface distances in both directions together.

    Both lists are concatenated before the percentile is taken, as in the challenge (not the larger of two
    percentiles). Surface voxels and errors are those of `hausdorff_mm`.
    """
    return float(np.percentile(_both(_surface_distances(prediction, truth)), 95))


def coverage_fraction(prediction: Volume, truth: Volume) -> float:
    """Return the share of the true implant's voxels that are predicted, 0 to 1.

    Raises `EmptyMaskError` when the truth is empty.
    """
    _require_one_grid(prediction, truth)
    true = truth.array != 0
    total = np.count_nonzero(true)
    if total == 0:
        raise EmptyMaskError("expected a true implant with at least one voxel, got an empty one")
    return float(np.count_nonzero(true & (prediction.array != 0)) / total)


def evaluate(prediction: Volume, truth: Volume, defective: Volume) -> Metrics:
    """Measure a predicted implant against the true one.

    Parameters
    ----------
    prediction, truth, defective : Volume
        Masks on one grid. An empty prediction is a result: overlaps 0, distances infinite.

    Returns
    -------
    Metrics
        All measures of agreement.

    Raises
    ------
    InputError
        One of them is no mask.
    GeometryError
        The three volumes are not on one grid.
    EmptyMaskError
        The truth or the defective skull is empty.
    """
    prediction = read_mask(prediction, "the prediction", values="mask")
    truth = read_mask(truth, "the truth", values="mask")
    defective = read_mask(defective, "the defective skull", values="mask")
    _require_one_grid(prediction, truth, defective)
    if not truth.array.any():
        raise EmptyMaskError("expected a true implant with at least one voxel, got an empty one")
    start, stop = _box(prediction, truth)
    predicted, true, bone = (v.crop(start, stop).array != 0 for v in (prediction, truth, defective))
    voxel_mm3, true_voxels = truth.voxel_volume_mm3, np.count_nonzero(true)
    covered = np.count_nonzero(predicted & true)
    return Metrics(
        dice=_dice(predicted, true),
        border_dice=border_dice(prediction, truth, defective),
        border_dice_voxels=border_dice_voxels(prediction, truth, defective),
        **_distance_metrics(prediction, truth),
        coverage_fraction=float(covered / true_voxels),
        excess_fraction=float((np.count_nonzero(predicted) - covered) / true_voxels),
        bone_overlap_mm3=float(np.count_nonzero(predicted & bone) * voxel_mm3),
        volume_mm3=float(np.count_nonzero(predicted) * voxel_mm3),
        true_volume_mm3=float(true_voxels * voxel_mm3),
    )


# -- parts ---------------------------------------------------------------------------------------------------


def _require_one_grid(prediction: Volume, truth: Volume, defective: Volume | None = None) -> None:
    prediction.require_same_grid(truth, names=("prediction", "truth"))
    if defective is not None:
        prediction.require_same_grid(defective, names=("prediction", "defective skull"))


def _dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return float(2 * np.count_nonzero(first & second) / total) if total else 0.0


def _box(first: Volume, second: Volume) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the smallest box that holds both masks; raise `EmptyMaskError` when both are empty."""
    boxes = [bounding_box(v.array) for v in (first, second) if v.array.any()]
    if not boxes:
        raise EmptyMaskError(
            "expected at least one voxel in the prediction or the truth, got two empty masks"
        )
    starts, stops = zip(*boxes, strict=True)
    return np.min(starts, axis=0), np.max(stops, axis=0)


def _border_dice(
    prediction: Volume, truth: Volume, defective: Volume, limit: float, spacing: NDArray[np.float64]
) -> float:
    _require_one_grid(prediction, truth, defective)
    if not defective.array.any():
        raise EmptyMaskError("expected a defective skull with at least one voxel, got an empty one")
    if not (prediction.array.any() or truth.array.any()):
        return 0.0
    start, stop = _box(prediction, truth)
    margin = np.ceil(limit / spacing).astype(int) + 1
    predicted, true, bone = (
        v.crop(start - margin, stop + margin).array != 0 for v in (prediction, truth, defective)
    )
    near = voxels_within(predicted | true, bone, limit, spacing)
    return _dice(predicted & near, true & near)


def _distance_metrics(prediction: Volume, truth: Volume) -> dict[str, float]:
    names = ("hausdorff_mm", "hausdorff95_mm", "protrusion_mm", "omission_mm")
    if not prediction.array.any():
        return dict.fromkeys(names, float("inf"))
    out, back = _surface_distances(prediction, truth)
    both = _both((out, back))
    values = (both.max(), np.percentile(both, 95), out.reach_mm.max(), back.reach_mm.max())
    return dict(zip(names, map(float, values), strict=True))


def _surface_distances(
    prediction: Volume, truth: Volume
) -> tuple[SurfaceVoxelDistances, SurfaceVoxelDistances]:
    """Return the distances of the prediction's surface voxels to the truth's, and the reverse."""
    _require_one_grid(prediction, truth)
    start, stop = _box(prediction, truth)
    predicted, true = (v.crop(start, stop).array != 0 for v in (prediction, truth))
    for name, mask in (("predicted", predicted), ("true", true)):
        if not mask.any():
            raise EmptyMaskError(f"expected a {name} implant with at least one voxel, got an empty one")
    spacing_mm = truth.spacing_mm
    return measure_distances(predicted, true, spacing_mm), measure_distances(true, predicted, spacing_mm)


def _both(distances: tuple[SurfaceVoxelDistances, SurfaceVoxelDistances]) -> NDArray[np.float64]:
    return np.concatenate([direction.distance_mm for direction in distances])
