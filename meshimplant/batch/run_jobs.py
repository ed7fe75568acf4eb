"""`run_jobs`: give the workers one case after another, and count what comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshimplant.batch.case_record import CaseRecord
from meshimplant.batch.run_case import Job, died, may_begin, run_case
from meshimplant.batch.workers import number_of_workers

if TYPE_CHECKING:
    from distributed import Client, Future


@dataclass
class Tally:
    """How far a batch is.

    Attributes
    ----------
    total : int
        Number of cases.
    done, kept, failed : int
        Cases with a result, those of them taken over from an earlier run, and cases without one.
    seconds_left : float or None
        Time to go, from the cases that were run; None before the first has ended.
    """

    total: int
    done: int = 0
    kept: int = 0
    failed: int = 0
    seconds_left: float | None = None

    @property
    def left(self) -> int:
        """Cases that have not ended."""
        return self.total - self.done - self.failed


def run_jobs(
    client: Client,
    jobs: Sequence[Job],
    *,
    workers: int | None,
    take: Callable[[CaseRecord], None],
    progress: Callable[[Tally], None] | None = None,
) -> Tally:
    """Run all cases on the workers, as many at a time as there are workers.

    Parameters
    ----------
    client : Client
        The connection to the workers.
    jobs : sequence of Job
        The cases, in the order in which they are begun.
    workers : int or None
        Number of workers; None: as many as there are at each moment.
    take : callable
        Called with each record as it comes.
    progress : callable, optional
        Called with the tally at the beginning and after each case.

    Returns
    -------
    Tally
        How it ended.
    """
    from distributed import as_completed

    tally, waiting, start = Tally(len(jobs)), list(reversed(jobs)), time.perf_counter()
    running: dict[Future, Job] = {}
    queue = as_completed(loop=client.loop)
    if progress is not None:
        progress(tally)
    _submit(client, queue, running, waiting, workers)
    for future in queue:
        job = running.pop(future)
        answer = _answer(future, job)
        del future
        if answer is None:
            waiting.append(job)
            _submit(client, queue, running, waiting, workers)
            continue
        record, is_kept = answer
        take(record)
        tally.done += not record.failed
        tally.failed += record.failed
        tally.kept += is_kept
        was_run = tally.done + tally.failed - tally.kept
        if was_run:
            tally.seconds_left = (time.perf_counter() - start) / was_run * tally.left
        if progress is not None:
            progress(tally)
        _submit(client, queue, running, waiting, workers)
    return tally


def _submit(
    client: Client, queue: object, running: dict[Future, Job], waiting: list[Job], workers: int | None
) -> None:
    """Give each free worker a case."""
    places = workers or max(1, number_of_workers(client))
    while waiting and len(running) < places:
        job = waiting.pop()
        future = client.submit(run_case, job, pure=False)
        running[future] = job
        queue.add(future)  # type: ignore[attr-defined]


def _answer(future: Future, job: Job) -> tuple[CaseRecord, bool] | None:
    """Return the record of a case, and whether it was taken over; None where it is to be begun once more.

    The scheduler also gives up cases that only waited for workers which died of others.
    """
    from distributed.scheduler import KilledWorker

    try:
        record, is_kept = future.result()
    except KilledWorker:
        return None if may_begin(job) else (died(job), False)
    except Exception as error:  # the case itself raises nothing: its place or its worker is at fault
        message = " ".join(str(error).split())
        kind = type(error).__name__
        return CaseRecord(job.case.name, job.verb, outcome="not done", error=kind, message=message), False
    return record, is_kept
