"""`EditSession`: one open design, changed edit by edit, with a log that can be undone and replayed."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import trimesh

from meshimplant.design.design import Design
from meshimplant.design.kept_design import LOG_FILE
from meshimplant.design.redesign import redesign
from meshimplant.design.step_runner import Progress
from meshimplant.edit_log.draft import draft_of
from meshimplant.edit_log.log_lines import LoggedEdit
from meshimplant.edit_log.open_design import OpenedDesign, open_design
from meshimplant.edit_log.recent_steps import RecentSteps
from meshimplant.edit_log.state import refused, state_hash, state_of
from meshimplant.errors import InputError, MeshImplantError, require_type
from meshimplant.io.folder_lock import claim_for_editing
from meshimplant.report import Finding
from meshimplant.runtime.today import now, today
from meshimplant.spec.edits import MOVES, Edit

#: The longest name of an editor, characters.
_LONGEST_NAME = 80


class EditSession:
    """A design that is open for editing.

    Each edit runs the line again from the first step that it touches, so that every state is a checked part
    with its findings. An edit that was made is on the disk, in ``edits.jsonl``, before `apply` returns; the
    other files of the folder follow with `save`, which `close` calls. A session that was killed goes on where
    its log ends.

    One session at a time is open for a folder. Its methods may be called from several threads; one runs at a
    time.

    Examples
    --------
    >>> with EditSession.open("case", who="A. Engineer") as session:
    ...     session.apply(Edit("set", {"thickness_mm": 3.5}))
    ...     session.undo()
    """

    def __init__(self, folder: Path, held: ExitStack, opened: OpenedDesign, *, who: str) -> None:
        self._folder, self._log_path = folder, folder / LOG_FILE
        self._held, self._is_closed = held, False
        self._who = who
        self._guard = threading.RLock()
        self._log, self._findings = opened.log, opened.findings
        self._recent = RecentSteps(opened.kept)
        self._take(opened.design)
        self._saved = self._hash if opened.is_saved else ""

    @classmethod
    def open(cls, case: str | Path, *, who: str = "", progress: Progress | None = None) -> EditSession:
        """Open a design for editing.

        Parameters
        ----------
        case : str or Path
            The folder of a design with its steps.
        who : str
            Who edits, for the log; at most 80 printable characters. Never a patient's name.
        progress : callable, optional
            Called with the name of each step that runs, if the files of the folder are older than its log.

        Returns
        -------
        EditSession
            To be closed, or used as a context manager.

        Raises
        ------
        EditLocked
            Another session is open for this folder.
        FileReadError
            The folder has no saved steps, or its log is damaged, or is that of another design.
        """
        if not isinstance(who, str) or len(who) > _LONGEST_NAME or not who.isprintable():
            raise InputError(f"expected a name of at most {_LONGEST_NAME} printable characters, got {who!r}")
        with ExitStack() as stack:
            folder = stack.enter_context(claim_for_editing(case))
            opened = open_design(folder, progress)
            return cls(folder, stack.pop_all(), opened, who=who)

    @property
    def folder(self) -> Path:
        """The folder of the design."""
        return self._folder

    @property
    def design(self) -> Design:
        """The design as it is now, checked."""
        return self._design

    @property
    def hash(self) -> str:
        """Digest of the state: of prescription, edits of the shape, and the finished part."""
        return self._hash

    @property
    def log(self) -> tuple[LoggedEdit, ...]:
        """All lines of the log, undo and redo included."""
        return self._log.history.lines

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits that the design holds, in order."""
        return self._log.history.edits

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found of the log itself; the findings of the part are in `design`."""
        return self._findings

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return self._log.history.next_undo is not None

    @property
    def can_redo(self) -> bool:
        """Whether something was undone that can be made again."""
        return self._log.history.next_redo is not None

    @property
    def is_saved(self) -> bool:
        """Whether the files of the folder are those of `design`."""
        return self._saved == self._hash

    def apply(self, edit: Edit, *, progress: Progress | None = None) -> Design:
        """Make an edit, and add it to the log.

        Parameters
        ----------
        edit : Edit
            The change.
        progress : callable, optional
            Called with the name of each step that runs, before it starts; what it raises ends the edit.

        Returns
        -------
        Design
            The new state.

        Raises
        ------
        EditRefused
            The edit cannot be made, or changes nothing; the state before stays, and the log has no line.
        """
        require_type(edit, Edit, "the edit")
        if edit.verb in MOVES:
            raise InputError(f"expected a change, got {edit.verb}: call {edit.verb} of the session instead")
        return self._do(edit, progress)

    def undo(self, *, progress: Progress | None = None) -> Design:
        """Take the last edit back, or the last `revert`; return the new state. The log keeps both lines.

        Raises
        ------
        EditRefused
            There is nothing to undo.
        """
        with self._guard:
            return self._do(Edit("undo", {"number": self._next("undo")}), progress)

    def redo(self, *, progress: Progress | None = None) -> Design:
        """Make again what was undone last; return the new state.

        Raises
        ------
        EditRefused
            Nothing was undone since the last edit.
        """
        with self._guard:
            return self._do(Edit("redo", {"number": self._next("redo")}), progress)

    def revert(self, number: int, *, progress: Progress | None = None) -> Design:
        """Take the edit of a line of the log back, and leave those after it; return the new state.

        Raises
        ------
        EditRefused
            The design does not hold that edit, or those after it cannot be made without it.
        """
        return self._do(Edit("revert", {"number": number}), progress)

    def draft(self, edit: Edit) -> trimesh.Trimesh:
        """Return what an edit will look like: coarse and unchecked, in about a second.

        For what it shows, see `draft_of`; raises `EditRefused` for an edit that cannot be made.
        """
        require_type(edit, Edit, "the edit")
        design = self._design
        try:
            return draft_of(design, edit)
        except MeshImplantError as error:
            raise refused(edit, error) from error

    def save(self, *, progress: Progress | None = None) -> None:
        """Write the files of the state into the folder, all or nothing; does nothing if they are there.

        Raises
        ------
        OutputError
            The folder cannot be written to, or another run writes there; its files are as they were.
        """
        with self._guard:
            if self.is_saved:
                return
            if progress is not None:
                progress("write")
            log = self._log_path if self._log_path.exists() else None
            self._design.save(self._folder, force=True, label=self._kept.label, date=today(), log=log)
            self._saved = self._hash

    def save_as(self, folder: str | Path, *, force: bool = False) -> None:
        """Write the state and its log into another folder; the session stays with its own.

        The folder is new or empty, unless `force` replaces the design of an earlier run there.

        Raises
        ------
        OutputError
            The folder is occupied (without `force`) or cannot be written to.
        """
        with self._guard:
            log = self._log_path if self._log_path.exists() else None
            self._design.save(folder, force=force, label=self._kept.label, date=today(), log=log)

    def close(self) -> None:
        """Save, and let others edit; a closed session cannot be used."""
        with self._guard:
            try:
                if not self._is_closed:
                    self.save()
            finally:
                self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, Exception):
            self.close()
        else:  # the program ends: the log has all that was done
            self._release()

    def _release(self) -> None:
        self._is_closed = True
        self._held.close()

    def _next(self, verb: str) -> int:
        """Return the number of the line that ``undo`` or ``redo`` concerns."""
        history = self._log.history
        number = history.next_undo if verb == "undo" else history.next_redo
        if number is None:
            raise refused(
                Edit(verb, {}), InputError(f"expected something to {verb}, got none: the log has no more")
            )
        return number

    def _do(self, edit: Edit, progress: Progress | None) -> Design:
        """Make the state that the log has with one more line, and then write that line."""
        with self._guard:
            if self._is_closed:
                raise InputError("expected an open session, got one that was closed: open the design again")
            history = self._log.history.copy()
            line = LoggedEdit(len(self.log) + 1, edit, self._hash, "", now(), self._who)
            try:
                history.add(line)
                spec, edits = state_of(self._log.start, history.edits)
                if line.is_change and (spec, edits) == (self._design.spec, self._design.edits):
                    raise InputError("expected an edit that changes something, got one that does not")
                design = redesign(self._kept, spec, edits=edits, progress=progress)
            except MeshImplantError as error:
                raise refused(edit, error) from error
            line = replace(line, after=state_hash(design))
            self._log.append(line, self._log_path)
            self._take(design)
            return design

    def _take(self, design: Design) -> None:
        """Make a design the present one."""
        if design.kept is not None:
            self._kept = self._recent.with_state(design.kept)
        self._design, self._hash = design, state_hash(design)
