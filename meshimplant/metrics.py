"""How well a reconstruction (the missing bone, as voxels) agrees with the truth.

The definitions are exactly those of the AutoImplant challenge's reference script (``metrics.py`` of the
organisers, itself after MedPy); only the way to the number is shorter: all work is done on the smallest box
that cannot change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.summary import Summary, describe
from meshimplant.volume import Volume, bounding_box

#: How far from the defective skull the border Dice still looks (challenge's reference: ``distance=10``).
BORDER_MM = 10.0
#: Distances come as float32; voxels this close to the limit are decided again in float64.
_TIE_MM = 1e-2
#: For which metrics a larger number is better; for all others a smaller one is.
_LARGER_IS_BETTER = frozenset({"dice", "border_dice", "border_dice_voxels", "coverage_fraction"})


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
        The two one-sided maxima: how far the prediction's surface strays from the true surface, and how far
        the true surface is from the prediction's.
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
    return float(np.concatenate(_surface_distances(prediction, truth)).max())


def hausdorff95_mm(prediction: Volume, truth: Volume) -> float:
    """Return the 95th percentile, mm, of the surface distances of both directions put together.

    Both lists are concatenated before the percentile is taken, as in the challenge (not the larger of two
    percentiles). Surface voxels and raises as in `hausdorff_mm`.
    """
    return float(np.percentile(np.concatenate(_surface_distances(prediction, truth)), 95))


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
    _require_one_grid(prediction, truth, defective)
    if not truth.array.any():
        raise EmptyMaskError("expected a true implant with at least one voxel, got an empty one")
    start, stop = _box(prediction, truth)
    found, wanted, bone = (v.crop(start, stop).array != 0 for v in (prediction, truth, defective))
    voxel_mm3, wanted_voxels = truth.voxel_volume_mm3, np.count_nonzero(wanted)
    covered = np.count_nonzero(found & wanted)
    out, back = _surface_distances(prediction, truth) if found.any() else (np.array([np.inf]),) * 2
    both = np.concatenate([out, back])
    return Metrics(
        dice=_dice(found, wanted),
        border_dice=border_dice(prediction, truth, defective),
        border_dice_voxels=border_dice_voxels(prediction, truth, defective),
        hausdorff_mm=float(both.max()),
        hausdorff95_mm=float(np.percentile(both, 95)) if np.isfinite(both).all() else float("inf"),
        protrusion_mm=float(out.max()),
        omission_mm=float(back.max()),
        coverage_fraction=float(covered / wanted_voxels),
        excess_fraction=float((np.count_nonzero(found) - covered) / wanted_voxels),
        bone_overlap_mm3=float(np.count_nonzero(found & bone) * voxel_mm3),
        volume_mm3=float(np.count_nonzero(found) * voxel_mm3),
        true_volume_mm3=float(wanted_voxels * voxel_mm3),
    )


def summarize(cases: Sequence[Metrics | None], *, seed: int = 0, resamples: int = 2000) -> Summary:
    """Summarise many cases as mean, median and worst, with bootstrap 95 % intervals over cases.

    Parameters
    ----------
    cases
        One entry per case; ``None`` for a case that gave no prediction. A failure is not left out: its
        overlaps are 0 and its distances infinite, as for an empty prediction. A mean of distances is taken
        over the finite ones (read it together with `failures`); medians and worst cases include the
        failures.
    seed, resamples
        Of the bootstrap: percentile intervals over cases drawn with replacement.

    Volumes are left out: their mean says nothing about quality.
    """
    if not cases:
        raise InputError("expected at least one case, got none: there is nothing to summarise")
    names = [f.name for f in fields(Metrics) if f.name not in ("volume_mm3", "true_volume_mm3")]
    values = {name: np.array([_value(case, name) for case in cases]) for name in names}
    failures = sum(case is None or case.volume_mm3 == 0 for case in cases)
    statistics = describe(values, larger_is_better=_LARGER_IS_BETTER, seed=seed, resamples=resamples)
    return Summary(len(cases), failures, statistics)


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
    near = _within(found | wanted, bone, limit, spacing)
    return _dice(found & near, wanted & near)


def _within(
    asked: NDArray[np.bool_], bone: NDArray[np.bool_], limit: float, spacing: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell for each voxel of `asked` whether a voxel of `bone` lies at most `limit` away.

    One float32 distance transform decides all but the voxels at the limit itself: for those, in float64.
    """
    import edt

    if not bone.any():
        return np.zeros_like(asked)
    distance = edt.edt(
        np.ascontiguousarray(~bone), anisotropy=tuple(float(s) for s in spacing), black_border=False
    )
    near = np.asarray(distance <= limit)
    tied = np.argwhere(asked & (np.abs(distance - limit) < _TIE_MM))
    if len(tied):
        near[tuple(tied.T)] = _nearest(tied, np.argwhere(_surface(bone)), spacing) <= limit
    return near


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mask xor its erosion by the six neighbours; what lies beyond the array counts as unset."""
    inner = mask.copy()
    for axis in range(3):
        ahead, behind = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        ahead[1:] &= behind[:-1]
        ahead[:-1] &= behind[1:]
        ahead[0] = ahead[-1] = False
    return mask & ~inner


def _surface_distances(prediction: Volume, truth: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances, mm, of the prediction's surface voxels to the truth's, and back, exact in float64."""
    _require_one_grid(prediction, truth)
    surfaces = []
    start, stop = _box(prediction, truth)
    for name, volume in (("predicted", prediction), ("true", truth)):
        surfaces.append(_surface(volume.crop(start, stop).array != 0))
        if not surfaces[-1].any():
            raise EmptyMaskError(f"expected a {name} implant with at least one voxel, got an empty one")
    first, second = surfaces
    return _distances(first, second, truth.spacing_mm), _distances(second, first, truth.spacing_mm)


def _distances(
    source: NDArray[np.bool_], target: NDArray[np.bool_], spacing_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of each `source` voxel to the nearest `target` voxel; voxels in both need no search."""
    alone = np.argwhere(source & ~target)
    distances = np.zeros(np.count_nonzero(source))
    if len(alone):
        distances[: len(alone)] = _nearest(alone, np.argwhere(target), spacing_mm)
    return distances


def _nearest(
    source: NDArray[np.int64], target: NDArray[np.int64], spacing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of each index of `source` (n, 3) to the nearest of `target` (m, 3).

    Taken from the index *difference*, so that a distance of exactly the border's width is not lost to
    rounding.
    """
    from scipy.spatial import cKDTree

    _, hit = cKDTree(target * spacing).query(source * spacing)
    return np.sqrt((((source - target[hit]) * spacing) ** 2).sum(axis=1))


def _value(case: Metrics | None, name: str) -> float:
    if case is not None:
        return float(getattr(case, name))
    return float("inf") if name.endswith("_mm") else 0.0
