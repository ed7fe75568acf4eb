"""Threads: as many as cores, at most OMP_NUM_THREADS, with the same result for any number."""

from __future__ import annotations

import os

import numpy as np
import pytest

from meshimplant.runtime.threads import one_blas_thread, thread_count
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.volume import Volume


@pytest.mark.parametrize(
    ("limit", "most"), [("1", 1), ("2,1", 2), ("", 10_000), ("0", 10_000), ("many", 10_000)]
)
def test_the_environment_limits_the_threads(limit: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert thread_count() == min(most, cores or 1)


def test_a_distance_is_the_same_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.random.default_rng(0).random((40, 33, 57)) < 0.2
    volume = Volume(mask.astype(np.uint8), np.diag([0.5, 0.4, 1.0, 1.0]))
    found = []
    for threads in (1, 3):
        monkeypatch.setattr("meshimplant.voxels.distance.thread_count", lambda threads=threads: threads)
        found.append(signed_distance(volume).array)
    assert np.array_equal(*found)


def test_linear_algebra_runs_on_one_thread_inside_and_as_before_afterwards() -> None:
    import scipy.linalg  # noqa: F401 (loads the second BLAS)
    from threadpoolctl import threadpool_limits

    @one_blas_thread()
    def inside() -> list[int]:
        with one_blas_thread():
            pass
        return _blas_threads()

    with threadpool_limits(limits=2, user_api="blas"):
        before = _blas_threads()
        assert before
        assert set(inside()) == {1}
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            _ = 1 / 0
        assert _blas_threads() == before


def _blas_threads() -> list[int]:
    from threadpoolctl import threadpool_info

    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
