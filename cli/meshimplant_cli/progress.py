"""Progress on a terminal: one line per step, with its seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from meshimplant.runtime.printable import printable

if TYPE_CHECKING:
    from meshimplant.batch.run_jobs import Tally


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


class CountLine:
    """One line on stderr: how many of many cases are done, have failed and are left, and the time to go."""

    def __init__(self) -> None:
        text = TextColumn("{task.description}", markup=False)
        self._progress = Progress(SpinnerColumn(), BarColumn(), text, console=Console(stderr=True))
        self._task = self._progress.add_task("starting the workers", total=None)

    def __enter__(self) -> CountLine:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def count(self, tally: Tally) -> None:
        """Show how far the cases are."""
        ended = tally.done + tally.failed
        text = f"{tally.done} done, {tally.failed} failed, {tally.left} left"
        if tally.seconds_left is not None and tally.left:
            text += f", {time_in_words(tally.seconds_left)} to go"
        self._progress.update(self._task, description=text, completed=ended, total=tally.total)


def time_in_words(seconds: float) -> str:
    """Return a time as seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
