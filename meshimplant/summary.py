"""Statistics of many cases: mean, median and worst, with bootstrap intervals over cases."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Statistic:
    """One number over many cases; the intervals are percentile bootstrap, 95 %, over cases."""

    mean: float
    mean_interval: tuple[float, float]
    median: float
    median_interval: tuple[float, float]
    worst: float
    worst_case: int


@dataclass(frozen=True)
class Summary:
    """All numbers over many cases; `failures` counts the cases that gave no result."""

    cases: int
    failures: int
    statistics: dict[str, Statistic]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values; what is infinite becomes ``None``."""
        return {
            "cases": self.cases,
            "failures": self.failures,
            "statistics": {name: _plain(asdict(statistic)) for name, statistic in self.statistics.items()},
        }


def describe(
    values: Mapping[str, NDArray[np.float64]],
    *,
    larger_is_better: Container[str] = (),
    seed: int = 0,
    resamples: int = 2000,
) -> dict[str, Statistic]:
    """Return one `Statistic` for each named array of per-case values.

    Parameters
    ----------
    values
        Name -> one value per case, all arrays of one length; infinite for a case without a result. Means
        are taken over the finite values; medians and the worst include the infinite ones.
    larger_is_better
        Names whose worst case is the smallest value; for all others it is the largest.
    seed, resamples
        Of the bootstrap. Every name sees the same draws, so that differences between names are paired.
    """
    cases = len(next(iter(values.values())))
    draws = np.random.default_rng(seed).integers(0, cases, (resamples, cases))
    return {name: _statistic(array, draws, name in larger_is_better) for name, array in values.items()}


def _statistic(values: NDArray[np.float64], draws: NDArray[np.int64], larger_is_better: bool) -> Statistic:
    worst = int(np.argmin(values) if larger_is_better else np.argmax(values))
    samples = values[draws]
    return Statistic(
        mean=float(_means(values[None])[0]),
        mean_interval=_interval(_means(samples)),
        median=float(_medians(values[None])[0]),
        median_interval=_interval(_medians(samples)),
        worst=float(values[worst]),
        worst_case=worst,
    )


def _means(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the finite values of each row; infinite where a row has none."""
    finite = np.isfinite(samples)
    counts = finite.sum(axis=1)
    sums = np.where(finite, samples, 0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def _medians(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row; `numpy.median` would turn two infinite middles into a warning."""
    middle = [(samples.shape[1] - 1) // 2, samples.shape[1] // 2]
    return np.sort(samples, axis=1)[:, middle].mean(axis=1)


def _interval(estimates: NDArray[np.float64]) -> tuple[float, float]:
    """2.5th and 97.5th percentile by rank, so that infinite estimates do no harm."""
    low, high = np.percentile(estimates, (2.5, 97.5), method="closest_observation")
    return float(low), float(high)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value if np.isfinite(value) else None
