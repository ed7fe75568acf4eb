"""Replace a folder in child processes that die at every change of the file system, one after the other.

Run as a script with the way of replacement (``exchange``, ``renames``, ``inside``) and a folder; prints what
was found after each death and after the next start as a list in JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meshimplant.io import atomic, folder_lock, folder_swap

OLD = {"part": "old", "picture": "old", "notes": "mine", "more/letter": "mine"}
NEW = {"part": "new", "report": "new", "notes": "mine", "more/letter": "mine"}
_CHANGES = ("rename", "replace", "link", "mkdir", "unlink", "rmdir")


def die_at(change: int, *, after: bool) -> None:
    """Let the process die before or after the given change of the file system, counted from 0."""
    count = -1

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == change and not after:
                os._exit(9)
            result = function(*given, **named)
            if count == change:
                os._exit(9)
            return result

        return call

    for name in _CHANGES:
        setattr(os, name, counted(getattr(os, name)))
    folder_swap._exchange = counted(folder_swap._exchange)


def use(way: str) -> None:
    """Make every replacement go one way, whatever the file system can do."""
    if way == "renames":
        folder_swap._exchange = lambda _one, _other: False
    if way == "inside":
        for module in (folder_swap, folder_lock):
            module.can_be_swapped = lambda target: not target.is_dir()


def replace(target: Path) -> None:
    """Write the new folder over the old one; "picture" is of the earlier run."""
    with atomic.atomic_folder(target, force=True, fates=lambda _old, _new: {"picture": None}) as temporary:
        for name in ("part", "report"):
            (temporary / name).write_text("new")


def in_child(action: Callable[[], None]) -> bool:
    """Run an action in a child process; return whether it died."""
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def listing(folder: Path) -> dict[str, str]:
    """Return the content of each file that is not one of our own."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    named = {str(path.relative_to(folder)): path.read_text() for path in files}
    return {name: text for name, text in named.items() if not name.startswith(folder_swap.INTERNAL_PREFIX)}


def restart(target: Path) -> None:
    """Do what the next run does first."""
    with folder_lock.claim_folder(target):
        pass


def outcomes(place: Path, *, again: int | None) -> list[dict[str, Any]]:
    """Kill at every change, and with `again` kill the next start at that change, too."""
    found = []
    for after in (False, True):
        for change in range(1000):
            shutil.rmtree(place, ignore_errors=True)
            target = place / "case"
            for name, text in OLD.items():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).write_text(text)

            def killed(change: int = change, after: bool = after, target: Path = target) -> None:
                die_at(change, after=after)
                replace(target)

            died = in_child(killed)
            at_once = listing(target)
            if died and again is not None:

                def killed_again(target: Path = target) -> None:
                    die_at(again, after=False)
                    restart(target)

                in_child(killed_again)
            restart(target)
            beside = sorted(os.listdir(place)) + sorted(os.listdir(target))
            found.append({"died": died, "at_once": at_once, "then": listing(target), "beside": beside})
            if not died:
                break
    return found


if __name__ == "__main__":
    use(sys.argv[1])
    again = None if len(sys.argv) < 4 else int(sys.argv[3])
    print(json.dumps(outcomes(Path(sys.argv[2]), again=again)))
