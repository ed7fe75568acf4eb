"""`run_case`: one case in a worker, by the command line of its verb; what came of it is a `CaseRecord`."""

from __future__ import annotations

import gc
import io
import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from meshimplant.batch.attempts import MOST_ATTEMPTS, read_attempt, write_attempt
from meshimplant.batch.batch_case import BatchCase
from meshimplant.batch.batch_verbs import VERBS, BatchVerb, command_line
from meshimplant.batch.case_digest import digest_of
from meshimplant.batch.case_record import CaseRecord, Outcome, read_record, still_holds
from meshimplant.batch.watch_case import CaseWatch
from meshimplant.io.payload import sha256_of
from meshimplant.runtime.regular_files import parse_json

#: Exit codes of the command line: done, and written but failed its check.
_DONE, _CHECK_FAILED = 0, 3
_ERROR_LINE = re.compile(r"^meshimplant: error: (.*)$", re.M)


@dataclass(frozen=True)
class Job:
    """What a worker needs to run one case.

    Attributes
    ----------
    case, verb, folder, ending : BatchCase, str, Path, str
        The case, the verb, the folder of the batch, and the ending of what the verb writes.
    command : callable
        Runs a command line in this process and returns its exit code.
    run : str
        Mark of the run.
    metrics : bool
        Whether a design is compared with the truth.
    again : bool
        Whether the case is run even if its record answers for it.
    time_limit_s, memory_limit_mb : float or None
        Limits of the case.
    """

    case: BatchCase
    verb: BatchVerb
    folder: Path
    ending: str
    command: Callable[[Sequence[str]], int]
    run: str
    metrics: bool = False
    again: bool = False
    time_limit_s: float | None = None
    memory_limit_mb: float | None = None

    @property
    def output(self) -> Path:
        """Where the verb writes."""
        return VERBS[self.verb].place(self.folder, self.case.name, self.ending)


def run_case(job: Job) -> tuple[CaseRecord, bool]:
    """Run one case and write its record; return it, and whether it was taken over from an earlier run.

    Nothing that goes wrong with the case is raised. If it takes too long or too much memory, the process
    notes so and ends; whoever runs the case again finds the note.
    """
    name, folder = job.case.name, job.folder
    begun = read_attempt(folder, name, job.run)
    known = read_record(folder, name)
    if begun.has_ended and known is not None:
        return known, begun.is_kept
    if not may_begin(job):
        return died(job), False
    begun = replace(begun, begun=begun.begun + 1)
    write_attempt(folder, name, begun)
    watch = CaseWatch(
        time_limit_s=job.time_limit_s,
        memory_limit_mb=job.memory_limit_mb,
        note=lambda error, message: write_attempt(folder, name, replace(begun, error=error, message=message)),
    )
    with watch:
        digest = digest_of(job.case, job.verb, ending=job.ending, metrics=job.metrics)
        is_known = not job.again and known is not None and still_holds(known, folder, digest)
        record = known if known is not None and is_known else _run(job, digest)
    if not is_known:
        record = replace(
            record,
            seconds=round(watch.seconds, 3),
            memory_mb=round(watch.memory_mb, 1),
            attempts=begun.begun,
        )
        record.write(folder)
    write_attempt(folder, name, replace(begun, has_ended=True, is_kept=is_known))
    gc.collect()
    return record, is_known


def may_begin(job: Job) -> bool:
    """Return whether a case may be begun: not twice already, and not after it went beyond a limit."""
    begun = read_attempt(job.folder, job.case.name, job.run)
    return not begun.error and begun.begun < MOST_ATTEMPTS


def died(job: Job) -> CaseRecord:
    """Return, and write, the record of a case whose worker has died twice, or was ended on purpose."""
    begun = read_attempt(job.folder, job.case.name, job.run)
    message = begun.message or (
        f"expected the process to end, got one that died {begun.begun} times while it ran this case: it may "
        "need more memory than there is (see --workers and --max-memory-gb)"
    )
    record = CaseRecord(
        job.case.name,
        job.verb,
        outcome="not done",
        error=begun.error or "WorkerDied",
        message=message,
        attempts=begun.begun,
    )
    record.write(job.folder)
    write_attempt(job.folder, job.case.name, replace(begun, has_ended=True))
    return record


