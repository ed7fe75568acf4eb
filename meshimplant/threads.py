"""How many threads a computation may take."""

from __future__ import annotations

import os


def thread_count() -> int:
    """Return the number of threads that kernels may use: the processor's cores that are free to this process, at most
    ``OMP_NUM_THREADS`` where that is set.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(cores, int(limit)) if limit.isdigit() and int(limit) > 0 else cores
