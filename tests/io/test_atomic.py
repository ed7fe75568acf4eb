"""Results are complete or absent."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from meshimplant.errors import OutputError
from meshimplant.io.atomic import atomic_folder, atomic_path


def _listing(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _write_half(place: AbstractContextManager[Path], error: Exception) -> None:
    """Fail after a part of the result was written."""
    with place as temporary:
        (temporary / "a" if temporary.is_dir() else temporary).write_bytes(b"half")
        raise error


def test_a_finished_file_appears_under_its_name_and_nothing_else(tmp_path):
    with atomic_path(tmp_path / "mask.nii.gz") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".nii.gz")
        temporary.write_bytes(b"new")
        assert not (tmp_path / "mask.nii.gz").exists()
    assert _listing(tmp_path) == {"mask.nii.gz": b"new"}


def test_a_failing_file_leaves_the_old_one_untouched(tmp_path):
    (tmp_path / "a.stl").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        _write_half(atomic_path(tmp_path / "a.stl"), ZeroDivisionError())
    assert _listing(tmp_path) == {"a.stl": b"old"}


def test_a_file_is_replaced_unless_forbidden(tmp_path):
    (tmp_path / "a.stl").write_bytes(b"old")
    with pytest.raises(OutputError, match="exists"), atomic_path(tmp_path / "a.stl", force=False):
        pass
    with atomic_path(tmp_path / "a.stl") as temporary:
        temporary.write_bytes(b"new")
    assert _listing(tmp_path) == {"a.stl": b"new"}


def test_a_full_disk_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="No space left"):
        _write_half(atomic_path(tmp_path / "a.stl"), OSError(28, "No space left on device"))
    assert _listing(tmp_path) == {}


def test_writing_nothing_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="got no file"), atomic_path(tmp_path / "a.stl"):
        pass


@pytest.mark.parametrize("name", ["missing/a.stl", "file/a.stl", "folder"])
def test_impossible_files_are_refused(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="expected"), atomic_path(tmp_path / name):
        pass


def test_a_finished_folder_appears_with_its_missing_parents(tmp_path):
    with atomic_folder(tmp_path / "results" / "case") as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "a").write_bytes(b"1")
        assert not (tmp_path / "results" / "case").exists()
    assert _listing(tmp_path) == {"results/case/sub/a": b"1"}
    assert sorted(os.listdir(tmp_path / "results")) == ["case"]


def test_a_failing_folder_leaves_nothing_not_even_parents(tmp_path):
    with pytest.raises(ZeroDivisionError):
        _write_half(atomic_folder(tmp_path / "results" / "case"), ZeroDivisionError())
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "case").mkdir()
    with atomic_folder(tmp_path / "case") as temporary:
        (temporary / "a").write_bytes(b"1")
    assert _listing(tmp_path) == {"case/a": b"1"}
    assert os.listdir(tmp_path / "case") == ["a"]


def test_a_second_run_into_a_folder_is_refused_and_touches_nothing(tmp_path):
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "a").write_bytes(b"old")
    with (
        pytest.raises(OutputError, match="case, which holds files: choose another name"),
        atomic_folder(tmp_path / "case"),
    ):
        pass
    assert _listing(tmp_path) == {"case/a": b"old"}


def test_force_replaces_files_of_the_same_name_only(tmp_path):
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "a").write_bytes(b"old")
    (tmp_path / "case" / "mine").write_bytes(b"kept")
    with atomic_folder(tmp_path / "case", force=True) as temporary:
        (temporary / "a").write_bytes(b"new")
        (temporary / "b").write_bytes(b"new")
    assert _listing(tmp_path) == {"case/a": b"new", "case/b": b"new", "case/mine": b"kept"}
    assert sorted(os.listdir(tmp_path / "case")) == ["a", "b", "mine"]


def test_a_folder_in_place_of_a_file_or_below_one_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="which is a file"), atomic_folder(tmp_path / "file"):
        pass
    with pytest.raises(OutputError), atomic_folder(tmp_path / "file" / "case"):
        pass
    assert _listing(tmp_path) == {"file": b""}


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a place where even root cannot write")
def test_an_unwritable_place_is_refused():
    with pytest.raises(OutputError, match="refuses"), atomic_folder("/proc/case"):
        pass
    with pytest.raises(OutputError):
        _write_half(atomic_path("/proc/a.stl"), OSError())
