"""`ValueFacts`: what the values of an image look like, measured on a thinned copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from meshimplant.voxels.distance import distance_inside
from meshimplant.voxels.volume import Volume

#: The copy has voxels of at least this edge, mm, and at most so many of them: 0.03 s for a whole head.
_STEP_MM, _MOST_VOXELS = 2.0, 1_000_000
#: Planes of all voxels that are looked at.
_PLANES = 8
#: Most middle values per high one of a sharp probability, and most roughness of a smooth one.
_MOST_MIDDLE, _MOST_ROUGHNESS = 1.4, 0.15
#: Partial volumes add middle values from this edge of a voxel, mm; roughness grows from the other.
_SHARP_TO_MM, _ROUGHNESS_AT_MM = 1.5, 0.5
#: Fractions of the sides, and of the top tenth, at the extreme values where an image was cut at both.
_CUT_SIDES, _CUT_TOP = 0.8, 0.45
#: Slopes of a distance that are within this fraction of their median, how many must be, and how many voxels
#: at the surface, or of all, must have a slope.
_STEADY, _MOSTLY_STEADY, _MOVING_AT_SURFACE, _MOVING_IN_ALL = 0.35, 0.6, 0.9, 0.6
#: Slopes, per mm, of distances that are taken for millimetres.
MM_SLOPE = (0.7, 1.4)
#: No bone is deeper under its surface than this, mm; a head filled with brain is 60 mm deep.
MAX_BONE_DEPTH_MM = 18.0

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ValueFacts:
    """Facts about the values of an image.

    Attributes
    ----------
    low, high : float
        The extreme values of all voxels.
    values : (i, j, k) array of float32
        Every few voxels.
    spacing_mm : (3,) array
        Edge lengths of the voxels of `values`.
    border : (n,) array of float32
        Values on the six sides of the volume, where air or background is.
    planes : (n, i, j) array of float32
        A few planes of all voxels, normal to the axis of the thickest slices.
    plane_mm : float
        Mean edge of a voxel within those planes.
    """

    low: float
    high: float
    values: Floats
    spacing_mm: NDArray[np.float64]
    border: Floats
    planes: Floats
    plane_mm: float

    @classmethod
    def of(cls, volume: Volume) -> ValueFacts:
        """Measure a volume."""
        array = volume.array
        step = np.maximum(1, np.rint(_STEP_MM / volume.spacing_mm)).astype(int)
        while np.prod(np.ceil(np.array(array.shape) / step)) > _MOST_VOXELS:
            step += 1
        thinned = array[:: step[0], :: step[1], :: step[2]].astype(np.float32)
        sides = []
        for axis in range(3):
            a, b = (step[other] for other in range(3) if other != axis)
            faces = np.moveaxis(array, axis, 0)
            sides += [faces[end, ::a, ::b].astype(np.float32).ravel() for end in (0, -1)]
        slices = np.moveaxis(array, int(volume.spacing_mm.argmax()), 0)
        every = max(1, len(slices) // _PLANES)
        planes = slices[every // 2 :: every].astype(np.float32)
        plane_mm = float(np.mean(np.sort(volume.spacing_mm)[:2]))
        low, high = float(array.min()), float(array.max())
        return cls(low, high, thinned, volume.spacing_mm * step, np.concatenate(sides), planes, plane_mm)

    def mapped(self, scale: float, offset: float = 0.0) -> ValueFacts:
        """Return the facts of ``scale * value + offset``."""
        low, high = sorted((scale * self.low + offset, scale * self.high + offset))
        arrays = (self.values, self.border, self.planes)
        values, border, planes = (array * np.float32(scale) + np.float32(offset) for array in arrays)
        return ValueFacts(low, high, values, self.spacing_mm, border, planes, self.plane_mm)

    def logistic(self) -> ValueFacts:
        """Return the facts of the probabilities of which the values are the log-odds."""
        arrays = (self.values, self.border, self.planes)
        values, border, planes = (expit(np.clip(array, -80, 80)) for array in arrays)
        return ValueFacts(0.0, 1.0, values, self.spacing_mm, border, planes, self.plane_mm)

    def fraction(self, low: float, high: float = np.inf) -> float:
        """Return the fraction of voxels from `low` up to, but without, `high`."""
        return float(np.mean((self.values >= low) & (self.values < high)))

    def depth_mm(self, low: float, high: float = np.inf) -> float:
        """Return the depth of the deepest voxel of this range under the surface of the range, mm."""
        chosen: Bools = (self.values >= low) & (self.values < high)
        if not chosen.any() or chosen.all():
            return 0.0 if not chosen.any() else float((np.array(chosen.shape) * self.spacing_mm).min() / 2)
        return float(distance_inside(chosen, self.spacing_mm).max())

    def border_fraction(self, above: float) -> float:
        """Return the fraction of the six sides that is above a value."""
        return float(np.mean(self.border > above))

    def steady_slope(self) -> float | None:
        """Return the slope per mm of signed distances; None for an image of any other kind.

        A distance changes evenly: most slopes that are not flat agree with their median. Besides, hardly any
        is flat next to 0, also where it was capped; or, in a body that was deepened, few are flat at all and
        the slope is that of millimetres. Measured as fractions: steady 0.66 to 1 in distances, not flat next
        to 0 from 0.97 and, deepened, from 0.65; in CTs 0.35 to 1 and at most 0.7.
        """
        slope = np.sqrt(sum(np.gradient(self.values, edge, axis=axis) ** 2 for axis, edge in self._edges()))
        moving = slope > 0.1 * np.percentile(slope, 90)
        if not moving.any():
            return None
        typical = float(np.median(slope[moving]))
        if np.mean(np.abs(slope[moving] / typical - 1) < _STEADY) < _MOSTLY_STEADY:
            return None
        near = moving[np.abs(self.values) < 1.5 * typical * self.spacing_mm.mean()]
        if near.size and np.mean(near) >= _MOVING_AT_SURFACE:
            return typical
        in_mm = MM_SLOPE[0] <= typical <= MM_SLOPE[1]
        return typical if in_mm and np.mean(moving) >= _MOVING_IN_ALL else None

    def _edges(self) -> list[tuple[int, float]]:
        """Return the axes along which there is more than one voxel, each with its edge length."""
        return [(a, float(e)) for a, e in enumerate(self.spacing_mm) if self.values.shape[a] > 1]

    def middle_peak(self) -> float:
        """Return the fraction of the values between 0.08 and 0.92 that a tenth of that range holds at most.

        One tenth holds a ninth of evenly spread values, as in the transition of a probability, and most of
        the values of an image in which soft tissue lies between air and bone. The tenths next to the two ends
        are left out, since the values of a probability accumulate there.
        """
        counts, _ = np.histogram(self.values, 42, (0.08, 0.92))
        if counts.sum() < 0.005 * self.values.size:
            return 0.0
        sums = ndimage.convolve1d(counts.astype(float), np.ones(5), mode="constant")[6:-6]
        return float(sums.max() / counts.sum())

    def is_transition(self) -> bool:
        """Return whether the middle values are those between two phases, and not those of one more phase.

        Either they are few, about as many as the high ones. Or they are smooth, as in a
        prediction that was made on larger voxels. Measured as middle values per high one, and second over
        first differences on voxels of 0.5 mm: bone of a CT from 100 to 700 HU or more 1.5 to 16 and 0.17 to
        0.25, blurred or enlarged masks up to 35 and 0.04 to 0.14; sharp probabilities 0.3 to 1.4.
        """
        middle, high = self.fraction(0.1, 0.9), self.fraction(0.9)
        if middle <= _MOST_MIDDLE * min(max(1.0, self.plane_mm / _SHARP_TO_MM), 2.0) * high:
            return True
        first = second = 0.0
        for axis in (1, 2):
            row = np.moveaxis(self.planes, axis, -1)
            before, here, after = row[..., :-2], row[..., 1:-1], row[..., 2:]
            chosen = (here > 0.1) & (here < 0.9)
            second += float(np.abs(before - 2 * here + after)[chosen].sum())
            first += float(np.abs(after - before)[chosen].sum())
        return second <= _MOST_ROUGHNESS * min(max(1.0, self.plane_mm / _ROUGHNESS_AT_MM), 2.0) * first

    def is_cut_at_both_ends(self, full: float) -> bool:
        """Return whether most values at both ends of a scale up to `full` are the extreme ones themselves.

        A CT that was cut to the window of its bone looks so, and a mask that was resampled; a probability
        approaches its ends. Measured as fractions of the sides at the lowest value and of the top tenth at
        the highest: windows of CTs from 0.91 and 0.47, masks resampled between neighbours from 0.98 and 0.78;
        blurred masks and logistic functions of distances, in 8 bits too, at most 1 and 0.43.
        """
        top = self.values[self.values > 0.9 * full]
        at_low = float(np.mean(self.border == np.float32(self.low)))
        return (
            at_low >= _CUT_SIDES
            and bool(top.size)
            and bool(np.mean(top == np.float32(self.high)) >= _CUT_TOP)
        )

    def tissues(self) -> tuple[float, float] | None:
        """Return the values of air and of soft tissue: the peak on the border, and that of a solid head.

        None where there are no such two peaks, or where air was cut off at the lowest value.
        """
        low, high = (float(edge) for edge in np.percentile(self.values, (0.1, 99.5)))
        if low == high or np.mean(self.border == np.float32(self.low)) > 0.3:
            return None
        counts, steps = np.histogram(self.values, 200, (low, high))
        air = int(np.histogram(self.border, steps)[0].argmax())
        smooth = ndimage.gaussian_filter1d(counts.astype(float), 1.5)
        smooth[: air + 12] = 0
        soft = int(smooth.argmax())
        if soft <= air or self.depth_mm((steps[air] + steps[soft]) / 2) < MAX_BONE_DEPTH_MM:
            return None
        return _peak(self.border, *steps[air : air + 2]), _peak(self.values, *steps[soft : soft + 2])


def _peak(values: Floats, low: float, high: float) -> float:
    """Return the median of the values around one bin of a histogram."""
    width = high - low
    near = values[(values >= low - width) & (values <= high + width)]
    return float(np.median(near)) if len(near) else float(low + width / 2)
