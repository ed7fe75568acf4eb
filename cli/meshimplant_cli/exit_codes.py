"""Exit codes and the exception for a wrong command line; `meshimplant_cli.main` explains them."""

DONE, FAILED, USAGE, CHECK_FAILED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143


class UsageError(Exception):
    """Options contradict each other, or a value is outside its range: exit code 2."""


class Terminated(BaseException):
    """The process was asked to end (SIGTERM): what is unfinished is removed on the way out."""
