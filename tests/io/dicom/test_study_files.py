"""A zip or a DICOMDIR is read within bounds, and what is damaged or missing in it is said."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from dicom_files import new_file, write, write_series
from pydicom.dataset import Dataset
from pydicom.uid import MediaStorageDirectoryStorage

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.dicom import study_files
from meshimplant.io.dicom.read_series import load_dicom_series, read_dicom_series, study_contents

HEIGHTS = np.arange(0, 20, 2.0)


def _zipped(folder: Path, archive: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(archive, "w", method) as out:
        for file in sorted(folder.rglob("*")):
            out.write(file, file.relative_to(folder.parent))
    return archive


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Write a zip of a series."""
    write_series(tmp_path / "study", HEIGHTS)
    return _zipped(tmp_path / "study", tmp_path / "study.zip")


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_zip_of_any_compression_gives_what_its_folder_gives(tmp_path, archive, method):
    read = load_dicom_series(_zipped(tmp_path / "study", archive, method))
    expected = load_dicom_series(tmp_path / "study")
    np.testing.assert_array_equal(read.volume.array, expected.volume.array)
    assert read.findings == expected.findings == ()


def test_names_that_lead_out_of_a_zip_write_nothing(tmp_path, archive):
    with zipfile.ZipFile(archive, "a") as out:
        out.writestr("../../outside.dcm", (tmp_path / "study" / "IM0000.dcm").read_bytes())
        out.writestr("/etc/outside.dcm", b"")
    before = sorted(tmp_path.parent.rglob("*"))
    assert read_dicom_series(archive).shape == (24, 24, len(HEIGHTS))
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_files_that_macos_adds_are_not_damaged_slices(tmp_path, archive):
    with zipfile.ZipFile(archive, "a") as out:
        out.writestr("__MACOSX/study/._IM0000.dcm", b"\0\5\x16\7")
    (tmp_path / "study" / "._IM0000.dcm").write_bytes(b"\0\5\x16\7")
    assert load_dicom_series(archive).findings == load_dicom_series(tmp_path / "study").findings == ()


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.dcm", bytes(65 * 2**20))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("an entry was opened"))
    with pytest.raises(FileReadError, match=r"got 1 entries of 0\.0635 GiB in .*: unpack it, and name"):
        read_dicom_series(path)


@pytest.mark.parametrize(("limit", "value"), [("MAX_ENTRIES", 5), ("MAX_UNPACKED_BYTES", 1000)])
def test_a_zip_of_too_many_or_too_large_entries_is_refused(archive, monkeypatch, limit, value):
    monkeypatch.setattr(study_files, limit, value)
    with pytest.raises(FileReadError, match="expected a zip archive of one study"):
        read_dicom_series(archive)


def test_an_archive_within_an_archive_is_named(tmp_path, archive):
    outer = tmp_path / "outer.zip"
    with zipfile.ZipFile(outer, "w") as out:
        out.write(archive, "study.zip")
    with pytest.raises(FileReadError, match="got one of 1 other archives: unpack it"):
        read_dicom_series(outer)


def test_a_truncated_or_locked_zip_is_refused(archive):
    data = archive.read_bytes()
    archive.write_bytes(data[:-100])
    with pytest.raises(FileReadError, match="truncated or damaged"):
        read_dicom_series(archive)
    locked = bytearray(data)
    for mark, at in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        locked[data.index(mark) + at] |= 1
    archive.write_bytes(bytes(locked))
    with pytest.raises(FileReadError, match="without a password"):
        read_dicom_series(archive)


def test_a_damaged_entry_leaves_a_gap_that_is_named(tmp_path, archive):
    data = bytearray(_zipped(tmp_path / "study", archive, zipfile.ZIP_STORED).read_bytes())
    place = data.index(b"IM0004.dcm")
    data[place + 1400 : place + 1440] = bytes(range(40))  # in the pixels of one slice
    archive.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"missing \(4\.0 mm after slice 4"):
        read_dicom_series(archive)


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    for name in ("nothing.zip", "nothing.dcm", "nothing"):
        with pytest.raises(FileReadError, match="does not exist"):
            read_dicom_series(tmp_path / name)


def test_images_that_a_dicomdir_lists_and_that_are_missing_are_counted(tmp_path):
    paths = [path.rename(path.with_suffix("")) for path in write_series(tmp_path / "A", HEIGHTS)]
    file = new_file(MediaStorageDirectoryStorage)
    del file.Modality
    file.DirectoryRecordSequence = [_record("A", path.name) for path in paths]
    write(file, tmp_path / "DICOMDIR")
    assert load_dicom_series(tmp_path).findings == ()
    paths[-1].unlink()
    (finding,) = load_dicom_series(tmp_path / "DICOMDIR").findings
    assert (finding.code, finding.severity, finding.value) == ("input.missing_files", "warning", 1)
    assert study_contents(tmp_path).left_out == {"image listed in the DICOMDIR and missing": 1}


def _record(*parts: str) -> Dataset:
    record = Dataset()
    record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", list(parts)
    return record
