"""The application: verbs, exit codes, and errors in one sentence.

Exit codes
----------
0
    Done.
1
    The work failed: a file, a folder or the anatomy is not as required.
2
    The command line is wrong: an unknown verb or option, a value outside its range, options that exclude each
    other. A wrong value *inside a file* is 1.
3
    The part was written (or read), but failed its check; with ``--strict`` also: passed it with warnings.
130, 143
    Stopped with Ctrl-C, or by SIGTERM; no partial output is left.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cyclopts import App, CycloptsError, Group, Parameter

from meshimplant.version import __version__
from meshimplant_cli.exit_codes import DONE, FAILED, INTERRUPTED, TERMINATED, USAGE, Terminated, UsageError
from meshimplant_cli.terminal import describe_finding, say
from meshimplant_cli.verbs import GROUPS

if TYPE_CHECKING:
    from meshimplant.report import Finding

_VERB_NAMES = [verb.__name__.replace("_", "-") for _, verbs in GROUPS for verb in verbs]
_HELP = "From a defective skull to a checked, printable cranial implant. All lengths are millimetres."
#: Environment variables by which libraries limit their threads, other than OMP_NUM_THREADS, which numpy and
#: scipy use.
_THREAD_LIMITS = ("IGL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "VTK_SMP_MAX_THREADS")
#: Of longer messages, such as of a wrong word of a megabyte, the beginning is printed, characters.
_LONGEST_MESSAGE = 2000
_EPILOGUE = (
    "Exit codes: 0 done, 1 the work failed, 2 wrong command line, 3 the part failed its check "
    "(with --strict: or passed with warnings). "
    "--debug, anywhere on the line, adds the traceback to an error."
)


def build_app() -> App:
    """Return the application with every verb registered; imports no heavy library."""
    app = App(
        name="meshimplant",
        help=_HELP,
        help_epilogue=_EPILOGUE,
        help_format="markdown",
        version=__version__,
        version_flags=("--version",),
        group_commands=Group("Other", sort_key=1000),
        default_parameter=Parameter(negative=(), show_default=_shown_default),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    for title, verbs in GROUPS:
        group = Group.create_ordered(title)
        for verb in verbs:
            app.command(verb, group=group)
    return app


def run(tokens: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors are printed, not raised.

    An error is one sentence on stderr, and with ``--json`` also an object on stdout. Only ``--debug`` prints
    a traceback, before the sentence.
    """
    debug = "--debug" in tokens
    tokens = [token for token in tokens if token != "--debug"]
    app = build_app()
    if not tokens:
        app.help_print([])
        return USAGE
    try:
        code = int(app(tokens) or DONE)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        print("meshimplant: stopped", file=sys.stderr)
        return INTERRUPTED
    except Terminated:
        print("meshimplant: stopped", file=sys.stderr)
        return TERMINATED
    except Exception as error:
        if debug:
            say(traceback.format_exc().rstrip(), as_error=True)
        return _print_error(error, tokens)


def main() -> None:
    """Entry point of the ``meshimplant`` command."""
    signal.signal(signal.SIGTERM, _terminate)
    _limit_threads()
    sys.exit(run(sys.argv[1:]))


def _terminate(_signal: int, _frame: object) -> None:
    """Leave every block on the way out, as Ctrl-C does; a second signal does not disturb that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def _limit_threads() -> None:
    """Apply the limit in OMP_NUM_THREADS to every library, before it is loaded."""
    from meshimplant.runtime.threads import thread_limit

    limit = thread_limit()
    if limit is not None:
        for name in _THREAD_LIMITS:
            os.environ.setdefault(name, str(limit))


def _print_error(error: Exception, tokens: Sequence[str]) -> int:
    """Print an error and its findings, and return its exit code."""
    code = USAGE if isinstance(error, UsageError | CycloptsError) else FAILED
    message = _sentence(error, tokens)
    findings: Sequence[Finding] = getattr(error, "findings", ())
    say(f"meshimplant: error: {message}", as_error=True)
    for finding in findings:
        shown = replace(finding, message="see above") if finding.message in message else finding
        say(f"  {describe_finding(shown)}", as_error=True)
    if "--json" in tokens:
        printed: dict[str, Any] = {"type": type(error).__name__, "message": message, "exit_code": code}
        printed["findings"] = [finding.to_dict() for finding in findings]
        say(json.dumps({"error": printed}, indent=2))
    return code


def _sentence(error: Exception, tokens: Sequence[str]) -> str:
    """Return an error as one line; accidental errors get a remark on what to do."""
    from meshimplant.errors import MeshImplantError

    text = " ".join(str(error).split())
    text = text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]} ..."
    if isinstance(error, CycloptsError):
        verb = f"{tokens[0]} " if tokens[0] in _VERB_NAMES else ""
        text = text.partition(" Available commands")[0].rstrip(".")
        return f"{text}: see meshimplant {verb}--help"
    if isinstance(error, MeshImplantError | UsageError):
        return text
    if isinstance(error, MemoryError):
        return "expected enough memory, got none left: crop the input to the head, or use a larger computer"
    kind = type(error).__name__
    return f"unexpected {kind}: {text}: run the command again with --debug and report the traceback"


def _shown_default(value: object) -> str | None:
    """Return a default as the help shows it; None where it is empty or false."""
    return None if value is None or value is False or value == "" else str(value)
