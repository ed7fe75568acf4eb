"""`claim_folder`: one run at a time writes into a folder; `claim_for_editing`: one session edits it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meshimplant.errors import EditLocked, FileReadError, OutputError
from meshimplant.io.folder_swap import INTERNAL_PREFIX, can_be_swapped, recover

#: Folders claimed by this process, and the thread that did.
_claimed: dict[Path, int] = {}
_guard = threading.Lock()


@contextmanager
def claim_folder(path: str | Path) -> Iterator[Path]:
    """Keep other runs from writing into a folder during the block; yield its path without links.

    What a killed run left unfinished there is put in order first, see `recover`. Missing parents are made,
    and removed again if nothing was written into them. The lock is one of the operating system, so that of a
    dead process does not count, even if its file is still there. A thread may claim a folder again that it
    has claimed. On a file system without locks the claim has no effect.

    Raises
    ------
    OutputError
        Another run has claimed the folder, or its place is not writable.
    """
    target = Path(os.path.realpath(path))
    with _guard:
        owner = _claimed.get(target)
        if owner is None:
            _claimed[target] = threading.get_ident()
    if owner == threading.get_ident():
        yield target
        return
    if owner is not None:
        raise _in_use(target)
    made: list[Path] = []
    try:
        _make_parents(target, made)
        with _locked(_lock_file(target), target, _in_use):
            recover(target)
            yield target
    finally:
        for parent in made:
            with suppress(OSError):
                parent.rmdir()
        with _guard:
            del _claimed[target]


@contextmanager
def claim_for_editing(path: str | Path) -> Iterator[Path]:
    """Keep other sessions from editing the design in a folder during the block; yield its path without links.

    The folder can still be read, and written by a run that claims it. What a killed run left unfinished there
    is put in order first.

    Raises
    ------
    EditLocked
        Another session, of this or another process, edits it.
    FileReadError
        There is no such folder.
    OutputError
        Another run writes there now, or its place is not writable.
    """
    with claim_folder(path) as target:
        pass
    if not target.is_dir():
        raise FileReadError(
            f"expected the folder of a design, got {target.name}, which is none: check its name"
        )
    beside, inside = f".{target.name}.editing.lock", f"{INTERNAL_PREFIX}editing-lock"
    file = target.with_name(beside) if can_be_swapped(target) else target / inside
    with _locked(file, target, _is_edited):
        yield target


def make_folder(folder: Path, *, shown: str) -> None:
    """Make a folder; raises `OutputError`, which names only the folder `shown`."""
    try:
        folder.mkdir()
    except OSError as error:
        raise OutputError(
            f"expected a place where the folder {shown} can be written, got one that refuses "
            f"({reason_of(error)}): change its permissions or choose another place"
        ) from error


def reason_of(error: OSError) -> str:
    """Return the system's error message without the path, which may contain a name."""
    return error.strerror or type(error).__name__


def _make_parents(target: Path, made: list[Path]) -> None:
    """Make the missing parents of a folder, and put them in front of `made`."""
    missing = []
    for parent in target.parents:
        if parent.exists():
            break
        missing.append(parent)
    for parent in reversed(missing):
        make_folder(parent, shown=target.name)
        made.insert(0, parent)


def _lock_file(target: Path) -> Path:
    """Return the place of the lock: beside a folder that is replaced as a whole, else inside it."""
    if can_be_swapped(target):
        return target.with_name(f".{target.name}.lock")
    return target / f"{INTERNAL_PREFIX}lock"


@contextmanager
def _locked(file: Path, target: Path, refusal: Callable[[Path], OutputError]) -> Iterator[None]:
    """Hold the lock of a file during the block; the file exists only as long."""
    while True:
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(
                f"expected a place where the folder {target.name} can be written, got one that refuses "
                f"({reason_of(error)}): change its permissions or choose another place"
            ) from error
        try:
            _lock(handle, target, refusal)
            if _is_same_file(handle, file):
                break
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # the run before removed the file after it was opened here
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()
        os.close(handle)


def _lock(handle: int, target: Path, refusal: Callable[[Path], OutputError]) -> None:
    """Lock an open file; raises the refusal if another process holds it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        raise refusal(target) from error
    except OSError:
        pass  # a file system without locks


def _is_same_file(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except OSError:
        return False


def _in_use(target: Path) -> OutputError:
    return OutputError(
        f"expected a folder that no other run writes, got {target.name}, into which one is writing now: "
        "wait for it, or choose another name"
    )


def _is_edited(target: Path) -> EditLocked:
    return EditLocked(
        f"expected a design that no one else edits, got {target.name}, which is open in another session: "
        "close it there, or edit a copy"
    )
