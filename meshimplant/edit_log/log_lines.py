"""`LoggedEdit`: one line of the log; `History`: what the lines amount to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from meshimplant.errors import InputError
from meshimplant.spec.edits import MOVES, Edit


@dataclass(frozen=True)
class LoggedEdit:
    """One line of the log.

    Attributes
    ----------
    number : int
        Of the line, from 1.
    edit : Edit
        What was done. ``undo`` takes the line back whose number it holds, ``redo`` makes it again; ``revert``
        takes one edit back and leaves those after it.
    before, after : str
        Digests of the state before and after, see `EditSession.hash`.
    time : str
        When, as 2026-03-09T14:05:07Z.
    who : str
        By whom, as they said; empty where they did not.
    undone : bool
        Whether the line has no effect now: it was undone or reverted and not made again.
    """

    number: int
    edit: Edit
    before: str
    after: str
    time: str
    who: str = ""
    undone: bool = False

    @property
    def is_change(self) -> bool:
        """Whether the line is a change of its own, no ``undo``, ``redo`` or ``revert``."""
        return self.edit.verb not in MOVES

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values, as a line of the file holds them: without `undone`."""
        states = {"before": self.before, "after": self.after}
        return {"number": self.number, **self.edit.to_dict(), **states, "time": self.time, "who": self.who}


class History:
    """What the lines of a log amount to: which edits the state holds, what can be undone and made again.

    Parameters
    ----------
    lines : iterable of LoggedEdit
        All lines, in order.

    Raises
    ------
    InputError
        A line cannot follow those before it; the message names it.
    """

    def __init__(self, lines: Iterable[LoggedEdit] = ()) -> None:
        self._lines: list[LoggedEdit] = []
        self._active: set[int] = set()
        self._done: list[int] = []
        self._undone: list[int] = []
        for line in lines:
            self.add(line)

    @property
    def lines(self) -> tuple[LoggedEdit, ...]:
        """All lines, each with whether it is undone."""
        unmade = {*self._undone}
        kept = {*self._done}
        return tuple(
            replace(
                line,
                undone=line.number not in self._active
                if line.is_change
                else line.edit.verb == "revert" and (line.number in unmade or line.number not in kept),
            )
            for line in self._lines
        )

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The changes that the state holds, in order."""
        return tuple(self._lines[number - 1].edit for number in sorted(self._active))

    @property
    def next_undo(self) -> int | None:
        """The number of the line that ``undo`` takes back; None where there is none."""
        return self._done[-1] if self._done else None

    @property
    def next_redo(self) -> int | None:
        """The number of the line that ``redo`` makes again; None where there is none."""
        return self._undone[-1] if self._undone else None

    def copy(self) -> History:
        """Return a history of the same lines."""
        return History(self._lines)

    def add(self, line: LoggedEdit) -> None:
        """Add the next line; raises `InputError` for one that cannot follow."""
        number = len(self._lines) + 1
        if line.number != number:
            raise InputError(f"expected line {number} of the log, got line {line.number}: a line is missing")
        if line.is_change:
            self._active.add(number)
        else:
            self._move(line.edit.verb, line.edit.parameters["number"])
        if line.edit.verb not in ("undo", "redo"):
            self._done.append(number)
            self._undone.clear()
        self._lines.append(line)

    def _move(self, verb: str, number: int) -> None:
        """Take a line back or make it again."""
        if verb == "revert":
            if number not in self._active:
                raise InputError(
                    f"expected the number of an edit that the design holds, "
                    f"{', '.join(map(str, sorted(self._active))) or 'of which there is none'}, got {number}"
                )
            self._active.remove(number)
            return
        source, target = (self._done, self._undone) if verb == "undo" else (self._undone, self._done)
        if not source or source[-1] != number:
            expected = f"of line {source[-1]}" if source else "where there is something left"
            raise InputError(f"expected {verb} {expected}, got {verb} of line {number}")
        target.append(source.pop())
        line = self._lines[number - 1]
        changed = number if line.is_change else line.edit.parameters["number"]
        if line.is_change == (verb == "undo"):
            self._active.remove(changed)
        else:
            self._active.add(changed)
