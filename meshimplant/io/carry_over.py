"""Carry the files that are not ours from a folder into the one that replaces it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from meshimplant.io.folder_swap import INTERNAL_PREFIX

#: What becomes of entries of an earlier folder: another name, or None for those that are removed. An entry
#: that is not named keeps its name.
Fates = Mapping[str, str | None]


def carry_over(old: Path, new: Path, *, fates: Fates, only_renamed: bool) -> None:
    """Link the entries of `old` into `new`, as files with a second name; `old` stays as it is.

    Entries that `new` has already are left out. Where the file system has no second names, files are copied.

    Parameters
    ----------
    old, new : Path
        The folder that is there, and the unfinished one.
    fates : mapping
        Entries that get another name or are removed.
    only_renamed : bool
        Leave out those that keep their name, because `old` itself stays.
    """
    for entry in sorted(os.listdir(old)):
        name = fates.get(entry, entry)
        if name is None or entry.startswith(INTERNAL_PREFIX) or (only_renamed and name == entry):
            continue
        if not os.path.lexists(new / name):
            _link(old / entry, new / name)


def rescue(old: Path, new: Path, *, fates: Fates, written: Collection[str]) -> None:
    """Move what was changed in `old` after it was carried over into `new`, before `old` is deleted."""
    for entry in sorted(os.listdir(old)):
        name = fates.get(entry, entry)
        if name is not None and name not in written and not entry.startswith(INTERNAL_PREFIX):
            _update(old / entry, new / name)


def free_name(folder: Path, name: str) -> str:
    """Return ``earlier-NAME``, with a number if the folder has that."""
    candidate, number = f"earlier-{name}", 1
    while os.path.lexists(folder / candidate):
        number += 1
        candidate = f"earlier-{number}-{name}"
    return candidate


def _link(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        target.mkdir()
        for entry in sorted(os.listdir(source)):
            _link(source / entry, target / entry)
        shutil.copystat(source, target)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(source, target, follow_symlinks=False)


def _update(source: Path, target: Path) -> None:
    """Move a file over its copy unless they are the same; a folder entry by entry."""
    if source.is_dir() and not source.is_symlink() and target.is_dir():
        for entry in sorted(os.listdir(source)):
            _update(source / entry, target / entry)
    elif not os.path.lexists(target) or not _are_same(source.lstat(), target.lstat()):
        os.replace(source, target)


def _are_same(one: os.stat_result, other: os.stat_result) -> bool:
    return os.path.samestat(one, other) or (one.st_size, one.st_mtime_ns) == (
        other.st_size,
        other.st_mtime_ns,
    )
