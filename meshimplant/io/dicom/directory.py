"""The table of contents of a DICOM medium (DICOMDIR): images that it lists and that were not copied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

from meshimplant.io.dicom.ct_slice import LeftOut, quiet
from meshimplant.io.dicom.study_files import StudyFile

MISSING = "image listed in the DICOMDIR and missing"


def missing_files(files: Sequence[StudyFile]) -> list[LeftOut]:
    """Return the images that a DICOMDIR lists and that are not beside it.

    Where none of them is there, the files were renamed, and the list says nothing. A damaged DICOMDIR is
    ignored, since the files themselves are read.

    Parameters
    ----------
    files : sequence of StudyFile
        All files of a study.

    Returns
    -------
    list of LeftOut
        One entry for each missing image.
    """
    found: list[LeftOut] = []
    for file in files:
        if file.is_directory_file:
            folder = PurePath(file.name).parent
            there = {str(PurePath(other.name)).lower() for other in files}
            listed = {str(folder.joinpath(*parts)).lower() for parts in _listed(file)}
            if listed & there:
                found += [LeftOut(MISSING, "", file)] * len(listed - there)
    return found


def _listed(file: StudyFile) -> Iterable[list[str]]:
    """Return the paths of the images in a DICOMDIR, relative to it."""
    import pydicom

    with quiet():
        try:
            with file.open() as stream:
                records = pydicom.dcmread(stream, specific_tags=["DirectoryRecordSequence"])
                return [_parts(record) for record in records.DirectoryRecordSequence if _is_image(record)]
        except Exception:  # parsing a damaged file can fail in any way
            return []


def _is_image(record: Any) -> bool:
    return record.get("DirectoryRecordType") == "IMAGE" and bool(record.get("ReferencedFileID"))


def _parts(record: Any) -> list[str]:
    value = record.ReferencedFileID
    return [value] if isinstance(value, str) else [str(part) for part in value]
