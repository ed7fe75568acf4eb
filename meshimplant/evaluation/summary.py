"""Statistics of many cases: mean, median and worst, with bootstrap intervals over skulls."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import InputError
from meshimplant.evaluation.metrics import Metrics

if TYPE_CHECKING:
    from meshimplant.evaluation.surface_errors import SurfaceErrors

Floats = NDArray[np.float64]
#: For which metrics a larger number is better; for all others a smaller one is.
LARGER_IS_BETTER = frozenset({"dice", "border_dice", "border_dice_voxels", "coverage_fraction"})
#: Sizes of things, not errors: their mean says nothing about quality.
_NOT_SUMMARISED = ("volume_mm3", "true_volume_mm3")


@dataclass(frozen=True)
class Statistic:
    """One measure over many cases; the intervals are 95 % percentile bootstrap intervals over skulls.

    Attributes
    ----------
    mean, median : float
        Over the cases.
    mean_interval, median_interval : tuple of float
        Lower and upper end.
    worst : float
        The worst value; NaN where no case has one.
    worst_case : int or None
        Index of the worst case; None where there is none.
    """

    mean: float
    mean_interval: tuple[float, float]
    median: float
    median_interval: tuple[float, float]
    worst: float
    worst_case: int | None


@dataclass(frozen=True)
class Summary:
    """All measures over many cases.

    Attributes
    ----------
    cases, skulls, failures : int
        Number of cases, of different skulls, and of cases without a result.
    statistics : dict of str to Statistic
        One for each measure.
    """

    cases: int
    skulls: int
    failures: int
    statistics: dict[str, Statistic]

    def to_dict(self, *, names: Sequence[str] | None = None) -> dict[str, Any]:
        """Return plain JSON-ready values: infinite ones as None, worst cases by name if `names` are given."""
        statistics = {}
        for metric, statistic in self.statistics.items():
            plain = {key: _plain(value) for key, value in asdict(statistic).items()}
            if names is not None and statistic.worst_case is not None:
                plain["worst_case"] = names[statistic.worst_case]
            statistics[metric] = plain
        return {
            "cases": self.cases,
            "skulls": self.skulls,
            "failures": self.failures,
            "statistics": statistics,
        }


def summarize(
    cases: Sequence[Metrics | None],
    *,
    surfaces: Sequence[SurfaceErrors | None] | None = None,
    skulls: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> Summary:
    """Summarise many cases as mean, median and worst, with bootstrap 95 % intervals over skulls.

    Volumes are left out: their mean says nothing about quality.

    Parameters
    ----------
    cases : sequence of Metrics or None
        One entry per case; ``None`` for a case without a prediction. A failure is not left out: its overlaps
        are 0 and its distances infinite, as for an empty prediction. A mean of distances is taken over the
        finite ones (read it together with `failures`); medians and worst cases include the failures.
    surfaces : sequence of SurfaceErrors or None, optional
        The surface errors of the same cases; ``None`` for a failure.
    skulls : sequence of str, optional
        Name of each case's skull. Several defects in one skull are alike, so they are drawn together. By
        default every case is a skull of its own.
    seed, resamples : int
        Seed and number of draws of the bootstrap: percentile intervals over skulls drawn with replacement.

    Returns
    -------
    Summary
        One statistic for each measure.

    Raises
    ------
    InputError
        There is no case, or `surfaces` or `skulls` has another length.
    """
    if not cases:
        raise InputError("expected at least one case, got none: there is nothing to summarise")
    for name, entries in (("surface errors", surfaces), ("skulls", skulls)):
        if entries is not None and len(entries) != len(cases):
            raise InputError(
                f"expected {len(cases)} {name}, got {len(entries)}: pass one for each case, in the same order"
            )
    names = [field.name for field in fields(Metrics) if field.name not in _NOT_SUMMARISED]
    values = {name: np.array([_value(case, name) for case in cases]) for name in names}
    if surfaces is not None:
        values |= _surface_values(surfaces)
    statistics = describe(
        values,
        larger_is_better=LARGER_IS_BETTER,
        signed=[name for name in values if name.endswith("_bias_mm")],
        clusters=skulls,
        seed=seed,
        resamples=resamples,
    )
    failures = sum(case is None or case.volume_mm3 == 0 for case in cases)
    return Summary(len(cases), len(set(skulls)) if skulls else len(cases), failures, statistics)


def describe(
    values: Mapping[str, Floats],
    *,
    larger_is_better: Container[str] = (),
    signed: Container[str] = (),
    clusters: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> dict[str, Statistic]:
    """Return one `Statistic` for each named array of values per case.

    Parameters
    ----------
    values : mapping of str to (n,) array
        One value per case, all arrays of one length; infinite for a case without a result, NaN where there is
        nothing to measure. Means are taken over the finite values; medians and the worst include the infinite
        ones, and leave out NaN.
    larger_is_better, signed : container of str
        Names whose worst case is the smallest value, and the one farthest from 0; for all others it is the
        largest.
    clusters : sequence of str, optional
        The cluster of each case. Cases of one cluster are drawn together (a cluster bootstrap). By default
        each case is a cluster.
    seed, resamples : int
        Seed and number of draws of the bootstrap. Every name uses the same draws, so that differences between
        names are paired.

    Returns
    -------
    dict of str to Statistic
        One statistic for each name.
    """
    cases = len(next(iter(values.values())))
    member = np.arange(cases) if clusters is None else np.unique(list(clusters), return_inverse=True)[1]
    heads = int(member.max()) + 1
    draws = np.random.default_rng(seed).integers(0, heads, (resamples, heads))
    drawn = np.zeros((resamples, heads), int)
    np.add.at(drawn, (np.arange(resamples)[:, None], draws), 1)
    statistics = {}
    for name, array in values.items():
        order = np.abs(array) if name in signed else -array if name in larger_is_better else array
        statistics[name] = _statistic(array, drawn[:, member], order)
    return statistics


def _value(case: Metrics | SurfaceErrors | None, name: str) -> float:
    if case is not None:
        return float(getattr(case, name))
    return float("inf") if name.endswith("_mm") else 0.0


def _surface_values(surfaces: Sequence[SurfaceErrors | None]) -> dict[str, Floats]:
    from meshimplant.evaluation.surface_errors import SurfaceErrors

    names = [field.name for field in fields(SurfaceErrors)]
    return {name: np.array([_value(case, name) for case in surfaces]) for name in names}


def _statistic(values: Floats, weights: NDArray[np.int64], badness: Floats) -> Statistic:
    """Return the statistic of values (n,), each weighted by how often a resample holds it.

    `weights` is (resamples, n); the worst case is that of the largest `badness` (n,).
    """
    unweighted = np.ones((1, len(values)), int)
    known = np.flatnonzero(~np.isnan(badness))
    worst = int(known[np.argmax(badness[known])]) if len(known) else None
    return Statistic(
        mean=float(_means(values, unweighted)[0]),
        mean_interval=_interval(_means(values, weights)),
        median=float(_medians(values, unweighted)[0]),
        median_interval=_interval(_medians(values, weights)),
        worst=float("nan") if worst is None else float(values[worst]),
        worst_case=worst,
    )


def _means(values: Floats, weights: NDArray[np.int64]) -> Floats:
    """Return the mean of the finite values of each resample; infinite where it has none."""
    finite = np.isfinite(values)
    counts = weights @ finite
    sums = weights @ np.where(finite, values, 0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def _medians(values: Floats, weights: NDArray[np.int64]) -> Floats:
    """Return the median of each resample without its NaN; infinite where nothing else remains."""
    order = np.argsort(values)[: np.count_nonzero(~np.isnan(values))]
    if not len(order):
        return np.full(len(weights), np.inf)
    below = np.cumsum(weights[:, order], axis=1)
    total = below[:, -1:]
    low, high = ((below <= rank).sum(axis=1) for rank in ((total - 1) // 2, total // 2))
    ranked = np.append(values[order], np.inf)
    return np.where(total[:, 0] > 0, (ranked[low] + ranked[high]) / 2, np.inf)


def _interval(estimates: Floats) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile by rank, so that infinite estimates do no harm."""
    low, high = np.percentile(estimates, (2.5, 97.5), method="closest_observation")
    return float(low), float(high)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value if value is None or np.isfinite(value) else None
