"""How many threads a computation may take."""

from __future__ import annotations

import os


def thread_count() -> int:
    """Return the number of threads that kernels may use: the processor's cores that are free to this process, at most
    ``OMP_NUM_THREADS`` where that is set.
    """
    limit = thread_limit()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if limit is None else min(cores, limit)


def thread_limit() -> int | None:
    """Return what ``OMP_NUM_THREADS`` allows; None where it says nothing."""
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(limit) if limit.isdigit() and int(limit) > 0 else None
