"""Which DICOM files are segmentations; told from their first tags."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from meshimplant.io.dicom.ct_slice import quiet
from meshimplant.io.dicom.deflated import opened_within_bounds
from meshimplant.io.dicom.study_files import StudyFile, has_preamble, is_one_file
from meshimplant.runtime.regular_files import open_regular

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
#: SOP classes: Segmentation Storage, Label Map Segmentation Storage, RT Structure Set Storage.
SEGMENTATION_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7", RTSTRUCT_CLASS)


def is_segmentation_file(path: Path) -> bool:
    """Return whether a path is one DICOM file that holds a SEG or an RTSTRUCT."""
    if not path.is_file() or not is_one_file(path):
        return False

    def opened() -> BinaryIO:
        return opened_within_bounds(open_regular(path))

    return sop_class(StudyFile(path.name, opened)) in SEGMENTATION_CLASSES


def sop_class(file: StudyFile) -> str:
    """Return the SOP class of a DICOM file, and nothing for any other file."""
    try:
        with file.open() as stream:
            if not has_preamble(stream):
                return ""
            stream.seek(0)
            return _sop_class(stream)
    except Exception:  # a damaged file fails in many ways; those of the CT are reported when it is read
        return ""


def _sop_class(stream: BinaryIO) -> str:
    import pydicom

    with quiet():
        tags = pydicom.dcmread(stream, specific_tags=["SOPClassUID"], stop_before_pixels=True)
        return str(tags.get("SOPClassUID", ""))
