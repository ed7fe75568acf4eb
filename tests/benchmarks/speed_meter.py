"""Wall seconds, CPU seconds and peak memory of each step of one process."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import Any

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class Meter:
    """Measure step after step; a step lasts until the next one begins.

    CPU seconds are user and system time of the process, all its threads together. The peak is the largest
    resident memory within the step: Linux forgets the peak of the steps before when asked to. Where it cannot
    be asked, a step's peak is the process's peak so far, and `resets` is False.
    """

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, Any]] = {}
        self.resets = True
        self._step: tuple[str, float, float] | None = None

    def begin(self, name: str) -> None:
        """End the current step, if any, and begin the next; a repeated name adds to its earlier record."""
        self.end()
        self.resets = self.resets and _forget_peak()
        self._step = name, time.perf_counter(), time.process_time()

    def end(self) -> None:
        """End the current step."""
        if self._step is None:
            return
        name, wall, cpu = self._step
        record = self.steps.setdefault(name, {"wall_s": 0.0, "cpu_s": 0.0, "peak_mb": 0.0})
        record["wall_s"] += time.perf_counter() - wall
        record["cpu_s"] += time.process_time() - cpu
        record["peak_mb"] = max(record["peak_mb"], peak_mb())
        self._step = None

    def save(self, folder: Path, **more: Any) -> None:
        """End the current step, and write all steps and the process's CPU seconds to run.json in `folder`."""
        self.end()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        record = {
            "steps": self.steps,
            "resets": self.resets,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            **more,
        }
        (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")


def peak_mb() -> float:
    """Return the peak resident memory since the last reset, MB of 2**20 bytes; 0 where unknown."""
    if not _STATUS.exists():
        return 0.0
    line = next((row for row in _STATUS.read_text().splitlines() if row.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(line.split()[1]) / 1024


def _forget_peak() -> bool:
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True
