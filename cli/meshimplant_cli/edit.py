"""The verb `edit`: change a design edit by edit, take edits back, and show the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.design import show_design
from meshimplant_cli.exit_codes import DONE, UsageError
from meshimplant_cli.options import Count, OutputOptions, Strict
from meshimplant_cli.outputs import require_free_folder
from meshimplant_cli.terminal import describe_finding, say, show, table, working
from meshimplant_cli.view import NoBrowser, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshimplant.design.design import Design
    from meshimplant.edit_log.edit_session import EditSession
    from meshimplant.edit_log.log_lines import LoggedEdit


def edit(
    case: Path,
    /,
    *,
    apply: Annotated[
        Path | None,
        Parameter(help="Make the edits in a file: one JSON object in each line, or the log of a design."),
    ] = None,
    undo: Annotated[bool, Parameter(help="Take the last edit back.")] = False,
    redo: Annotated[bool, Parameter(help="Make again what was undone last.")] = False,
    revert: Annotated[
        Count | None, Parameter(help="Take back the edit of this number, and leave those after it.")
    ] = None,
    log: Annotated[bool, Parameter(help="Print the log, and change nothing.")] = False,
    who: Annotated[
        str, Parameter(help="Who edits, for the log: a name or initials, never a patient's name.")
    ] = "",
    output: Annotated[
        Path | None,
        Parameter(alias="-o", help="Also write the design and its log there."),
    ] = None,
    scan: Annotated[
        Path | None, Parameter(help="The CT that the design was made for, whose planes the page shows.")
    ] = None,
    no_browser: NoBrowser = False,
    strict: Strict = False,
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Change a design edit by edit; every edit is kept in its log, and can be taken back.

    Without --apply, --undo, --redo, --revert and --log, it opens a page in the browser on which the design is
    changed with the mouse, until Ctrl-C; that needs `pip install 'meshimplant[edit]'`. After each edit the
    part is made again from the first step that it touches, and checked. An edit that cannot be made is
    refused, and the design stays as it was before it. The edits and the undos are lines of CASE/edits.jsonl,
    to which lines are only ever added; the same edits on the same design give the same bytes.

    Parameters
    ----------
    case
        Folder that `design` wrote, with its folder steps.
    """
    asked = {"apply": apply, "undo": undo, "redo": redo, "revert": revert, "log": log}
    given = [name for name, value in asked.items() if value]
    if len(given) > 1:
        names = " and ".join(f"--{name}" for name in given)
        raise UsageError(
            f"expected one of --apply, --undo, --redo, --revert and --log, got {names}: give one"
        )
    if not given:
        return _open_page(case, scan, who, output, output_options, no_browser=no_browser)
    if log:
        return _show_log(case, as_json=output_options.json)
    if output is not None:
        require_free_folder(output, force=output_options.force)
    from meshimplant import EditSession, read_edits

    edits = () if apply is None else read_edits(apply)
    with working("read") as progress, EditSession.open(case, who=who, progress=progress) as session:
        for each in edits:
            session.apply(each, progress=progress)
        _move(session, given[0], revert, progress)
        session.save(progress=progress)
        if output is not None:
            session.save_as(output, force=output_options.force)
        designed, facts = session.design, _facts(session)
        findings = session.findings
    for finding in findings:
        say(describe_finding(finding), as_error=True)
    return show_design(designed, case, strict=strict, as_json=output_options.json, edits=facts)


def _open_page(
    case: Path,
    scan: Path | None,
    who: str,
    output: Path | None,
    output_options: OutputOptions,
    *,
    no_browser: bool,
) -> int:
    """Serve the page on which a design is edited, and save it at the end."""
    if output is not None or output_options.json:
        raise UsageError(
            "expected -o and --json with --apply, --undo, --redo, --revert or --log, got none of these: "
            "the page saves copies"
        )
    from meshimplant import EditPage, EditSession, read_skull
    from meshimplant.edit_page.page_server import require_viser

    require_viser()
    with working("read") as progress:
        values = None if scan is None else read_skull(scan).scan
        session = EditSession.open(case, who=who, progress=progress)
    with session:
        for finding in session.findings:
            say(describe_finding(finding), as_error=True)
        serve(EditPage(session, scan=values, title=case.name), no_browser=no_browser)
    return DONE


def _move(session: EditSession, name: str, revert: int | None, progress: Callable[[str], None]) -> None:
    """Take back or make again, if that was asked for."""
    moves: dict[str, Callable[..., Design]] = {"undo": session.undo, "redo": session.redo}
    if name in moves:
        moves[name](progress=progress)
    elif revert is not None:
        session.revert(revert, progress=progress)


def _facts(session: EditSession) -> dict[str, Any]:
    """Return what is printed of the log."""
    return {
        "made": len(session.edits),
        "lines": len(session.log),
        "state": session.hash,
        "can_undo": session.can_undo,
        "can_redo": session.can_redo,
    }


def _show_log(case: Path, *, as_json: bool) -> int:
    """Print the lines of the log; the design may be open elsewhere."""
    from meshimplant.design.kept_design import LOG_FILE
    from meshimplant.edit_log.log_file import read_log
    from meshimplant.errors import FileReadError

    if not case.is_dir():
        raise FileReadError(
            f"expected the folder of a design, got {case.name}, which is none: check its name"
        )
    log = read_log(case / LOG_FILE)
    lines = () if log is None else log.history.lines
    findings = [] if log is None else log.findings
    shown = [{**line.to_dict(), "undone": line.undone} for line in lines]
    text = table([_HEAD, *map(_row, lines)]) if lines else f"{case.name}: no edits yet"
    found = {"findings": [finding.to_dict() for finding in findings]}
    show(
        {"edits": shown, **found},
        as_json=as_json,
        text="\n".join([text, *map(describe_finding, findings)]),
        exact=True,
    )
    return DONE


_HEAD = ("number", "time", "who", "state", "edit")


def _row(line: LoggedEdit) -> tuple[str, ...]:
    words = " ".join(f"{name}={json.dumps(value)}" for name, value in line.edit.parameters.items())
    edit = f"{line.edit.verb} {words}{' (undone)' if line.undone else ''}"
    return str(line.number), line.time, line.who or "-", line.after[:8], edit
