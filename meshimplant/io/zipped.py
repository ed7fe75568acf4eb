"""A mesh or volume inside a ZIP archive, as portals and mail programs pack it."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from meshimplant.errors import FileReadError
from meshimplant.runtime.memory import require_memory

#: Largest content of an archive that is unpacked, and of one entry of a study, bytes.
MAX_UNPACKED_BYTES = 4 << 30
#: Most entries of an archive; a CT study has up to some thousands.
MAX_ENTRIES = 50_000
#: A mesh is packed to a half or, as text, to a tenth; a hundredth of more than this many bytes is a bomb.
#: Volumes have no such bound: the mask of a small part on the grid of a CT is packed to a thousandth.
_SMALL_BYTES, _MOST_RATIO = 1 << 24, 100
#: Endings of headers whose voxels are in a file beside them.
_DETACHED_ENDINGS = (".nhdr", ".mhd")


def is_zip(path: Path) -> bool:
    """Return whether a path is a file named as a ZIP archive."""
    return path.suffix.lower() == ".zip" and path.is_file()


def is_archive_name(name: str) -> bool:
    """Return whether the name of a file is that of an archive, which is not unpacked within another one."""
    return name.lower().endswith((".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz"))


def zipped_names(path: Path) -> list[str]:
    """Return the names of the files in an archive, without those that macOS adds.

    Raises `FileReadError` for a damaged archive, or one of more than `MAX_ENTRIES` entries.
    """
    return [entry.filename for entry in _entries(path)]


def holds_one_of(path: Path, endings: Sequence[str]) -> bool:
    """Return whether a path is a ZIP archive that holds a file with one of the endings.

    Parameters
    ----------
    path : Path
        Any path.
    endings : sequence of str
        Endings in lower case.

    Returns
    -------
    bool
        False for anything else, damaged archives included.
    """
    if not is_zip(path):
        return False
    try:
        return any(name.lower().endswith(tuple(endings)) for name in zipped_names(path))
    except FileReadError:
        return False


@contextmanager
def unzipped(path: Path, endings: Sequence[str], *, of_mesh: bool = False) -> Iterator[Path]:
    """Unpack an archive into a temporary folder, and give the one file in it that has one of the endings.

    Parameters
    ----------
    path : Path
        The archive.
    endings : sequence of str
        Endings in lower case.
    of_mesh : bool
        Whether the file is a mesh, which is never packed to less than a hundredth.

    Yields
    ------
    Path
        The file; it is removed afterwards.

    Raises
    ------
    FileReadError
        The archive is damaged, encrypted, larger than `MAX_UNPACKED_BYTES`, the memory or the disk when
        unpacked, packed as no mesh is, or holds no such file, or several.
    """
    entries = _entries(path)
    chosen = [entry for entry in entries if entry.filename.lower().endswith(tuple(endings))]
    if len(chosen) != 1:
        names = ", ".join(sorted(map(_name, chosen))[:10])
        inner = any(is_archive_name(entry.filename) for entry in entries)
        none = "an archive in it: unpack it, and name the one inside" if inner else "none: check the archive"
        got = f"{len(chosen)} ({names}): unpack it and name one" if chosen else none
        raise FileReadError(f"expected one file ending in {', '.join(endings)} in {path.name}, got {got}")
    beside = chosen
    if chosen[0].filename.lower().endswith(_DETACHED_ENDINGS):
        beside = [entry for entry in entries if _parent(entry) == _parent(chosen[0])]
    _require_moderate(beside, of_mesh=of_mesh, name=path.name)
    with TemporaryDirectory(prefix="meshimplant-") as folder:
        _require_disk(beside, Path(folder), name=path.name)
        _unpack(path, beside, Path(folder))
        yield Path(folder) / _name(chosen[0])


def _require_moderate(entries: list[zipfile.ZipInfo], *, of_mesh: bool, name: str) -> None:
    """Refuse files that are too large, before anything is unpacked."""
    size = sum(entry.file_size for entry in entries)
    if size > MAX_UNPACKED_BYTES:
        raise FileReadError(
            f"expected at most {MAX_UNPACKED_BYTES >> 30} GB in {name}, "
            f"got {size / 2**30:.0f} GB when unpacked: unpack it yourself if you trust it"
        )
    packed = sum(entry.compress_size for entry in entries)
    if of_mesh and size > _SMALL_BYTES and size > _MOST_RATIO * packed:
        raise FileReadError(
            f"expected a mesh in {name}, got {size / 2**20:.0f} MB packed into {packed / 2**20:.3g} MB, "
            "which no mesh is: unpack it yourself if you trust it"
        )
    require_memory(size, name=name)


def _require_disk(entries: list[zipfile.ZipInfo], folder: Path, *, name: str) -> None:
    """Refuse files for which there is no space in the folder of temporary files."""
    size, free = sum(entry.file_size for entry in entries), shutil.disk_usage(folder).free
    if size > free:
        raise FileReadError(
            f"expected space for the {size / 2**20:.0f} MB of {name} in the folder of temporary files, "
            f"got {free / 2**20:.0f} MB: make space, or unpack it yourself on another disk"
        )


def _entries(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FileReadError(
            f"expected a complete ZIP archive, got {path.name}, which is damaged or none: copy it again"
        ) from error
    if len(found) > MAX_ENTRIES:
        raise FileReadError(
            f"expected at most {MAX_ENTRIES} files in {path.name}, got {len(found)}: unpack it yourself"
        )
    return [entry for entry in found if not (entry.is_dir() or _is_hidden(entry))]


def _path(entry: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(entry.filename.replace("\\", "/"))


def _name(entry: zipfile.ZipInfo) -> str:
    return _path(entry).name


def _parent(entry: zipfile.ZipInfo) -> PurePosixPath:
    return _path(entry).parent


def _is_hidden(entry: zipfile.ZipInfo) -> bool:
    return "__MACOSX" in _path(entry).parts or _name(entry).startswith(".")


def _unpack(path: Path, entries: list[zipfile.ZipInfo], folder: Path) -> None:
    """Write files side by side; their folders are not kept, so that no name leads out of `folder`."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in entries:
                with archive.open(entry) as source, (folder / _name(entry)).open("wb") as out:
                    while chunk := source.read(1 << 20):
                        out.write(chunk)
    except Exception as error:  # a damaged or encrypted archive fails in many ways
        raise FileReadError(
            f"expected a readable ZIP archive in {path.name}, "
            "got one that is damaged or has a password: unpack it yourself"
        ) from error
