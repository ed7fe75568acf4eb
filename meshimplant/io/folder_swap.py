"""Replace a folder as a whole, so that the old or the new one stands even if the process is killed.

=======================================  =============================================================
place                                    after a kill at any moment
=======================================  =============================================================
Linux, file system with an exchange      the old or the new folder, complete, under its name
(ext4, xfs, btrfs, tmpfs, overlayfs)
other systems and file systems           the same, but for the moment between two renames: then no
                                         folder has the name, the old one lies beside it as
                                         ``.NAME.old-...``, and the next run into NAME puts it back
a mount point, or a folder whose         files of both until the next run into the folder, which first
parent cannot be written                 puts the old ones back
=======================================  =============================================================

An error, Ctrl-C or SIGTERM leaves the old folder everywhere. A loss of power is not covered.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import uuid
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

#: Beginning of the names of our own files in a folder that cannot be replaced as a whole.
INTERNAL_PREFIX = ".meshimplant-"
#: The list of entries that a replacement inside a folder moves, in the folder of those that were set aside.
_ENTRIES = f"{INTERNAL_PREFIX}entries"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def can_be_swapped(target: Path) -> bool:
    """Return whether a folder can be renamed: it is ours and no mount point, or does not exist yet."""
    parent = target.parent
    if not os.access(parent, os.W_OK | os.X_OK):
        return not target.is_dir()
    if not target.is_dir():
        return True
    status = target.stat()
    is_ours = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return is_ours and not os.path.ismount(target) and status.st_dev == parent.stat().st_dev


def temporary_of(target: Path) -> Path:
    """Return a new name for an unfinished folder: beside the target, or inside one that cannot be renamed."""
    mark = uuid.uuid4().hex[:12]
    if can_be_swapped(target):
        return target.with_name(f".{target.name}.unfinished-{mark}")
    return target / f"{INTERNAL_PREFIX}unfinished-{mark}"


def put_in_place(temporary: Path, target: Path, *, dropped: Iterable[str]) -> Path | None:
    """Replace a folder by the finished one; return where the old one is now, or None where it is gone.

    Parameters
    ----------
    temporary : Path
        The finished folder, from `temporary_of`.
    target : Path
        The folder to replace, if it exists.
    dropped : iterable of str
        Entries of the old folder that are removed where the folders cannot be exchanged as a whole; all
        others stay there.

    Raises
    ------
    OSError
        A file is open elsewhere, for example; the old folder is as it was.
    """
    if temporary.parent == target:
        _move_in(temporary, target, dropped)
        return None
    if not target.exists():
        os.rename(temporary, target)
        return None
    if _exchange(temporary, target):
        return temporary
    old = target.with_name(temporary.name.replace(".unfinished-", ".old-"))
    try:
        os.rename(target, old)
        os.rename(temporary, target)
    except BaseException:
        if not target.exists():
            os.rename(old, target)
        raise
    return old


def recover(target: Path) -> None:
    """Put in order what a killed run left: the old or the new folder stands, and nothing is beside it."""
    beside = target.parent
    for old in _named(beside, f".{target.name}.old-"):
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(old, target)
    leftovers = _named(beside, f".{target.name}.unfinished-")
    if target.is_dir():
        for aside in _named(target, f"{INTERNAL_PREFIX}aside-"):
            _move_back(aside, target)
        leftovers += _named(target, f"{INTERNAL_PREFIX}unfinished-")
        leftovers += _named(target, f"{INTERNAL_PREFIX}done-")
    for leftover in leftovers:
        shutil.rmtree(leftover, ignore_errors=True)


def _named(folder: Path, beginning: str) -> list[Path]:
    """Return the folders in a folder whose names are a beginning and the mark of a run."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    marks = {name: name[len(beginning) :] for name in names if name.startswith(beginning)}
    return [folder / name for name, mark in marks.items() if len(mark) == 12 and mark.isalnum()]


# -- the whole folder


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; return whether system and file system can."""
    rename = _renameat2()
    if rename is None:
        return False
    done = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return bool(done == 0)


@cache
def _renameat2() -> Any | None:
    """Return the system's function, or None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    with suppress(OSError, AttributeError):
        function = ctypes.CDLL(None, use_errno=True).renameat2
        function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
        return function
    return None


# -- inside a folder that cannot be renamed


def _partner(folder: Path, role: str) -> Path:
    return folder.with_name(f"{INTERNAL_PREFIX}{role}-{folder.name.rpartition('-')[2]}")


def _move_in(temporary: Path, target: Path, dropped: Iterable[str]) -> None:
    """Move each entry of `temporary` into `target`; what it replaces waits aside until all have moved."""
    names = sorted(os.listdir(temporary))
    aside, done = _partner(temporary, "aside"), _partner(temporary, "done")
    done.mkdir()
    (done / _ENTRIES).write_bytes(b"\0".join(os.fsencode(name) for name in names))
    try:
        os.rename(done, aside)
        for name in sorted({*names, *dropped}):
            if os.path.lexists(target / name):
                os.rename(target / name, aside / name)
        for name in names:
            os.rename(temporary / name, target / name)
        os.rename(aside, done)
    except BaseException:
        if aside.is_dir():
            _move_back(aside, target)
        raise
    finally:
        shutil.rmtree(done, ignore_errors=True)


def _move_back(aside: Path, target: Path) -> None:
    """Undo `_move_in` at whatever step it stopped, even within this function."""
    temporary, done = _partner(aside, "unfinished"), _partner(aside, "done")
    for name in map(os.fsdecode, (aside / _ENTRIES).read_bytes().split(b"\0")):
        if os.path.lexists(target / name) and not os.path.lexists(temporary / name):
            os.rename(target / name, temporary / name)
    for name in sorted(os.listdir(aside)):
        if name != _ENTRIES:
            os.rename(aside / name, target / name)
    os.rename(aside, done)
    shutil.rmtree(done, ignore_errors=True)
