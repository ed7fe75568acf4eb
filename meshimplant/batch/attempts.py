"""The note of a case that was begun: it outlives a worker that dies, and says why it had to.

A worker that must end a case ends itself, because nothing else stops compiled code. The note then tells the
next worker that is given the case, and a case that was begun twice without an end is not begun again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from meshimplant.batch.case_record import RECORDS_FOLDER
from meshimplant.io.atomic import atomic_path
from meshimplant.runtime.regular_files import parse_json, read_regular

#: How often a case is begun: once more after the process that ran it has died.
MOST_ATTEMPTS = 2


@dataclass(frozen=True)
class Attempt:
    """How often a run has begun a case, and why it gave up.

    Attributes
    ----------
    run : str
        Mark of the run; notes of other runs do not count.
    begun : int
        How often it was begun.
    error, message : str
        Class and sentence of the reason for which it was ended; empty where it was not.
    has_ended : bool
        Whether its record is that of this run: a worker that dies later can take the answer with it, and the
        case is then asked for again.
    is_kept : bool
        Whether the record was taken over from an earlier run.
    """

    run: str
    begun: int = 0
    error: str = ""
    message: str = ""
    has_ended: bool = False
    is_kept: bool = False


def note_path(folder: Path, name: str) -> Path:
    """Return the file of the note in the folder of a batch."""
    return folder / RECORDS_FOLDER / f"{name}.begun"


def read_attempt(folder: Path, name: str, run: str) -> Attempt:
    """Return what this run has noted of a case; nothing begun where there is no note of it."""
    try:
        noted = Attempt(**parse_json(read_regular(note_path(folder, name))))
    except (OSError, ValueError, TypeError):
        return Attempt(run)
    return noted if noted.run == run else Attempt(run)


def write_attempt(folder: Path, name: str, attempt: Attempt) -> None:
    """Write the note of a case."""
    with atomic_path(note_path(folder, name)) as temporary:
        temporary.write_text(json.dumps(asdict(attempt)), encoding="utf-8")
