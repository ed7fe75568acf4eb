"""Write to a temporary name beside the target and rename at the end: a result is complete or absent."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meshimplant.errors import OutputError


@contextmanager
def atomic_path(path: str | Path, *, force: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; rename it to `path` when the block succeeds.

    The temporary name keeps every suffix (``.nii.gz``), since many writers choose the format by it. When the
    block raises, the temporary file is deleted and an older file of this name stays as it was.

    Parameters
    ----------
    path
        The file to write. Its folder must exist.
    force
        Whether an existing file may be replaced. A writer called by name replaces, as every writer does;
        pass False where a second run must not overwrite the first.

    Raises
    ------
    OutputError
        The folder is missing or not writable, the path is a folder, the file exists and `force` is False, or
        the block failed with an `OSError` (a full disk, say) or wrote nothing.
    """
    target = Path(path)
    _require_folder(target.parent)
    if target.is_dir():
        raise OutputError(
            f"expected a file name to write, got {target.name}, which is a folder: add a file name"
        )
    if target.exists() and not force:
        raise OutputError(
            f"expected a new file, got {target.name}, which exists: choose another name or allow overwriting"
        )
    temporary = target.with_name(f".{uuid.uuid4().hex[:12]}-{target.name}")
    try:
        yield temporary
        if not temporary.is_file():
            raise OutputError(f"expected {target.name} to be written, got no file: nothing was changed")
        os.replace(temporary, target)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"could not write {target.name} ({_reason(error)}): check space and permissions"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_folder(path: str | Path, *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside the target; move it to `path` when the block succeeds.

    An existing empty folder is filled; the temporary one then lies inside it, because a mounted folder
    cannot be renamed over and its parent is often not writable. An existing folder with content is refused,
    or with `force` its files of the same names are replaced and all others are left alone. When the block
    raises, or the last step fails half-way, everything is as it was. Missing parents are created.

    Raises
    ------
    OutputError
        The place is not writable, is a file, or holds content and `force` is False.
    """
    target = Path(path)
    _require_free_folder(target, force=force)
    made = _make_parents(target)
    beside = target if target.is_dir() else target.absolute().parent
    temporary = beside / f".{uuid.uuid4().hex[:12]}-unfinished"
    try:
        _make_folder(temporary, shown=target.name)
        yield temporary
        _move_into_place(temporary, target)
        made.clear()
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        for parent in made:
            with suppress(OSError):
                parent.rmdir()


def _require_folder(folder: Path) -> None:
    if not folder.exists():
        raise OutputError(
            f"expected an existing folder to write into, got {folder.name}, which does not exist: create it"
        )
    if not folder.is_dir():
        raise OutputError(
            f"expected a folder to write into, got {folder.name}, which is a file: choose another place"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"expected a writable folder, got {folder.name}: change its permissions or choose another place"
        )


def _require_free_folder(target: Path, *, force: bool) -> None:
    if target.exists() and not target.is_dir():
        raise OutputError(
            f"expected a folder to write into, got {target.name}, which is a file: choose another name"
        )
    if target.is_dir():
        _require_folder(target)
        if not force and any(target.iterdir()):
            raise OutputError(
                f"expected a new or empty folder, got {target.name}, which holds files: choose another name, "
                "empty it, or allow overwriting"
            )


def _make_parents(target: Path) -> list[Path]:
    """Create the missing parents of `target`; return the ones created, deepest first."""
    missing = []
    for parent in target.absolute().parents:
        if parent.exists():
            break
        missing.append(parent)
    made: list[Path] = []
    for parent in reversed(missing):
        _make_folder(parent, shown=target.name)
        made.insert(0, parent)
    if not target.exists():
        _require_folder(target.absolute().parent)
    return made


def _make_folder(folder: Path, *, shown: str) -> None:
    try:
        folder.mkdir()
    except OSError as error:
        raise OutputError(
            f"expected a place where the folder {shown} can be written, got one that refuses "
            f"({_reason(error)}): "
            "change its permissions or choose another place"
        ) from error


def _move_into_place(temporary: Path, target: Path) -> None:
    """Rename the finished folder, or move its entries into an existing one, undoing all on failure."""
    try:
        if not target.exists():
            os.replace(temporary, target)
        else:
            _merge_into(temporary, target)
    except OSError as error:
        raise OutputError(
            f"could not move the results into {target.name} ({_reason(error)}): what was there is "
            "unchanged; close "
            "programs that hold its files open, or choose another place"
        ) from error


def _merge_into(temporary: Path, target: Path) -> None:
    """Move each entry of `temporary` into `target`; what it replaces waits aside until all have moved."""
    aside = temporary.with_name(temporary.name + "-old")
    aside.mkdir()
    moved: list[str] = []
    try:
        for name in sorted(entry.name for entry in temporary.iterdir()):
            if (target / name).exists():
                os.replace(target / name, aside / name)
            moved.append(name)
            os.replace(temporary / name, target / name)
    except OSError:
        for name in reversed(moved):
            if (target / name).exists():
                os.replace(target / name, temporary / name)
            if (aside / name).exists():
                os.replace(aside / name, target / name)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _reason(error: OSError) -> str:
    """Return the system's error message without the path, which may contain a name."""
    return error.strerror or type(error).__name__