def _run(job: Job, digest: str) -> CaseRecord:
    """Run the verb of a case, and return what came of it without time and memory."""
    code, out, err = _called(job.command, command_line(job.verb, job.case, job.output))
    result = _json_of(out)
    record = CaseRecord(job.case.name, job.verb, digest, exit_code=code)
    if code not in (_DONE, _CHECK_FAILED):
        return _failed(record, result, err)
    outcome: Outcome = result.get("verdict") or "done"
    record = replace(
        record,
        outcome=outcome,
        findings=[*result.get("findings", []), *result.get("input_findings", [])],
        files=_written(job),
    )
    if job.verb == "evaluate":
        numbers = {key: value for key, value in result.items() if isinstance(value, float | int)}
        return replace(record, metrics=numbers)
    if job.metrics:
        record = _measured(job, record)
    return replace(record, numbers=_numbers(result))


def _called(command: Callable[[Sequence[str]], int], words: list[str]) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a command line in this process."""
    with (
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
        warnings.catch_warnings(action="ignore"),
    ):
        code = command(words)
    return code, out.getvalue(), err.getvalue()


def _failed(record: CaseRecord, result: dict[str, Any], err: str) -> CaseRecord:
    error = result.get("error", {})
    found = _ERROR_LINE.search(err)
    message = error.get("message") or (
        found[1] if found else "expected a result, got none: run the case alone"
    )
    kind = error.get("type") or ("UsageError" if record.exit_code == 2 else "Error")
    if message.startswith("unexpected "):
        kind = "Unexpected"
    return replace(
        record, outcome="not done", error=kind, message=message, findings=error.get("findings", [])
    )


def _json_of(text: str) -> dict[str, Any]:
    try:
        result = parse_json(text)
    except ValueError:
        return {}
    return result if isinstance(result, dict) else {}


def _written(job: Job) -> dict[str, str]:
    """Return the SHA-256 of each file that the verb has written."""
    if not job.output.exists():
        return {}
    files = sorted(job.output.rglob("*")) if job.output.is_dir() else [job.output]
    return {
        file.relative_to(job.folder).as_posix(): sha256_of(file)
        for file in files
        if file.is_file() and not file.name.startswith(".")
    }


def _numbers(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the six numbers that decide on a part, or what the verb measured."""
    if "verdict" in result:
        from meshimplant.preview.deciding_numbers import deciding_numbers
        from meshimplant.report import Finding, Report

        findings = [Finding(**{**each, "location_mm": None}) for each in result["findings"]]
        report = Report(spec=result.get("spec") or {}, measures=result["measures"], findings=findings)
        return [
            {
                "measure": number.measure,
                "label": number.name,
                "value": number.measured,
                "limit": number.bound,
                "at_least": number.at_least,
                "verdict": number.verdict,
            }
            for number in deciding_numbers(report)
        ]
    from meshimplant.runtime.value_text import label_and_unit

    return [
        {"measure": key, "label": label_and_unit(key)[0], "value": value, "verdict": "none"}
        for key, value in result.items()
        if isinstance(value, int | float)
        and not isinstance(value, bool)
        and not key.endswith(("_before", "_before_mm3"))
    ]


def _measured(job: Job, record: CaseRecord) -> CaseRecord:
    """Return the record with the agreement of the reconstruction with the truth."""
    from meshimplant.errors import MeshImplantError
    from meshimplant.evaluation.evaluate_files import evaluate_files

    truth = job.case.truth
    if truth is None:
        return record
    try:
        found = evaluate_files(job.output / "reconstruction.nrrd", truth, job.case.input).to_dict()
    except MeshImplantError as error:
        return replace(record, metrics_message=str(error))
    return replace(record, metrics={k: v for k, v in found.items() if isinstance(v, float | int)})
