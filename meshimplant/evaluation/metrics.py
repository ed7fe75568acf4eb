"""How well a reconstruction (the missing bone, as voxels) agrees with the truth.

The definitions are exactly those of the AutoImplant challenge's reference script (``metrics.py`` of the
organisers, itself after MedPy); only the way to the number is shorter: all work is done on the smallest box
that cannot change it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError, require_type
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.surface_distances import SurfaceVoxelDistances, measure_distances, voxels_within
from meshimplant.voxels.volume import Volume

#: How far from the defective skull the border Dice still looks (challenge's reference: ``distance=10``).
BORDER_MM = 10.0


@dataclass(frozen=True)
class Metrics:
    """Agreement of one predicted implant with the true one.

    Attributes
    ----------
    dice, border_dice, border_dice_voxels
        0 to 1; see the functions of the same names.
    hausdorff_mm, hausdorff95_mm
        See the functions; infinite when the prediction is empty.
    protrusion_mm, omission_mm
        How far the prediction reaches beyond the truth, and the truth beyond the prediction: the largest
        distance of a surface voxel outside the other mask to that mask, 0 where there is none; infinite when
        the prediction is empty. `surface_errors` says beyond which surface of the truth.
    coverage_fraction, excess_fraction
        Share of the true implant that is predicted; predicted volume outside it, over the true volume.
    bone_overlap_mm3
        Predicted volume that lies inside the defective skull's bone.
    volume_mm3, true_volume_mm3
        Of the prediction and of the truth.
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
        """Return plain JSON-ready values; what is infinite becomes ``None``."""
        return {name: float(value) if np.isfinite(value) else None for name, value in asdict(self).items()}


def dice(prediction: Volume, truth: Volume) -> float:
    """Return the Dice overlap, 0 to 1, of the non-zero voxels of two volumes; 0 when both are empty."""
    _require_one_grid(prediction, truth)
    return _dice(prediction.array != 0, truth.array != 0)


def border_dice(
    prediction: Volume, truth: Volume, defective: Volume, *, border_mm: float = BORDER_MM
) -> float:
    """Return the Dice overlap of those voxels that lie at most `border_mm` from the defective skull.

    Voxels of both implants farther than that from the nearest voxel of the defective skull (centre to centre)
    are dropped. It says how well the implant meets the rim, however large the middle of the defect is.

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

    Some published numbers were made this way, by leaving the spacing out of the reference script: on 0.45 mm
    voxels it looks only 4.5 mm deep. It depends on the grid; compare it with nothing but itself.
    """
    return _border_dice(prediction, truth, defective, border_voxels, np.ones(3))


def hausdorff_mm(prediction: Volume, truth: Volume) -> float:
    """Return the largest distance, mm, from a surface voxel of either volume to the nearest one of the other.

    A surface voxel is a set voxel with an unset 6-neighbour; beyond the array everything is unset.
    Raises `EmptyMaskError` when one of the two is empty: the distance to nothing is not a number.
    """
    return float(_both(_surface_distances(prediction, truth)).max())


def hausdorff95_mm(prediction: Volume, truth: Volume) -> float:
    """Return the 95th percentile, mm, of the surface distances of both directions put together.

    Both lists are concatenated before the percentile is taken, as in the challenge (not the larger of two
    percentiles). Surface voxels and raises as in `hausdorff_mm`.
    """
    return float(np.percentile(_both(_surface_distances(prediction, truth)), 95))


def coverage_fraction(prediction: Volume, truth: Volume) -> float:
    """Return the share of the true implant's voxels that the prediction holds too, 0 to 1."""
    _require_one_grid(prediction, truth)
    wanted = truth.array != 0
    total = np.count_nonzero(wanted)
    if total == 0:
        raise EmptyMaskError("expected a true implant with at least one voxel, got an empty one")
    return float(np.count_nonzero(wanted & (prediction.array != 0)) / total)


def evaluate(prediction: Volume, truth: Volume, defective: Volume) -> Metrics:
    """Measure a predicted implant against the true one.

    Parameters
    ----------
    prediction, truth, defective : Volume
        Masks (anything non-zero is set) on one grid. An empty prediction is a result: overlaps 0, distances
        infinite.

    Raises
    ------
    GeometryError
        The three volumes are not on one grid.
    EmptyMaskError
        The truth or the defective skull is empty.
    """
    require_type(prediction, Volume, "the prediction")
    require_type(truth, Volume, "the truth")
    require_type(defective, Volume, "the defective skull")
    _require_one_grid(prediction, truth, defective)
    if not truth.array.any():
        raise EmptyMaskError("expected a true implant with at least one voxel, got an empty one")
    start, stop = _box(prediction, truth)
    found, wanted, bone = (v.crop(start, stop).array != 0 for v in (prediction, truth, defective))
    voxel_mm3, wanted_voxels = truth.voxel_volume_mm3, np.count_nonzero(wanted)
    covered = np.count_nonzero(found & wanted)
    return Metrics(
        dice=_dice(found, wanted),
        border_dice=border_dice(prediction, truth, defective),
        border_dice_voxels=border_dice_voxels(prediction, truth, defective),
        **_distance_metrics(prediction, truth),
        coverage_fraction=float(covered / wanted_voxels),
        excess_fraction=float((np.count_nonzero(found) - covered) / wanted_voxels),
        bone_overlap_mm3=float(np.count_nonzero(found & bone) * voxel_mm3),
        volume_mm3=float(np.count_nonzero(found) * voxel_mm3),
        true_volume_mm3=float(wanted_voxels * voxel_mm3),
    )


# -- parts ------------------------------------------------------------------------------------------


def _require_one_grid(prediction: Volume, truth: Volume, defective: Volume | None = None) -> None:
    prediction.require_same_grid(truth, names=("prediction", "truth"))
    if defective is not None:
        prediction.require_same_grid(defective, names=("prediction", "defective skull"))


def _dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return float(2 * np.count_nonzero(first & second) / total) if total else 0.0


def _box(first: Volume, second: Volume) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Smallest box that holds both masks; raises `EmptyMaskError` when both are empty."""
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
    found, wanted, bone = (
        v.crop(start - margin, stop + margin).array != 0 for v in (prediction, truth, defective)
    )
    near = voxels_within(found | wanted, bone, limit, spacing)
    return _dice(found & near, wanted & near)


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
    """Distances of the prediction's surface voxels to the truth's, and back."""
    _require_one_grid(prediction, truth)
    start, stop = _box(prediction, truth)
    found, wanted = (v.crop(start, stop).array != 0 for v in (prediction, truth))
    for name, mask in (("predicted", found), ("true", wanted)):
        if not mask.any():
            raise EmptyMaskError(f"expected a {name} implant with at least one voxel, got an empty one")
    spacing_mm = truth.spacing_mm
    return measure_distances(found, wanted, spacing_mm), measure_distances(wanted, found, spacing_mm)


def _both(distances: tuple[SurfaceVoxelDistances, SurfaceVoxelDistances]) -> NDArray[np.float64]:
    return np.concatenate([way.distance_mm for way in distances])
