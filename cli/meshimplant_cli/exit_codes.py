"""Exit codes, which of them a verdict gives, and the exception for a wrong command line.

`meshimplant_cli.main` explains the codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshimplant.report import Verdict

DONE, FAILED, USAGE, CHECK_FAILED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143


def exit_code_of(verdict: Verdict | None, *, strict: bool) -> int:
    """Return the exit code of a verdict; with `strict` only a part without warnings passes."""
    return CHECK_FAILED if verdict == "failed" or (strict and verdict != "passed") else DONE


class UsageError(Exception):
    """Options contradict each other, or a value is outside its range: exit code 2."""


class Terminated(BaseException):
    """The process was asked to end (SIGTERM): what is unfinished is removed on the way out."""
