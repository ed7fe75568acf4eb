"""Which files of an earlier design go, and which stay."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from meshimplant.design.earlier_files import fates_of_earlier_files


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Make the folder of an earlier run, with a picture, a table and someone's notes."""
    folder = tmp_path / "case"
    folder.mkdir()
    files = {"implant.stl": b"part", "preview.png": b"picture", "uncertainty.csv": b"table"}
    for name, content in {**files, "notes.txt": b"mine", "report.html": b"page"}.items():
        (folder / name).write_bytes(content)
    outputs = [{"name": name, "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()]
    (folder / "report.json").write_text(json.dumps({"outputs": outputs}))
    return folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    folder = tmp_path / "unfinished"
    folder.mkdir()
    for name in ("implant.stl", "report.json", "report.html"):
        (folder / name).write_bytes(b"new")
    return folder


def test_files_of_the_earlier_run_that_this_one_does_not_make_are_removed(earlier, new) -> None:
    assert fates_of_earlier_files(earlier, new) == dict.fromkeys(
        ("implant.stl", "preview.png", "uncertainty.csv")
    )


def test_a_file_that_was_changed_since_is_kept_under_another_name(earlier, new) -> None:
    (earlier / "preview.png").write_bytes(b"with my arrows")
    (earlier / "earlier-preview.png").write_bytes(b"of last week")
    fates = fates_of_earlier_files(earlier, new)
    assert fates == {"preview.png": "earlier-2-preview.png", "implant.stl": None, "uncertainty.csv": None}


def test_a_file_of_someone_else_is_not_overwritten_by_one_of_ours(earlier, new) -> None:
    (earlier / "skull.stl").write_bytes(b"my input")
    (new / "skull.stl").write_bytes(b"the model")
    assert fates_of_earlier_files(earlier, new)["skull.stl"] == "earlier-skull.stl"


@pytest.mark.parametrize("report", [None, "{", "[]", '{"outputs": [{"name": "preview.png"}]}'])
def test_without_a_readable_report_nothing_is_removed(earlier, new, report) -> None:
    if report is None:
        (earlier / "report.json").unlink()
    else:
        (earlier / "report.json").write_text(report)
    fates = fates_of_earlier_files(earlier, new)
    assert fates == {
        "implant.stl": "earlier-implant.stl",
        "preview.png": "earlier-preview.png",
        "uncertainty.csv": "earlier-uncertainty.csv",
    }


def test_a_report_names_only_files_of_its_own_folder(earlier, new, tmp_path) -> None:
    (tmp_path / "secret").write_bytes(b"elsewhere")
    digest = hashlib.sha256(b"elsewhere").hexdigest()
    (earlier / "report.json").write_text(
        json.dumps({"outputs": [{"name": "../secret", "sha256": digest}, {"name": "", "sha256": digest}]})
    )
    assert "../secret" not in fates_of_earlier_files(earlier, new)
