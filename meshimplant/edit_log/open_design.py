"""`open_design`: a saved design, brought to the end of its log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from meshimplant.design.design import Design
from meshimplant.design.kept_design import LOG_FILE, KeptDesign
from meshimplant.design.redesign import load_design, redesign
from meshimplant.design.step_runner import Progress
from meshimplant.edit_log.log_file import EditLog, LogStart, read_log
from meshimplant.edit_log.log_lines import History
from meshimplant.edit_log.state import state_hash, state_of
from meshimplant.errors import FileReadError
from meshimplant.report import Finding

_OTHER_RESULT = Finding(
    "edits.other_result",
    "warning",
    "The part is not that of the last line of the log: other versions made it, or a line was changed.",
)


@dataclass(frozen=True, eq=False)
class OpenedDesign:
    """A saved design at the end of its log.

    Attributes
    ----------
    kept : KeptDesign
        The steps in its folder.
    log : EditLog
        Its log; one without lines if it has no file.
    design : Design
        The design.
    is_saved : bool
        Whether the other files of the folder are those of the design.
    findings : tuple of Finding
        What was found of the log.
    """

    kept: KeptDesign
    log: EditLog
    design: Design
    is_saved: bool
    findings: tuple[Finding, ...]


def open_design(folder: Path, progress: Progress | None = None) -> OpenedDesign:
    """Read a design and its log; what the log has and the files of the folder lack is made again.

    Raises
    ------
    FileReadError
        The folder has no saved steps, or its log is damaged, or is that of another design.
    DesignRefused
        The end of the log cannot be made, with other versions for example.
    """
    kept = KeptDesign.read(folder)
    log = read_log(folder / LOG_FILE)
    if log is None:
        design = load_design(kept)
        return OpenedDesign(
            kept, EditLog(LogStart(kept.spec, kept.edits, state_hash(design))), design, True, ()
        )
    spec, edits = state_of(log.start, log.history.edits)
    is_saved = (kept.spec, kept.edits) == (spec, edits)
    if is_saved:
        design = load_design(kept)
    else:
        _require_known(kept, log, folder.name)
        design = redesign(kept, spec, edits=edits, progress=progress)
    other = [] if state_hash(design) == log.state else [_OTHER_RESULT]
    return OpenedDesign(kept, log, design, is_saved, (*log.findings, *other))


def _require_known(kept: KeptDesign, log: EditLog, name: str) -> None:
    """Refuse a log in whose course the design never was as the files of the folder are."""
    lines = log.history.lines
    for count in range(len(lines) + 1):
        if (kept.spec, kept.edits) == state_of(log.start, History(lines[:count]).edits):
            return
    raise FileReadError(
        f"expected the design in {name} as its log {LOG_FILE} tells, got another, made since then: "
        "move the log away to go on with the design as it is"
    )
