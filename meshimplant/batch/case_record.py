"""`CaseRecord`: what became of one case, and its file, by which an interrupted batch goes on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from meshimplant.io.atomic import atomic_path
from meshimplant.io.payload import sha256_of
from meshimplant.report import plain_values
from meshimplant.runtime.regular_files import parse_json, read_regular

#: Folder of the records within the folder of a batch.
RECORDS_FOLDER = ".batch"
Outcome = Literal["not run", "not done", "failed", "passed with warnings", "passed", "done"]
#: The outcomes, worst first; "done" is that of verbs without a verdict.
OUTCOMES: tuple[Outcome, ...] = ("not run", "not done", "failed", "passed with warnings", "passed", "done")
#: Classes of failures that a second run may not meet: they are never taken over from an earlier one.
PASSING = ("TimeLimit", "MemoryLimit", "WorkerDied", "MemoryError", "OutputError", "Unexpected")


@dataclass(frozen=True)
class CaseRecord:
    """What became of one case.

    Attributes
    ----------
    name, verb, digest : str
        The case, the verb, and the digest of all that the result depends on.
    outcome : str
        The verdict on the part, ``done`` for a verb without a verdict, ``not done`` for a case that failed,
        or ``not run``.
    exit_code : int or None
        Exit code of the verb; None where it did not end.
    error, message : str
        Class and sentence of what went wrong; empty where nothing did.
    findings : list of dict
        Findings on the part, or those of the error.
    numbers : list of dict
        The numbers of the case: ``measure``, ``label``, ``value``, ``limit``, ``at_least``, ``verdict``.
    metrics : dict
        Agreement with the truth, where it was asked for.
    metrics_message : str
        Why there are no metrics.
    files : dict
        SHA-256 of each file that was written, by its path in the folder of the batch.
    seconds : float
        Time of the case.
    memory_mb : float
        Largest memory of the process while the case ran, MB of 2**20 bytes.
    attempts : int
        How often the case was begun in this run.
    """

    name: str
    verb: str
    digest: str = ""
    outcome: Outcome = "not run"
    exit_code: int | None = None
    error: str = ""
    message: str = ""
    findings: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    metrics_message: str = ""
    files: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    memory_mb: float = 0.0
    attempts: int = 1

    @property
    def failed(self) -> bool:
        """Whether the case has no result."""
        return self.outcome in ("not run", "not done")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values."""
        return plain_values(asdict(self))

    def count(self, severity: str) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.get("severity") == severity for finding in self.findings)

    def write(self, folder: Path) -> None:
        """Write the record into the folder of a batch, completely or not at all."""
        path = record_path(folder, self.name)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")


def record_path(folder: Path, name: str) -> Path:
    """Return the file of a case's record in the folder of a batch."""
    return folder / RECORDS_FOLDER / f"{name}.json"


def read_record(folder: Path, name: str) -> CaseRecord | None:
    """Return the record of a case; None where there is none that can be read."""
    try:
        values = parse_json(read_regular(record_path(folder, name)))
        known = {each.name for each in fields(CaseRecord)}
        return CaseRecord(**{key: value for key, value in values.items() if key in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def still_holds(record: CaseRecord | None, folder: Path, digest: str) -> bool:
    """Return whether a record answers for a case: the same digest, and its files as they were written."""
    if record is None or record.digest != digest or record.outcome == "not run" or record.error in PASSING:
        return False
    try:
        return all(sha256_of(folder / name) == stated for name, stated in record.files.items())
    except (OSError, ValueError):
        return False
