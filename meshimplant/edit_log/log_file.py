"""The file of the log, `edits.jsonl`: lines are only ever added, and a broken last one costs no other."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshimplant.edit_log.log_lines import History, LoggedEdit
from meshimplant.errors import FileReadError, InputError, OutputError
from meshimplant.io.folder_lock import reason_of
from meshimplant.report import Finding
from meshimplant.runtime.regular_files import parse_json, read_regular
from meshimplant.spec.edits import Edit
from meshimplant.spec.implant_spec import ImplantSpec

#: Version of the layout of the log.
SCHEMA_VERSION = "1.0"
_OURS = "meshimplant edits"


@dataclass(frozen=True)
class LogStart:
    """What the edits of a log change: the design as it was before the first.

    Attributes
    ----------
    spec : ImplantSpec
        Its prescription.
    edits : tuple of Edit
        Changes of its shape that it holds already, from a log that is gone.
    state : str
        Digest of its state, see `EditSession.hash`.
    """

    spec: ImplantSpec
    edits: tuple[Edit, ...]
    state: str

    def to_line(self) -> dict[str, Any]:
        """Return the first line of the file."""
        start = {"spec": self.spec.to_dict(), "edits": [each.to_dict() for each in self.edits]}
        return {"what": _OURS, "schema_version": SCHEMA_VERSION, "state": self.state, "start": start}


@dataclass
class EditLog:
    """The log of a design.

    Attributes
    ----------
    start : LogStart
        What the edits change.
    history : History
        The lines.
    findings : list of Finding
        What is not as it was written.
    whole_bytes : int
        Length of the part of the file that is whole.
    """

    start: LogStart
    history: History = field(default_factory=History)
    findings: list[Finding] = field(default_factory=list)
    whole_bytes: int = 0

    @property
    def state(self) -> str:
        """Digest of the state after the last line."""
        lines = self.history.lines
        return lines[-1].after if lines else self.start.state

    def append(self, line: LoggedEdit, path: Path) -> None:
        """Add a line, to the file first, and wait until it is on the disk.

        Raises
        ------
        OutputError
            The file cannot be written; the log is as it was.
        """
        if self.whole_bytes == 0:
            self.whole_bytes = append_line(path, self.start.to_line(), after_bytes=0)
        self.whole_bytes = append_line(path, line.to_dict(), after_bytes=self.whole_bytes)
        self.history.add(line)


def read_log(path: Path) -> EditLog | None:
    """Read the log of a design; None where there is no file, or only a broken first line.

    A last line that the process could not finish is left out, with a warning.

    Raises
    ------
    FileReadError
        Another line is broken, or cannot follow those before it: the message names it.
    """
    if not path.exists():
        return None
    lines = read_regular(path).splitlines(keepends=True)
    log: EditLog | None = None
    for number, line in enumerate(lines):
        try:
            values = _values(line)
        except ValueError as error:
            if number + 1 == len(lines):
                if log is not None:
                    log.findings.append(_broken_line(number))
                return log
            raise _bad_line(path, number, f"one that is not JSON ({error})") from error
        try:
            if log is None:
                log = EditLog(_start(values))
            else:
                _add(log, values)
        except (KeyError, TypeError, ValueError) as error:
            raise _bad_line(path, number, f"one that does not fit there: {error}") from error
        log.whole_bytes += len(line)
    return log


def read_edits(path: Path) -> tuple[Edit, ...]:
    """Read the edits of a file: those that a log holds at its end, or one for each line.

    Parameters
    ----------
    path : Path
        The log of a design, or lines such as ``{"verb": "set", "parameters": {"thickness_mm": 3.5}}``.

    Returns
    -------
    tuple of Edit

    Raises
    ------
    FileReadError
        There is no such file, or a line is broken: the message names it.
    """
    lines = [line for line in read_regular(path).splitlines() if line.strip()]
    if lines and b'"what"' in lines[0]:
        log = read_log(path)
        return () if log is None else log.history.edits
    edits = []
    for number, line in enumerate(lines, start=1):
        try:
            edit = Edit.from_dict(_values(line))
        except ValueError as error:
            raise _bad_line(path, number - 1, f"one that is no edit: {error}") from error
        edits.append(edit)
    if not edits:
        raise FileReadError(f"expected edits in {path.name}, one in each line, got none")
    return tuple(edits)


def append_line(path: Path, line: Mapping[str, Any], *, after_bytes: int) -> int:
    """Add a line to the file, and wait until it is on the disk; return the new length.

    Parameters
    ----------
    path : Path
        The file; made with the first line.
    line : mapping
        Plain JSON-ready values.
    after_bytes : int
        Length of what is whole in the file: what a killed process left behind it is cut off.

    Raises
    ------
    OutputError
        The disk is full, or the folder cannot be written to; the file has no part of the line.
    """
    data = json.dumps(line, allow_nan=False, ensure_ascii=False, separators=(", ", ": ")).encode() + b"\n"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            data = _ending(handle, after_bytes) + data
            os.ftruncate(handle, after_bytes)
            os.lseek(handle, after_bytes, os.SEEK_SET)
            _write(handle, data, after_bytes)
            os.fsync(handle)
        finally:
            os.close(handle)
        if after_bytes == 0:
            _sync_folder(path.parent)
    except OSError as error:
        raise OutputError(
            f"could not write {path.name} ({reason_of(error)}): check space and permissions; "
            "the edit was not made"
        ) from error
    return after_bytes + len(data)


def _ending(handle: int, length: int) -> bytes:
    """Return the line feed that the last line lacks if someone has taken it off."""
    if length == 0:
        return b""
    os.lseek(handle, length - 1, os.SEEK_SET)
    return b"" if os.read(handle, 1) == b"\n" else b"\n"


def _write(handle: int, data: bytes, start: int) -> None:
    """Write all bytes, or leave the file as it was."""
    try:
        written = 0
        while written < len(data):
            written += os.write(handle, data[written:])
    except OSError:
        os.ftruncate(handle, start)
        raise


def _sync_folder(folder: Path) -> None:
    """Wait until the name of a new file is on the disk, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _values(line: bytes) -> dict[str, Any]:
    values = parse_json(line)
    if not isinstance(values, dict):
        raise InputError(f"expected a JSON object, got {type(values).__name__}")
    return values


