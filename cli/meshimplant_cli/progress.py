"""Progress on a terminal: a line per step with its seconds, as the work goes on."""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text


class StepLines:
    """Steps as lines on stderr: those that are done with their seconds, the running one with a spinner and its seconds so far.

    With one step only, its line goes when the work is done.
    """

    def __init__(self) -> None:
        columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), _Seconds())
        self._progress = Progress(*columns, console=Console(stderr=True))

    def begin(self, step: str) -> None:
        """End the step that runs, if one does, and begin the next; a step of the running one's name goes on."""
        if self._progress.tasks and self._progress.tasks[-1].description == step:
            return
        self._end()
        self._progress.add_task(step, total=None)
        self._progress.start()

    def stop(self, *, done: bool) -> None:
        """Draw the lines for the last time; not `done`: the last step ended in an error."""
        if done:
            self._end()
        self._progress.live.transient = len(self._progress.tasks) < 2
        self._progress.stop()

    def _end(self) -> None:
        for task in self._progress.tasks:
            if not task.finished:
                self._progress.update(task.id, total=1, completed=1)


class _Seconds(ProgressColumn):
    """Seconds of a step, to a tenth."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time if task.finished else task.elapsed
        return Text(f"{seconds or 0.0:6.1f} s")
