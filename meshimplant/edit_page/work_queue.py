"""`WorkQueue`: one thread that does what the page asks for, one thing after the other."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable


class WorkQueue:
    """One worker. The page's own callbacks run on many threads, in any order, and only say what to do.

    Parameters
    ----------
    on_error : callable
        Called on the worker with an exception that a task raised; the worker goes on.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._tasks: OrderedDict[object, Callable[[], None]] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._busy = False
        self._thread = threading.Thread(target=self._work, name="meshimplant page", daemon=True)
        self._thread.start()

    def submit(self, key: object, task: Callable[[], None]) -> None:
        """Do `task` after all that waits; it takes the place of a task of the same key that still waits.

        None for a key never replaces another.
        """
        with self._changed:
            if not self._closed:
                self._tasks[object() if key is None else key] = task
                self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing runs or waits; return whether that came true in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._tasks and not self._busy, timeout_s)

    def close(self) -> None:
        """Forget what waits, and end after what runs."""
        with self._changed:
            self._closed = True
            self._tasks.clear()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._tasks or self._closed)
                if self._closed:
                    return
                _, task = self._tasks.popitem(last=False)
                self._busy = True
            try:
                task()
            except Exception as error:
                self._on_error(error)