def _start(values: Mapping[str, Any]) -> LogStart:
    """Return what the first line says."""
    if values.get("what") != _OURS:
        raise InputError("expected the log of a design of meshimplant: move another file away")
    version = str(values.get("schema_version"))
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise InputError(
            f"expected a log of version {SCHEMA_VERSION}, got {version}: use the meshimplant that wrote it"
        )
    start = values["start"]
    edits: Sequence[Any] = start["edits"]
    spec = ImplantSpec.from_dict(start["spec"])
    return LogStart(spec, tuple(Edit.from_dict(each) for each in edits), str(values["state"]))


def _add(log: EditLog, values: Mapping[str, Any]) -> None:
    """Add the line with these values to a log."""
    before, after, time, who = (str(values[name]) for name in ("before", "after", "time", "who"))
    line = LoggedEdit(int(values["number"]), Edit.from_dict(values), before, after, time, who)
    if line.before != log.state:
        log.findings.append(_other_result(line.number))
    log.history.add(line)


def _other_result(number: int) -> Finding:
    message = (
        f"Line {number} of the log starts from another part than the line before it made: other versions "
        "made it, or a line was changed."
    )
    return Finding("edits.other_result", "warning", message)


def _broken_line(number: int) -> Finding:
    message = (
        f"The last line of the log, {number}, was not finished, as by a program that was ended while it "
        "wrote: that edit is lost, all before it are there."
    )
    return Finding("edits.broken_line", "warning", message)


def _bad_line(path: Path, number: int, got: str) -> FileReadError:
    return FileReadError(
        f"expected a line of a log in line {number + 1} of {path.name}, got {got}: "
        "mend that line, or move the file away to go on without the log"
    )
