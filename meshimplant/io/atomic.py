"""Write to a temporary name and rename at the end: a result is complete or absent, and never a mixture."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meshimplant.errors import OutputError
from meshimplant.io.carry_over import Fates, carry_over, rescue
from meshimplant.io.folder_lock import claim_folder, make_folder, reason_of
from meshimplant.io.folder_swap import put_in_place, temporary_of


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
            f"could not write {target.name} ({reason_of(error)}): check space and permissions"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_folder(
    path: str | Path, *, force: bool = False, fates: Callable[[Path, Path], Fates] | None = None
) -> Iterator[Path]:
    """Yield a temporary folder; put it in the place of `path`, as a whole, when the block succeeds.

    An existing folder with content is refused, or replaced with `force`. Its entries that have names of new
    ones are then gone; all others are carried over, unless `fates` states otherwise. When the block raises,
    everything is as it was. What holds if the process is killed is said in `meshimplant.io.folder_swap`.
    Missing parents are made. The folder is claimed during the block, see `claim_folder`.

    Parameters
    ----------
    path
        The folder to write; a link is followed.
    force
        Whether a folder with content is replaced.
    fates
        Called with the old and the finished new folder; returns entries of the old one that get another name
        or, with None, are removed.

    Raises
    ------
    OutputError
        The place is not writable, is a file, holds content and `force` is False, or another run writes there.
    """
    _require_free_folder(Path(path), force=force)
    with claim_folder(path) as target:
        _require_free_folder(target, force=force)
        temporary = temporary_of(target)
        try:
            make_folder(temporary, shown=target.name)
            yield temporary
            try:
                _replace(temporary, target, fates)
            except OSError as error:
                raise OutputError(
                    f"could not move the results into {target.name} ({reason_of(error)}): what was there is "
                    "unchanged; close programs that hold its files open, or choose another place"
                ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _replace(temporary: Path, target: Path, fates: Callable[[Path, Path], Fates] | None) -> None:
    """Put a finished folder in its place, with the entries of the old one that stay."""
    written = os.listdir(temporary)
    decided: Fates = fates(target, temporary) if fates and target.is_dir() else {}
    moves_in = temporary.parent == target
    if target.is_dir():
        carry_over(target, temporary, fates=decided, only_renamed=moves_in)
        if not moves_in:
            shutil.copystat(target, temporary)
    old = put_in_place(temporary, target, dropped=decided)
    if old is not None:
        with suppress(OSError):
            rescue(old, target, fates=decided, written=written)
            shutil.rmtree(old)


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
