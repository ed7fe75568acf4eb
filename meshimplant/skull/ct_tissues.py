"""`measure_tissues`: the peaks of a CT's histogram, its noise, and the threshold of bone that follows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.values.value_facts import MAX_BONE_DEPTH_MM, ValueFacts
from meshimplant.voxels.volume import Volume

#: Threshold of bone where no soft tissue is seen, HU: above clotted blood and contrast in brain (up to about
#: 150), below the partial volume of a thin temple.
BONE_HU = 200.0
#: The automatic threshold is this far above soft tissue: at least, at most, and in standard deviations of the
#: noise. Blood and contrast stay below; of 20 million voxels of brain, fewer than 20 reach it by noise.
LEAST_RISE_HU, MOST_RISE_HU, NOISE_RISE = 110.0, 210.0, 4.8
#: Noise from which the values are smoothed before they are judged, HU, and by how much, mm.
NOISY_HU, SMOOTHING_MM = 35.0, 0.35
#: Soft tissue outside this range is not that of a calibrated CT, HU.
SOFT_RANGE_HU = (-20.0, 90.0)
#: Range in which soft tissue is looked for, HU, the width of its bins, and the smoothing in bins.
_SOFT_SEARCH_HU, _BIN_HU, _SMOOTH_BINS = (-201.0, 301.0), 2.0, 5.0
#: A body from this value upwards that is deeper than any bone holds soft tissue, HU.
_BODY_HU = -400.0
#: Pixels around a pixel whose mean is compared with it; how close to soft tissue that mean is, and what among
#: them is air or bone, HU.
_AROUND, _CLOSE_HU, _OTHER_HU = 7, 40.0, 500.0
#: Half the number of slices in which the noise is measured after smoothing.
_MIDDLE_SLICES = 12


@dataclass(frozen=True)
class CtTissues:
    """What the histogram of a CT shows, in Hounsfield units.

    Attributes
    ----------
    air_hu : float
        Median around the head.
    soft_tissue_hu : float or None
        Peak of soft tissue; None where there is none, as in a dry skull.
    bone_hu : float or None
        Median from the threshold upwards; None without bone.
    noise_hu : float or None
        Standard deviation within soft tissue; None where there is none.
    threshold_hu : float
        Lowest value of bone.
    is_automatic : bool
        Whether the threshold follows from soft tissue and noise; else it was given, or is `BONE_HU`.
    """

    air_hu: float
    soft_tissue_hu: float | None
    bone_hu: float | None
    noise_hu: float | None
    threshold_hu: float
    is_automatic: bool

    def to_dict(self) -> dict[str, float | bool | None]:
        """Return the facts by name, rounded to 0.1 HU."""
        facts = asdict(self)
        return {name: round(value, 1) if isinstance(value, float) else value for name, value in facts.items()}


def measure_tissues(ct: Volume, threshold_hu: float | None = None) -> CtTissues:
    """Measure the tissues of a CT, and choose the threshold of bone unless it is given.

    The threshold lies above soft tissue by `NOISE_RISE` standard deviations of the noise, within
    `LEAST_RISE_HU` and `MOST_RISE_HU`: 150 to 250 HU over brain. In a noisy CT the noise is that of the
    smoothed values, see `smooth_noise`.

    Parameters
    ----------
    ct : Volume
        Hounsfield units.
    threshold_hu : float, optional
        The threshold.

    Returns
    -------
    CtTissues
    """
    facts = ValueFacts.of(ct)
    soft = _soft_peak(facts) if _is_filled(facts) else None
    noise = None if soft is None else _noise_of(facts.planes, soft)
    chosen = BONE_HU if threshold_hu is None else float(threshold_hu)
    if threshold_hu is None and soft is not None and noise is not None:
        left = _noise_left(ct, soft) if noise > NOISY_HU else noise
        chosen = soft + float(np.clip(NOISE_RISE * (left or noise), LEAST_RISE_HU, MOST_RISE_HU))
    dense = facts.values[facts.values >= chosen]
    return CtTissues(
        air_hu=_air_of(facts),
        soft_tissue_hu=soft,
        bone_hu=float(np.median(dense)) if len(dense) else None,
        noise_hu=noise,
        threshold_hu=chosen,
        is_automatic=threshold_hu is None and noise is not None,
    )


def smooth_noise(ct: Volume) -> NDArray[np.float32]:
    """Return the values of a noisy CT smoothed by `SMOOTHING_MM`, float32."""
    values = ct.array.astype(np.float32)
    return ndimage.gaussian_filter(values, SMOOTHING_MM / ct.spacing_mm, truncate=3, output=values)


def _air_of(facts: ValueFacts) -> float:
    air = facts.border[(facts.border > -1200) & (facts.border < -800)]
    return float(np.median(air)) if len(air) else facts.low


def _is_filled(facts: ValueFacts) -> bool:
    """Return whether there is a deep body of tissue, whatever the noise."""
    calm = replace(facts, values=ndimage.uniform_filter(facts.values, 3))
    return calm.depth_mm(_BODY_HU) > MAX_BONE_DEPTH_MM


def _soft_peak(facts: ValueFacts) -> float:
    """Return the highest peak of the histogram in the range of soft tissue: brain, in a head."""
    low, high = _SOFT_SEARCH_HU
    counts, edges = np.histogram(facts.values, int((high - low) / _BIN_HU), (low, high))
    smooth = ndimage.gaussian_filter1d(counts.astype(float), _SMOOTH_BINS)
    return float(edges[smooth.argmax()] + _BIN_HU / 2)


def _noise_of(planes: NDArray[np.float32], soft_hu: float) -> float | None:
    """Return the standard deviation of pixels from the mean around them, within soft tissue."""
    size = (1, _AROUND, _AROUND)
    means = ndimage.uniform_filter(planes, size, mode="nearest")
    other = np.abs(planes - np.float32(soft_hu)) > _OTHER_HU
    chosen = np.abs(means - np.float32(soft_hu)) < _CLOSE_HU
    chosen &= ~ndimage.maximum_filter(other, size, mode="nearest")
    if not chosen.any():
        return None
    return float(1.4826 * np.median(np.abs(planes - means)[chosen]))


def _noise_left(ct: Volume, soft_hu: float) -> float | None:
    """Return the noise of the middle slices as `smooth_noise` leaves it."""
    axis = int(ct.spacing_mm.argmax())
    start, stop = np.zeros(3, int), np.array(ct.shape)
    middle = ct.shape[axis] // 2
    start[axis], stop[axis] = middle - _MIDDLE_SLICES, middle + _MIDDLE_SLICES
    slab = ct.crop(start, stop)
    return _noise_of(np.moveaxis(smooth_noise(slab), axis, 0)[2:-2:4], soft_hu)
