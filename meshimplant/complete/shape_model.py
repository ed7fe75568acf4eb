"""`ShapeModel`: a shape model on points: the mean vault and its modes, outer and inner surface together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.modes import fit_modes, principal_modes
from meshimplant.head.mean_vault import (
    FittedVault,
    VaultMean,
    read_scattered,
    scattered_weights,
    trimmed_rms,
)
from meshimplant.head.model_files import load_model, save_model
from meshimplant.head.sphere import direction_sphere

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: Number of directions of the model, 4 mm apart: a subdivided sphere keeps its coarser vertices first.
POINTS = 10242
#: Prior standard deviations of a head's size and of its thickness, relative to the mean.
SIZE_DEVIATION, THICKNESS_DEVIATION = 0.05, 0.3
#: Prior standard deviation of a head's stretch along each of its axes, relative to the mean. Fifty defects of
#: five kinds in twelve SkullFix training skulls, each left out: with these terms the outer surface is off by
#: 1 % less in the mean, and by 2 % less on heads that the modes fit worst.
STRETCH_DEVIATION = 0.05
#: How much larger the coefficients of a `LooseModel` may become.
FREEDOM = 1.5
#: Limit of the coefficients, standard deviations.
LIMIT = 3.0
#: Number of terms before the modes (size, thickness, three stretches), and of nearest neighbours from which
#: the slope of a surface is computed.
HEAD_TERMS, _NEIGHBOURS = 5, 12
#: Standard deviation of one measurement, and scale of the robust loss, as fractions of the outer radius. The
#: first is large because the errors of neighbours are correlated. Chosen on ten SkullFix training skulls,
#: each left out of the model, with virtual defects of four kinds.
NOISE, ROBUST = 0.25, 0.02
#: Up to this RMS distance of the intact bone the shape model holds for a head. Beyond, the head is unlike
#: those of the training set, and other models know as much of it: on the 14 of 63 defects in twelve SkullFix
#: training skulls, each left out, in which it lies farther from the bone, the mixture of models is 8 % closer
#: to the true surface; on the others it is no closer.
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

        Size and thickness of the head, and its stretch along each axis, are further coefficients.
        """
        return self.fit_freely(intact, outer_mm, inner_mm, freedom=1.0)

    def fit_freely(
        self,
        intact: NDArray[np.int64],
        outer_mm: NDArray[np.float64],
        inner_mm: NDArray[np.float64],
        *,
        freedom: float,
    ) -> FittedVault:
        """Fit the model as `fit` does, with modes and stretches `freedom` times as likely to be large."""
        everywhere = self.terms
        everywhere[2:] *= freedom
        mean = on_sphere(self.points, intact)
        terms = on_sphere(everywhere.reshape(-1, POINTS), intact).reshape(len(everywhere), -1).T
        size_mm = float(np.median(outer_mm[intact] / mean[0]))
        values = (np.stack([outer_mm[intact], inner_mm[intact]]) / size_mm - mean).reshape(-1)
        coefficients = fit_modes(terms, values, noise=NOISE / freedom, limit=LIMIT, robust=ROBUST)
        residual_mm = (values - terms @ coefficients)[: len(intact)] * size_mm
        outer, inner = on_sphere(size_mm * (self.points + np.tensordot(coefficients, everywhere, axes=1)))
        return FittedVault(outer, outer - inner, trimmed_rms(residual_mm), coefficients[HEAD_TERMS:])

    @property
    def terms(self) -> NDArray[np.float64]:
        """The terms (k, 2, n): size, thickness, stretch along each axis, and the modes."""
        return np.concatenate([_size_and_thickness(self.points), self._stretches, self.modes])

    @cached_property
    def _stretches(self) -> NDArray[np.float64]:
        """Change (3, 2, n) of the mean radii when the head is stretched along each axis."""
        return STRETCH_DEVIATION * np.stack([_stretched(self.points, axis) for axis in range(3)])

    def save(self, path: str | Path) -> None:
        """Write the model as a compressed ``.npz``; equal models give equal bytes."""
        save_model(path, self.about, points=self.points, point_modes=self.modes)


