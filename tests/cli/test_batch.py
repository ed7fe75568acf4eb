"""batch on the command line: what it prints, refuses and returns; designs on one and on two workers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shapes import cap

from meshimplant import write_mesh
from meshimplant.batch.case_table import COLUMNS

if TYPE_CHECKING:
    from conftest import Files, Given


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A part that is printable, one that is not, and a file that is none."""
    folder = tmp_path / "parts"
    folder.mkdir()
    write_mesh(cap(60.0, 4.0, 25.0, edge_mm=4.0).mesh, folder / "good.stl")
    write_mesh(cap(60.0, 1.0, 25.0, edge_mm=4.0).mesh, folder / "thin.stl")
    (folder / "broken.stl").write_bytes(b"solid")
    (folder / "note.txt").write_text("no part")
    return folder


def test_the_example_is_printed(cli: Callable) -> None:
    answer = cli("batch", "--example")
    assert answer.code == 0
    assert answer.out.splitlines()[0] == ",".join(COLUMNS)


def test_parts_of_a_folder_are_checked(cli: Callable, parts: Path, tmp_path: Path) -> None:
    line = ("batch", parts, "-o", tmp_path / "out", "--verb", "check", "--workers", 1)
    answer = cli(*line)
    assert answer.code == 1
    head, failure, *_ = answer.out.splitlines()
    assert head == "out: 3 cases: 1 not done, 1 failed, 1 passed"
    assert failure.startswith("  broken: FileReadError: expected")
    assert "no cases, left out: note.txt" in answer.out
    assert "thickness_min_mm" in answer.out
    (parts / "broken.stl").unlink()
    again = cli(*line, "--json")
    assert again.code == 3
    assert [(case["name"], case["outcome"]) for case in again.json["cases"]] == [
        ("thin", "failed"),
        ("good", "passed"),
    ]
    assert again.json["run"]["kept"] == 2
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == again.json


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "expected cases and an output"),
        (("--workers", 2, "--scheduler", "tcp://127.0.0.1:1"), 2, "--workers or --scheduler"),
        (("--options", "--thickness-cm 3"), 2, "expected options that check has"),
        (("--ending", ".png"), 1, "check writes no such file"),
        (("--metrics",), 1, "expected metrics with design, got check"),
        (("--truth", "parts"), 1, "a truth for each case in the folder parts"),
        (("--workers", 0), 2, ""),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(
    cli: Callable, parts: Path, tmp_path: Path, words: tuple, code: int, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    given = [tmp_path / "empty" if word == "parts" else word for word in words]
    given = ["--truth", tmp_path / "empty"] if "--truth" in words else given
    line = ("batch", parts, "-o", tmp_path / "out", "--verb", "check", *given) if words else ("batch",)
    answer = cli(*line)
    assert answer.code == code
    assert message.replace("parts", "empty") in answer.err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_files_is_refused(cli: Callable, parts: Path) -> None:
    answer = cli("batch", parts, "-o", parts, "--verb", "check")
    assert answer.code == 1
    assert "got parts, which holds other files" in answer.err


def test_without_dask_the_extra_is_named(
    cli: Callable, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    answer = cli("batch", parts, "-o", tmp_path / "out", "--verb", "check")
    assert answer.code == 1
    assert "pip install 'meshimplant[batch]'" in answer.err
    assert not (tmp_path / "out").exists()


def test_no_answer_of_a_scheduler_is_an_error(
    cli: Callable, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshimplant.batch.workers._ANSWER_S", 0.3)
    answer = cli(
        "batch", parts, "-o", tmp_path / "out", "--verb", "check", "--scheduler", "tcp://127.0.0.1:1"
    )
    assert answer.code == 1
    assert "expected a Dask scheduler at tcp://127.0.0.1:1" in answer.err


@pytest.mark.slow
def test_a_design_has_the_same_bytes_in_a_worker(
    cli: Callable, case: Files, given: Given, tmp_path: Path
) -> None:
    table = tmp_path / "cases.csv"
    table.write_text(
        "name,input,prediction,prediction_is,truth\n"
        f"whole,{case.defective},{case.truth},implant,{case.truth}\n"
        f"cut,{tmp_path / 'cut.nrrd'},,,{case.truth}\n"
    )
    (tmp_path / "cut.nrrd").write_bytes(case.defective.read_bytes()[:5000])
    answer = cli("batch", table, "-o", tmp_path / "out", "--metrics", "--workers", 2, "--json")
    assert answer.code == 1
    cut, whole = answer.json["cases"]
    assert (cut["name"], cut["outcome"], cut["error"]) == ("cut", "not done", "FileReadError")
    assert whole["metrics"]["dice"] > 0.95
    assert len(whole["numbers"]) == 6
    for name in ("implant.stl", "reconstruction.nrrd"):
        assert (tmp_path / "out" / "whole" / name).read_bytes() == (given.folder / name).read_bytes()
    page = (tmp_path / "out" / "summary.html").read_text()
    assert page.count("data:image/jpeg") == 1
    assert 'href="whole/report.html"' in page
