"""Exit codes and the exception for a wrong command line; `meshimplant_cli.main` explains them."""

DONE, FAILED, USAGE, CHECK_FAILED, INTERRUPTED = 0, 1, 2, 3, 130


class UsageError(Exception):
    """Options contradict each other, or a value is outside its range: exit code 2."""
