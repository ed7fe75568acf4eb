"""Progress on a terminal: one line per step, with its seconds."""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from meshimplant.runtime.printable import printable


class StepLines:
    """Lines on stderr, one per step, with its seconds; the running step has a spinner.

    The line of a single step disappears when the work is done.
    """

    def __init__(self) -> None:
        step = TextColumn("{task.description}", markup=False)
        columns = (SpinnerColumn(finished_text=" "), step, _Seconds())
        self._progress = Progress(*columns, console=Console(stderr=True))

    def begin(self, step: str) -> None:
        """End the running step and begin the next; a running step of the same name continues."""
        step = printable(step)
        if self._progress.tasks and self._progress.tasks[-1].description == step:
            return
        self._end()
        self._progress.add_task(step, total=None)
        self._progress.start()

    def stop(self, *, done: bool) -> None:
        """Draw the lines for the last time; `done` False: the last step failed."""
        if done:
            self._end()
        self._progress.live.transient = len(self._progress.tasks) < 2
        self._progress.stop()

    def _end(self) -> None:
        for task in self._progress.tasks:
            if not task.finished:
                self._progress.update(task.id, total=1, completed=1)


class _Seconds(ProgressColumn):
    """The seconds of a step, to a tenth."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time if task.finished else task.elapsed
        return Text(f"{seconds or 0.0:6.1f} s")
