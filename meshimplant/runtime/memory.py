"""The peak memory of this process, and the memory that is left for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from meshimplant.errors import FileReadError

_STATUS, _MACHINE = Path("/proc/self/status"), Path("/proc/meminfo")
#: Limit and use of the container, bytes.
_CONTAINER = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"))


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


def available_bytes() -> int | None:
    """Return the memory that can be taken without swapping, bytes; None where the system does not tell."""
    left = []
    if _MACHINE.exists():
        stated = dict(line.split(":", 1) for line in _MACHINE.read_text(encoding="ascii").splitlines())
        left.append(int(stated["MemAvailable"].split()[0]) * 2**10)
    elif "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}):
        left.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:
        limit, used = (int(path.read_text(encoding="ascii")) for path in _CONTAINER)
        left.append(max(0, limit - used))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        pass
    return min(left, default=None)


def require_memory(promised_bytes: int, *, name: str) -> None:
    """Raise `FileReadError` if a file promises more data than there is memory for, before any is taken.

    Parameters
    ----------
    promised_bytes : int
        Size of the data, from the header.
    name : str
        Name of the file, for the message.
    """
    available = available_bytes()
    if available is not None and promised_bytes > available:
        raise FileReadError(
            f"expected data that fit into memory ({available / 2**30:.3g} GiB free), got {name}, "
            f"which states {promised_bytes / 2**30:.4g} GiB: check its header, crop it, "
            "or use a larger computer"
        )
