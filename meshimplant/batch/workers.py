"""The workers of a batch: processes of this computer, or those of a Dask cluster, which are checked first."""

from __future__ import annotations

import logging
import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from meshimplant.batch.require_dask import require_dask
from meshimplant.errors import InputError, OutputError
from meshimplant.runtime.memory import available_bytes
from meshimplant.runtime.threads import core_count
from meshimplant.runtime.versions import installed_versions

if TYPE_CHECKING:
    from distributed import Client

#: Memory that a case needs at most, bytes: designs of 57 skulls of 512 x 512 x 151 to 394 voxels took up to
#: 1.4 GB, a synthetic one of 512 x 512 x 400 took 1.5 GB (tests/benchmarks/README.md), and a worker 0.2 GB.
CASE_BYTES = 2 << 30
#: Share of the free memory that all workers take together; source: our choice.
_SHARE = 0.9
#: Dask's own limit lies above ours, for compiled code that does not let the watching thread look; a worker
#: that Dask ends has died without a reason.
_BACKSTOP = 1.5
#: Limits of threads in the environment of the workers, which share the cores.
_ONE_THREAD = {
    name: "1"
    for name in (
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
        *("IGL_NUM_THREADS", "VTK_SMP_MAX_THREADS"),
    )
}
#: Memory that is not used any more is given back to the system.
_ENVIRONMENT = {**_ONE_THREAD, "MALLOC_TRIM_THRESHOLD_": "65536"}
_CONFIG = {
    "distributed.scheduler.allowed-failures": 1,
    "distributed.scheduler.active-memory-manager.start": False,
    # A worker that is silent for long is none that is lost: the computer sleeps, or the process is paused.
    "distributed.scheduler.worker-ttl": None,
    "distributed.nanny.pre-spawn-environ": _ENVIRONMENT,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "logging": {"distributed": "critical", "tornado": "critical"},
}
#: Seconds that a cluster has to answer.
_ANSWER_S = 30.0


def worker_count(cases: int) -> int:
    """Return the number of workers for a number of cases: at most one for each core, and as memory allows."""
    memory = available_bytes()
    fitting = core_count() if memory is None else int(memory * _SHARE // CASE_BYTES)
    return max(1, min(core_count(), fitting, cases))


def memory_share_mb(workers: int) -> float | None:
    """Return the memory of each of several workers, MB; None where the free memory is unknown."""
    memory = available_bytes()
    return None if memory is None else memory * _SHARE / workers / 2**20


@contextmanager
def local_workers(count: int, *, memory_limit_mb: float | None) -> Iterator[Client]:
    """Start workers on this computer, each a process with one thread, and end them with the block."""
    require_dask()
    import dask
    from distributed import Client, LocalCluster

    limit = 0 if memory_limit_mb is None else int(memory_limit_mb * _BACKSTOP * 2**20)
    with (
        TemporaryDirectory(prefix="meshimplant-batch-", ignore_cleanup_errors=True) as scratch,
        dask.config.set(_CONFIG),
        _environment_kept(),
        _quiet_logs(),
    ):
        with _interrupts_held():
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                # The scheduler serves web pages in any case: on a free port, and on this computer only.
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                memory_limit=limit,
                local_directory=scratch,
                silence_logs=logging.CRITICAL,
            )
            client = Client(cluster)
        try:
            yield client
        finally:
            with _interrupts_held():
                client.close()
                cluster.close()


@contextmanager
def cluster_workers(address: str, folder: Path) -> Iterator[Client]:
    """Connect to the workers of a Dask cluster, and check that they can do the work.

    Raises
    ------
    InputError
        No scheduler answers, there is no worker, or one has other versions, several threads, or no nanny.
    OutputError
        A worker does not see the folder of the batch.
    """
    require_dask()
    from distributed import Client

    with _quiet_logs():
        try:
            client = Client(address, timeout=_ANSWER_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"expected a Dask scheduler at {address}, got no answer ({error}): check the address"
            ) from error
        try:
            _require_able(client, folder)
            yield client
        finally:
            client.close()


def number_of_workers(client: Client) -> int:
    """Return how many workers there are now; 0 while a single one is started anew."""
    return len(client.scheduler_info(n_workers=-1)["workers"])


def _require_able(client: Client, folder: Path) -> None:
    """Check the workers of a cluster before any work is given to them."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if not workers:
        raise InputError("expected workers at the scheduler, got none: start some, with dask worker ADDRESS")
    for address, facts in workers.items():
        if facts["nthreads"] != 1 or not facts["nanny"]:
            raise InputError(
                f"expected workers with a nanny and one thread each, got {address} with "
                f"{facts['nthreads']} and {'a' if facts['nanny'] else 'no'} nanny: start them with "
                "dask worker --nthreads 1"
            )
    mark = uuid.uuid4().hex
    probe = folder / f".probe-{mark}"
    probe.write_text(mark, encoding="ascii")
    try:
        seen = client.run(_look_around, folder, mark)
        for address, (versions, threads, read) in seen.items():
            if not read or not (folder / f".probe-{mark}-{read}").is_file():
                raise OutputError(
                    f"expected each worker to read and write the folder {folder.name}, got {address}, which "
                    "does not: choose a folder that all computers share under one path"
                )
            if versions != installed_versions():
                raise InputError(
                    f"expected the same versions everywhere, got others at {address} "
                    f"({_difference(versions, installed_versions())}): install the same ones"
                )
            if threads != "1":
                raise InputError(
                    f"expected workers that compute on one thread each, got OMP_NUM_THREADS={threads!r} at "
                    f"{address}: start them with OMP_NUM_THREADS=1"
                )
    finally:
        for left in folder.glob(f".probe-{mark}*"):
            left.unlink(missing_ok=True)


def _look_around(folder: Path, mark: str) -> tuple[dict[str, str], str, str]:
    """Return versions, limit of threads, and the mark of the file that this worker wrote, if it can."""
    written = ""
    with suppress(OSError):
        if (folder / f".probe-{mark}").read_text(encoding="ascii") == mark:
            own = uuid.uuid4().hex
            (folder / f".probe-{mark}-{own}").write_text(own, encoding="ascii")
            written = own
    return installed_versions(), os.environ.get("OMP_NUM_THREADS", ""), written


def _difference(one: dict[str, str], other: dict[str, str]) -> str:
    return ", ".join(f"{name} {one.get(name)}" for name in other if one.get(name) != other[name])


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C back during the block; processes that its threads start later never see it.

    The workers are started, and started anew, by threads that begin in such a block. They take over what this
    thread holds back, and so do the processes: they end by our order alone, quietly.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it would let go of what is held back when it starts later
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what Dask sets in the environment of this process for that of the workers."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Keep Dask's own messages back: what happens to a case is told in its record."""
    known = [
        name for name in logging.root.manager.loggerDict if name.startswith(("distributed.", "tornado."))
    ]
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio", *known)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
