"""The files of a DICOM study: those of a folder, of a DICOMDIR's folder, of a zip archive, beside one file.

A zip archive is read in memory, one entry at a time; nothing of it is unpacked to a disk.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import BinaryIO, cast

from meshimplant.errors import FileReadError
from meshimplant.io.dicom.deflated import opened_within_bounds
from meshimplant.io.zipped import MAX_ENTRIES, MAX_UNPACKED_BYTES, is_archive_name
from meshimplant.runtime.regular_files import open_regular

#: Endings of files that hold DICOM even without its preamble.
DICOM_SUFFIXES = (".dcm", ".ima")
#: Largest unpacked size of an archive, of which one entry at a time is in memory, bytes.
MAX_ARCHIVE_BYTES = 16 * 2**30
#: Largest ratio of an archive's unpacked to its packed size, from `_SMALL_BYTES` on. Measured: 2.4 on a CT.
MAX_RATIO = 100
_SMALL_BYTES = 64 * 2**20
#: Bytes up to the end of the mark ``DICM`` that begins a DICOM file.
_PREAMBLE_BYTES = 132


@dataclass(frozen=True)
class StudyFile:
    """One file of a study.

    Attributes
    ----------
    name : str
        Path within the study. It may name a patient, so it is used to sort and to compare and never shown.
    open : callable
        Opens the content from its beginning.
    """

    name: str
    open: Callable[[], BinaryIO]

    @property
    def suffix(self) -> str:
        """Ending of the name in lower case."""
        return Path(self.name).suffix.lower()

    @property
    def is_directory_file(self) -> bool:
        """Whether this is the table of contents of a DICOM medium."""
        return Path(self.name).name.upper() == "DICOMDIR"


def is_dicom(path: Path) -> bool:
    """Return whether a path is read as DICOM: a folder, a zip, a DICOMDIR, or a DICOM file of any ending."""
    if path.is_dir() or path.suffix.lower() in (".zip", *DICOM_SUFFIXES) or path.name.upper() == "DICOMDIR":
        return True
    try:
        with open_regular(path) as stream:
            return has_preamble(stream)
    except (FileReadError, OSError):
        return False


def is_one_file(path: Path) -> bool:
    """Return whether a path names one DICOM file, and not a study."""
    return not path.is_dir() and path.suffix.lower() != ".zip" and path.name.upper() != "DICOMDIR"


def has_preamble(stream: BinaryIO) -> bool:
    """Return whether a file begins as a DICOM file does."""
    return stream.read(_PREAMBLE_BYTES)[-4:] == b"DICM"


@contextmanager
def study_files(path: Path) -> Iterator[list[StudyFile]]:
    """Open a study and yield its files, sorted by name.

    Parameters
    ----------
    path : Path
        A folder (files at any depth), a zip archive of one, a DICOMDIR (its folder), or one DICOM file (the
        files beside it).

    Raises
    ------
    FileReadError
        The path does not exist, or the archive is damaged, locked, or far larger than a study.
    """
    if path.is_dir():
        yield _folder_files(path, path.rglob("*"))
    elif not path.is_file():
        raise FileReadError(
            "expected a folder, a .zip, a DICOMDIR or a .dcm file, got a path that does not exist: "
            "check its spelling"
        )
    elif path.suffix.lower() == ".zip":
        with _archive(path) as archive:
            yield _archive_files(archive)
    elif path.name.upper() == "DICOMDIR":
        yield _folder_files(path.parent, path.parent.rglob("*"))
    elif is_dicom(path):
        yield _folder_files(path.parent, path.parent.iterdir())
    else:
        raise FileReadError(
            "expected a folder of DICOM files, a .zip of one, a DICOMDIR or a .dcm file, got another file: "
            "name the folder"
        )


def _folder_files(folder: Path, paths: Iterator[Path]) -> list[StudyFile]:
    files = sorted(path for path in paths if path.is_file() and not _is_hidden(path.relative_to(folder)))
    return [StudyFile(str(path.relative_to(folder)), partial(_opened_file, path)) for path in files]


def _is_hidden(name: PurePath) -> bool:
    """Whether a file is one that macOS adds beside each file that it copies or packs."""
    return name.name.startswith("._") or "__MACOSX" in name.parts


def _opened_file(path: Path) -> BinaryIO:
    return opened_within_bounds(open_regular(path))


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise FileReadError(
            "expected a zip archive of DICOM files, got one that is truncated or damaged: copy it again"
        ) from error
    with archive:
        _require_moderate(archive, path.stat().st_size)
        yield archive


def _require_moderate(archive: zipfile.ZipFile, packed_bytes: int) -> None:
    """Refuse an archive of which a study cannot be read within bounds; no entry exceeds its stated size."""
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    largest = max((entry.file_size for entry in entries), default=0)
    is_bomb = total > _SMALL_BYTES and total > MAX_RATIO * packed_bytes
    if len(entries) > MAX_ENTRIES or largest > MAX_UNPACKED_BYTES or total > MAX_ARCHIVE_BYTES or is_bomb:
        raise FileReadError(
            f"expected a zip archive of one study, got {len(entries)} entries of {total / 2**30:.3g} GiB in "
            f"{packed_bytes / 2**30:.3g} GiB: unpack it, and name the folder of the CT"
        )
    names = [entry.filename for entry in entries if not entry.is_dir()]
    if names and all(map(is_archive_name, names)):
        raise FileReadError(
            f"expected a zip archive of DICOM files, got one of {len(names)} other archives: "
            "unpack it, and name the folder of the CT"
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise FileReadError(
            "expected a zip archive without a password, got an encrypted one: "
            "unpack it with its password, and name the folder"
        )


def _archive_files(archive: zipfile.ZipFile) -> list[StudyFile]:
    entries = [
        entry
        for entry in archive.infolist()
        if not (entry.is_dir() or _is_hidden(PurePosixPath(entry.filename.replace("\\", "/"))))
    ]
    files = [StudyFile(entry.filename, partial(_opened_entry, archive, entry)) for entry in entries]
    return sorted(files, key=lambda file: file.name)


def _opened_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    """Open one entry to be unpacked as it is read; raises OSError for a damaged one."""
    try:
        return opened_within_bounds(cast(BinaryIO, archive.open(entry)))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        raise OSError("the entry is damaged") from error
