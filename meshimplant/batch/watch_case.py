"""`CaseWatch`: time and memory of a case while it runs; ends the process that goes beyond its limits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

#: Seconds between two looks.
_EVERY_S = 0.05
#: Exit code of a process that ends itself.
ENDED = 75


class CaseWatch:
    """Watch this process during a block; use as a context manager.

    Parameters
    ----------
    time_limit_s, memory_limit_mb : float or None
        Limits; memory is that of the whole process, MB of 2**20 bytes.
    note : callable
        Called with the class and the sentence of the reason before the process ends itself.

    Attributes
    ----------
    seconds, memory_mb : float
        Time since the beginning, and the largest memory seen.
    """

    def __init__(
        self,
        *,
        time_limit_s: float | None,
        memory_limit_mb: float | None,
        note: Callable[[str, str], None],
    ) -> None:
        import psutil

        self._time_limit_s, self._memory_limit_mb, self._note = time_limit_s, memory_limit_mb, note
        self._process = psutil.Process()
        self._done = threading.Event()
        self._start = time.perf_counter()
        self._thread = threading.Thread(target=self._watch, name="case watch", daemon=True)
        self.memory_mb = 0.0

    @property
    def seconds(self) -> float:
        """Time since the beginning."""
        return time.perf_counter() - self._start

    def __enter__(self) -> CaseWatch:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _look(self) -> None:
        self.memory_mb = max(self.memory_mb, self._process.memory_info().rss / 2**20)

    def _watch(self) -> None:
        while not self._done.wait(_EVERY_S):
            self._look()
            if reason := self._beyond():
                self._note(*reason)
                os._exit(ENDED)

    def _beyond(self) -> tuple[str, str] | None:
        if self._time_limit_s is not None and self.seconds > self._time_limit_s:
            limit = f"{self._time_limit_s:g} s"
            return (
                "TimeLimit",
                f"expected an end within {limit}, got none: raise --time-limit-s, or crop the input",
            )
        if self._memory_limit_mb is not None and self.memory_mb > self._memory_limit_mb:
            limit = f"{self._memory_limit_mb / 2**10:.3g} GB"
            return (
                "MemoryLimit",
                f"expected at most {limit} of memory, got more: raise --max-memory-gb, use fewer --workers, "
                "or crop the input",
            )
        return None
