"""The peak memory of this process."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def process_peak_mb() -> float | None:
    """Return the peak memory of this process so far, MB of 2**20 bytes; None if unknown.

    The peak never falls: a step that needs less memory than an earlier one leaves it unchanged. On Linux it
    is read from /proc, since `getrusage` includes the memory that the parent process held when it started
    this one; on other Unixes `getrusage` is used.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 2**10, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)
