"""How many threads computations may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def thread_count() -> int:
    """Return the number of threads that kernels may use.

    These are the processor cores available to this process, but at most ``OMP_NUM_THREADS`` where that is
    set.
    """
    limit = thread_limit()
    return core_count() if limit is None else min(core_count(), limit)


def core_count() -> int:
    """Return the number of processor cores available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_limit() -> int | None:
    """Return the limit in ``OMP_NUM_THREADS``; None where it is unset or no positive number."""
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(limit) if limit.isdigit() and int(limit) > 0 else None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run the linear algebra of numpy and scipy on one thread; use as a context manager or a decorator.

    The matrices of this package are too small to gain from more threads, and waiting threads spin. One thread
    also makes results independent of the number of cores, because threads split sums. The limit applies to
    the whole process, other threads included; the previous limit is restored at the end.

    Notes
    -----
    Measured on one `complete_skull` of 512 x 512 x 222 voxels: on two cores 51.7 CPU seconds with two
    BLAS threads and 40.2 with one, in the same time.
    """
    # scipy has a BLAS of its own, which can be limited only once it is loaded.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