@dataclass(frozen=True, eq=False)
class LooseModel:
    """A shape model with a prior that lets go, for heads which its modes hold only if they are large.

    Attributes
    ----------
    model : ShapeModel
    """

    model: ShapeModel

    @property
    def about(self) -> dict[str, Any]:
        """Training data, licence, number of skulls."""
        return self.model.about

    @property
    def mean(self) -> VaultMean:
        """The mean vault, to which heads are aligned."""
        return self.model.mean

    def fit(
        self, intact: NDArray[np.int64], outer_mm: NDArray[np.float64], inner_mm: NDArray[np.float64]
    ) -> FittedVault:
        """Fit the model with `FREEDOM`. See `Model.fit`."""
        return self.model.fit_freely(intact, outer_mm, inner_mm, freedom=FREEDOM)


def read_shape_model(path: str | Path) -> ShapeModel:
    """Read a model written by `ShapeModel.save`."""
    arrays, about = load_model(path, {"points": (2, POINTS), "point_modes": (None, 2, POINTS)})
    return ShapeModel(arrays["points"], arrays["point_modes"], about)


def on_sphere(
    values: NDArray[np.float64], which: NDArray[np.int64] | slice = slice(None)
) -> NDArray[np.float64]:
    """Interpolate values (c, n) along a model's directions at those of `direction_sphere`, (c, m).

    As `at_directions`, but the weights are computed once.
    """
    return np.asarray((_spread()[which] @ values.T).T)


@lru_cache(maxsize=1)
def _spread() -> csr_array:
    """Return the weights of a model's directions at each direction of `direction_sphere`."""
    from scipy.sparse import csr_array

    directions = direction_sphere()[0]
    index, weight = scattered_weights(directions[:POINTS], directions)
    starts = np.arange(0, index.size + 1, index.shape[1])
    shape = (len(directions), POINTS)
    return csr_array((weight.ravel(), index.ravel(), starts), shape=shape)


def _size_and_thickness(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the terms (2, 2, n) of a larger head, and of thicker bone under the same outer surface."""
    thicker = np.stack([np.zeros_like(mean[0]), mean[1] - mean[0]])
    return np.stack([SIZE_DEVIATION * mean, THICKNESS_DEVIATION * thicker])


def _stretched(radii: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the change (c, n) of radii along the model's directions per unit of stretch along one axis.

    A point at radius r in direction d moves by r d_axis along the axis.
    """
    along = direction_sphere()[0][:POINTS, axis]
    return radius_change(radii, (radii * along)[..., None] * np.eye(3)[axis])


def radius_change(radii: NDArray[np.float64], moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the change (c, n) of radii along the model's directions when their points move a little.

    A point moves outward by the part of its move along its direction. It also moves sideways, so that the
    radius in its direction changes by the slope of the surface against that way.

    Parameters
    ----------
    radii : (c, n) array
        Radii of c surfaces.
    moves : (c, n, 3) array
        Moves of their points, in the unit of the radii.
    """
    from scipy.spatial import cKDTree

    directions = direction_sphere()[0][:POINTS]
    near = cKDTree(directions).query(directions, _NEIGHBOURS + 1)[1][:, 1:]
    away = directions[near] - directions[:, None]
    square = np.einsum("nki,nkj->nij", away, away) + 1e-9 * np.eye(3)
    rise = np.einsum("nki,cnk->cni", away, radii[:, near] - radii[..., None])
    slope = np.linalg.solve(square, rise[..., None])[..., 0]
    outward = np.einsum("cni,ni->cn", moves, directions)
    sideways = (moves - outward[..., None] * directions) / radii[..., None]
    return outward - (slope * sideways).sum(axis=-1)


def at_directions(values: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate values (c, n) along a model's directions at other directions (m, 3), (c, m)."""
    return read_scattered(direction_sphere()[0][:POINTS], values.T, directions).T
