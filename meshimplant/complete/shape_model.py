"""`ShapeModel`: a shape model on points: the mean vault and its modes, outer and inner surface together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.modes import fit_modes, principal_modes
from meshimplant.head.mean_vault import FittedVault, VaultMean, read_scattered, trimmed_rms
from meshimplant.head.model_files import load_model, save_model
from meshimplant.head.sphere import direction_sphere

#: Number of directions of the model, 4 mm apart: a subdivided sphere keeps its coarser vertices first.
POINTS = 10242
#: Prior standard deviations of a head's size and of its thickness, relative to the mean.
SIZE_DEVIATION, THICKNESS_DEVIATION = 0.05, 0.3
#: Limit of the coefficients, standard deviations.
LIMIT = 3.0
#: Standard deviation of one measurement, and scale of the robust loss, as fractions of the outer radius. The
#: first is large because the errors of neighbours are correlated. Chosen on ten SkullFix training skulls,
#: each left out of the model, with virtual defects of four kinds.
NOISE, ROBUST = 0.25, 0.02
#: Up to this RMS distance of the intact bone the shape model holds for a head. Beyond, the head is unlike
#: those of the training set, and the scaled mean, which bends less, is the better baseline. Ten SkullFix
#: training skulls, each left out, with four kinds of virtual defect: the modes gain 0.002 of Dice over the
#: mean on the nine within, and lose 0.004 on the one beyond.
HELD_MM = 1.0


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """Vaults of a population as corresponding points, in the head's frame.

    There are two points along each of the first directions of `direction_sphere`: on the outer and on the
    inner surface. As all heads are aligned to the common mean, equal directions correspond. Radii are divided
    by the head's median outer radius.

    Attributes
    ----------
    points : (2, n) array
        Mean radius of the outer and the inner points.
    modes : (k, 2, n) array
        Modes of variation, one standard deviation each, strongest first.
    about : dict
        Training data, licence, number of skulls.
    """

    points: NDArray[np.float64]
    modes: NDArray[np.float64]
    about: dict[str, Any]

    @classmethod
    def of(cls, vaults: NDArray[np.float64], count: int, about: dict[str, Any]) -> ShapeModel:
        """Return the model of s vaults (s, 2, n), outer and inner radii, with `count` modes."""
        mean, modes = principal_modes(vaults, count)
        return cls(mean, modes, about)

    @cached_property
    def mean(self) -> VaultMean:
        """The mean vault, to which heads are aligned."""
        outer, inner = on_sphere(self.points)
        return VaultMean(outer, (outer - inner) / np.median(outer - inner), self.about)

    def fit(
        self, intact: NDArray[np.int64], outer_mm: NDArray[np.float64], inner_mm: NDArray[np.float64]
    ) -> FittedVault:
        """Fit the model robustly to the intact bone, with coefficients within `LIMIT`. See `Model.fit`.

        Size and thickness of the head are two more coefficients.
        """
        directions = direction_sphere()[0][intact]
        mean = at_directions(self.points, directions)
        modes = at_directions(self.modes.reshape(-1, POINTS), directions).reshape(len(self.modes), 2, -1)
        size_mm = float(np.median(outer_mm[intact] / mean[0]))
        terms = np.concatenate([_size_and_thickness(mean), modes]).reshape(len(modes) + 2, -1).T
        values = (np.stack([outer_mm[intact], inner_mm[intact]]) / size_mm - mean).reshape(-1)
        coefficients = fit_modes(terms, values, noise=NOISE, limit=LIMIT, robust=ROBUST)
        residual_mm = (values - terms @ coefficients)[: len(intact)] * size_mm
        everywhere = np.concatenate([_size_and_thickness(self.points), self.modes])
        outer, inner = on_sphere(size_mm * (self.points + np.tensordot(coefficients, everywhere, axes=1)))
        return FittedVault(outer, outer - inner, trimmed_rms(residual_mm), coefficients[2:])

    def save(self, path: str | Path) -> None:
        """Write the model as a compressed ``.npz``; equal models give equal bytes."""
        save_model(path, self.about, points=self.points, point_modes=self.modes)


def read_shape_model(path: str | Path) -> ShapeModel:
    """Read a model written by `ShapeModel.save`."""
    arrays, about = load_model(path, {"points": (2, POINTS), "point_modes": (None, 2, POINTS)})
    return ShapeModel(arrays["points"], arrays["point_modes"], about)


def on_sphere(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate values (c, n) along a model's directions at all directions of `direction_sphere`."""
    return at_directions(values, direction_sphere()[0])


def _size_and_thickness(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the terms (2, 2, n) of a larger head, and of thicker bone under the same outer surface."""
    thicker = np.stack([np.zeros_like(mean[0]), mean[1] - mean[0]])
    return np.stack([SIZE_DEVIATION * mean, THICKNESS_DEVIATION * thicker])


def at_directions(values: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate values (c, n) along a model's directions at other directions (m, 3), (c, m)."""
    return read_scattered(direction_sphere()[0][:POINTS], values.T, directions).T
