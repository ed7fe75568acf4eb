"""How much memory this process has held."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def process_peak_mb() -> float | None:
    """Return the most memory that this process has held so far, MB of 2**20 bytes; None where the system does not tell.

    It never falls: a step that needs less than one before it leaves it as it is. On Linux it is the program's own peak; what
    `getrusage` says there includes what the parent held when it started the program, and is asked on other Unixes only.
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
