"""`leave_out`: how far each model misses the intact bone of this head, in holes that are only assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.places import Place, places_like
from meshimplant.head import kriging
from meshimplant.head.chart import CHART_RADIUS_MM
from meshimplant.head.kriging import Prior
from meshimplant.head.mean_vault import Model, trimmed_rms
from meshimplant.head.sphere import direction_sphere, grow, is_vault
from meshimplant.skull.defect import Defect

#: The bone is judged along the first directions of `direction_sphere`, 9 mm apart.
_COUNT = 2562
#: Bone this close to an assumed hole is not used either, mm: in the opening it would be the cut wall.
_WALL_MM = 6.5
#: A place with fewer directions says nothing.
_FEWEST = 10
#: Number of directions of the opening along which its typical error is computed.
_SAMPLES = 200
#: Width of the weight of places by their angle from the opening, radians.
_NEAR_RAD = 1.6
#: Errors and deviations below this are taken as this, mm: the bone's own roughness.
_LEAST_MM = 0.05
#: Logarithm of the typical error: constant, slope by the height above the horizontal (1 at 60 degrees), power
#: of the posterior deviation. Fitted to fifty defects of six kinds in twelve SkullFix training skulls, each
#: left out of the models.
_TYPICAL = (0.11, -0.9, 0.8)
_HEIGHT_RANGE_DEG = (-30.0, 60.0)


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Errors of models at places of intact bone that were left out, and what the prior expects of them.

    Attributes
    ----------
    names : tuple of str
        The models.
    places : tuple of Place
    error_mm : (models, places) array
        RMS distance between each model, bent to the bone around the place, and the bone that was left out,
        without the farthest 5 %.
    typical_mm : (places,) array
        The RMS error that is typical of heads at such a place; see `typical_error`.
    nearness : (places,) array
        Weight of each place, by its angle from the opening; they add up to 1.
    opening_typical_mm : float
        The RMS error that is typical of heads in the opening.
    """

    names: tuple[str, ...]
    places: tuple[Place, ...]
    error_mm: NDArray[np.float64]
    typical_mm: NDArray[np.float64]
    nearness: NDArray[np.float64]
    opening_typical_mm: float

    def relative(self, name: str) -> float:
        """Return the RMS of the errors of one model relative to the typical ones."""
        ratio = self.error_mm[self.names.index(name)] / self.typical_mm
        return float(np.sqrt(self.nearness @ ratio**2))

    def mean_mm(self, name: str) -> float:
        """Return the weighted mean of the errors of one model, mm."""
        return float(self.nearness @ self.error_mm[self.names.index(name)])


def leave_out(
    defect: Defect,
    sure: NDArray[np.int64],
    outer_mm: NDArray[np.float64],
    inner_mm: NDArray[np.float64],
    models: Mapping[str, Model],
    prior: Prior,
) -> LeftOut | None:
    """Complete holes like the opening that are only assumed, by each model, and compare with the bone there.

    Each model is fitted, and bent to the bone, without the bone of the place. The regression without some of
    its measurements follows from the one with all: with the inverse K of the noisy covariance, measured
    departures y and a place P, the errors in P are inv(K_PP) (K y)_P, and their covariance is inv(K_PP).

    Parameters
    ----------
    defect : Defect
        The opening.
    sure : (m,) array
        Indices of the intact directions of `direction_sphere`, from `select_columns`.
    outer_mm, inner_mm : (n,) arrays
        Radii along all directions.
    models : dict of Model
        By name.
    prior : Prior
        Of the departures of the outer surface from a model.

    Returns
    -------
    LeftOut or None
        None where so little is left that no such hole fits into it.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 5.4.2, for several
    measurements at once.
    """
    directions = direction_sphere()[0]
    rows = sure[sure < _COUNT]
    intact = is_vault(directions)
    intact[np.setdiff1d(np.arange(_COUNT), rows)] = False
    fit = kriging.fit(prior, directions[rows], outer_mm[rows])
    places, errors, typical = [], [], []
    for place in places_like(defect, intact):
        judged = np.isin(rows, place.members)
        if np.count_nonzero(judged) < _FEWEST:
            continue
        hidden = _with_wall(place)[rows]
        fitted = [model.fit(rows[~hidden], outer_mm, inner_mm) for model in models.values()]
        departures = outer_mm[rows] - np.array([vault.outer_mm[rows] for vault in fitted])
        error, deviation = _missed(fit, hidden, judged, departures)
        places.append(place)
        errors.append([trimmed_rms(one) for one in error])
        typical.append(typical_error(directions[rows[judged]], deviation))
    if not places:
        return None
    inside = defect.members[is_vault(directions[defect.members])]
    sparse = directions[inside[:: max(1, len(inside) // _SAMPLES)]]
    return LeftOut(
        tuple(models),
        tuple(places),
        np.maximum(np.array(errors).T, _LEAST_MM),
        np.array(typical),
        _nearness(places, defect),
        typical_error(sparse, fit.deviation(sparse)),
    )


def typical_error(directions: NDArray[np.float64], deviation_mm: NDArray[np.float64]) -> float:
    """Return the RMS error, mm, that is typical of heads along directions (n, 3) with these deviations (n,).

    The prior is the same everywhere, but the top of the vault is smoother than brow, temple and nape, and the
    posterior deviation alone expects too much at the top and far from all bone.
    """
    offset, slope, power = _TYPICAL
    height = np.clip(np.degrees(np.arcsin(directions[:, 2])), *_HEIGHT_RANGE_DEG) / _HEIGHT_RANGE_DEG[1]
    variance = np.exp(2 * (offset + slope * height)) * np.maximum(deviation_mm, _LEAST_MM) ** (2 * power)
    return float(np.sqrt(variance.mean()))


def _with_wall(place: Place) -> NDArray[np.bool_]:
    """Return the directions of `direction_sphere` in a place, and in the wall that its hole would have."""
    hidden = np.zeros(len(direction_sphere()[0]), bool)
    hidden[place.members] = True
    spacing_mm = CHART_RADIUS_MM * np.sqrt(4 * np.pi / len(hidden))
    return grow(hidden, round(_WALL_MM / spacing_mm))


def _nearness(places: list[Place], defect: Defect) -> NDArray[np.float64]:
    """Return the weights (places,) of places by their angle from the opening."""
    angle = np.arccos(np.clip([place.middle @ defect.axis for place in places], -1, 1))
    weight = np.exp(-((angle / _NEAR_RAD) ** 2))
    return weight / weight.sum()


def _missed(
    fit: kriging.Fit,
    hidden: NDArray[np.bool_],
    judged: NDArray[np.bool_],
    departures: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return error (models, j) and posterior deviation (j,) at the judged of the measurements left out.

    `departures` (models, n) are those from each model, fitted without the hidden measurements.
    """
    from scipy.linalg import cho_solve, solve_triangular

    unit = np.zeros((len(hidden), np.count_nonzero(hidden)))
    unit[hidden] = np.eye(unit.shape[1])
    half = solve_triangular(fit.factor[0], unit, lower=True, check_finite=False)
    covariance = np.linalg.inv(half.T @ half)
    weights = cho_solve(fit.factor, departures.T, check_finite=False)[hidden]
    kept = judged[hidden]
    variance = np.diag(covariance)[kept] - fit.prior.noise**2
    return (covariance @ weights)[kept].T, np.sqrt(np.maximum(variance, 0))
