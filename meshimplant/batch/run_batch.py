"""`run_batch`: run a verb on many cases, each on its own, and write a summary of what came of them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshimplant.batch.batch_case import BatchCase, require_names
from meshimplant.batch.batch_summary import BatchSummary
from meshimplant.batch.batch_verbs import BATCH_VERBS, BatchVerb, ending_of, require_files
from meshimplant.batch.case_record import RECORDS_FOLDER, CaseRecord
from meshimplant.batch.require_dask import require_dask
from meshimplant.batch.run_case import Job
from meshimplant.batch.run_jobs import Tally, run_jobs
from meshimplant.batch.workers import cluster_workers, local_workers, memory_share_mb, worker_count
from meshimplant.batch.write_summary import write_summary
from meshimplant.errors import InputError, OutputError
from meshimplant.io.folder_lock import claim_folder, make_folder

if TYPE_CHECKING:
    from distributed import Client

#: Files that a killed worker has left half-written, see `meshimplant.io.atomic`.
_UNFINISHED = re.compile(r"\.[0-9a-f]{12}-.+")


@dataclass(frozen=True)
class BatchLimits:
    """Where and within which bounds the cases of a batch run.

    Attributes
    ----------
    workers : int or None
        Processes on this computer; None: one for each core, fewer where the free memory holds fewer cases of
        2 GB, or where there are fewer cases.
    scheduler : str or None
        Address of a Dask scheduler, ``tcp://HOST:PORT``, whose workers are used in their place.
    memory_gb : float or None
        Most memory of a worker, GB of 2**30 bytes; None: an equal share of what is free on this computer, or
        no bound of ours on a cluster.
    time_s : float or None
        Longest time of a case, seconds.
    """

    workers: int | None = None
    scheduler: str | None = None
    memory_gb: float | None = None
    time_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("workers", "memory_gb", "time_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"expected {name} above 0, got {value}: change it")
        if self.workers is not None and self.scheduler is not None:
            raise InputError("expected workers or a scheduler, got both: a scheduler has its own workers")


def run_batch(
    cases: Sequence[BatchCase],
    output: str | Path,
    *,
    command: Callable[[Sequence[str]], int],
    verb: BatchVerb = "design",
    metrics: bool = False,
    ending: str | None = None,
    limits: BatchLimits = BatchLimits(),
    again: bool = False,
    progress: Callable[[Tally], None] | None = None,
) -> BatchSummary:
    """Run a verb on many cases, in processes of their own, and write a summary.

    The folder then holds what the verb wrote for each case, under its name, and ``summary.csv``,
    ``summary.json`` and ``summary.html``. A case that fails, dies, or goes beyond its limits is named there;
    the others go on. A case whose process died is begun once more. Results do not depend on the number of
    workers.

    The same call continues an interrupted batch: a case is not run again if its files, prescription, options
    and the installed versions are the same, and what it wrote is still there. The summary of what is done is
    written when the batch is interrupted, too.

    Parameters
    ----------
    cases : sequence of BatchCase
        The cases, as `find_cases` returns them.
    output : str or Path
        A new or empty folder, or that of an earlier batch.
    command : callable
        Runs a command line in its process and returns the exit code: ``meshimplant_cli.main.run``.
    verb : str
        ``design``, ``check``, ``evaluate``, ``convert``, ``preview`` or ``perforate``.
    metrics : bool
        Whether each design is compared with the truth of its case.
    ending : str, optional
        Ending of what is written by ``convert`` and ``perforate`` (``.stl`` by default), and by ``preview``
        (``.png``).
    limits : BatchLimits
        Workers, memory and time.
    again : bool
        Whether cases are run again that an earlier run has finished.
    progress : callable, optional
        Called with a `Tally` at the beginning and after each case.

    Returns
    -------
    BatchSummary

    Raises
    ------
    MissingDependencyError
        Dask is not installed.
    InputError
        There is no case, two have one name, a case has files that the verb does not take or lacks one, or the
        cluster cannot be used.
    OutputError
        The folder holds other files, cannot be written, or is written by another run.
    """
    if verb not in BATCH_VERBS:
        raise InputError(f"expected one of the verbs {', '.join(BATCH_VERBS)}, got {verb!r}: choose one")
    if metrics and verb != "design":
        raise InputError(f"expected metrics with design, got {verb}: leave them out (evaluate has its own)")
    if not cases:
        raise InputError("expected at least one case, got none: there is nothing to do")
    ordered = sorted(cases, key=lambda case: case.name)
    require_names(ordered)
    require_files(verb, ordered, metrics=metrics)
    written_ending = ending_of(verb, ending)
    require_dask()
    _require_own(Path(output))
    with claim_folder(output) as folder:
        _prepare(folder)
        workers = None if limits.scheduler else limits.workers or worker_count(len(ordered))
        memory_mb = _memory_mb(limits, workers)
        run = uuid.uuid4().hex
        jobs = [
            Job(
                case,
                verb,
                folder,
                written_ending,
                command,
                run,
                metrics=metrics,
                again=again,
                time_limit_s=limits.time_s,
                memory_limit_mb=memory_mb,
            )
            for case in ordered
        ]
        records: dict[str, CaseRecord] = {}
        start, tally = time.perf_counter(), Tally(len(jobs))

        def noted(now: Tally) -> None:
            nonlocal tally
            tally = now
            if progress is not None:
                progress(now)

        try:
            with _workers(limits, workers, memory_mb, folder) as client:
                run_jobs(
                    client,
                    jobs,
                    workers=workers,
                    take=lambda record: records.__setitem__(record.name, record),
                    progress=noted,
                )
        finally:
            summary = BatchSummary.of(
                verb,
                [records.get(case.name) or CaseRecord(case.name, verb) for case in ordered],
                run={
                    "workers": workers,
                    "seconds": round(time.perf_counter() - start, 3),
                    "kept": tally.kept,
                },
            )
            write_summary(summary, folder)
            _remove_unfinished(folder)
        return summary


def _workers(
    limits: BatchLimits, count: int | None, memory_mb: float | None, folder: Path
) -> AbstractContextManager[Client]:
    if limits.scheduler is not None:
        return cluster_workers(limits.scheduler, folder)
    return local_workers(count or 1, memory_limit_mb=memory_mb)


def _memory_mb(limits: BatchLimits, workers: int | None) -> float | None:
    if limits.memory_gb is not None:
        return limits.memory_gb * 2**10
    return None if workers is None else memory_share_mb(workers)


def _require_own(folder: Path) -> None:
    """Refuse a folder with files that no batch has written."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"expected a folder to write into, got the file {folder.name}: choose another name")
    if folder.is_dir() and not (folder / RECORDS_FOLDER).is_dir() and any(folder.iterdir()):
        raise OutputError(
            f"expected a new or empty folder, or that of an earlier batch, got {folder.name}, which holds "
            "other files: choose another name"
        )


def _prepare(folder: Path) -> None:
    """Make the folder, and put in order what a killed run has left in it."""
    for each in (folder, folder / RECORDS_FOLDER):
        if not each.is_dir():
            make_folder(each, shown=folder.name)
    _remove_unfinished(folder)


def _remove_unfinished(folder: Path) -> None:
    """Remove the notes of cases, and what a killed worker has left half-written."""
    for home in (folder, folder / RECORDS_FOLDER):
        for path in home.iterdir():
            if path.is_file() and (_UNFINISHED.fullmatch(path.name) or path.suffix == ".begun"):
                path.unlink(missing_ok=True)
