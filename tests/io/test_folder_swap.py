"""A folder is replaced as a whole, or not at all, even if the process is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kill_points import NEW, OLD

from meshimplant.errors import OutputError
from meshimplant.io import atomic, carry_over, folder_lock, folder_swap
from meshimplant.io.atomic import atomic_folder
from meshimplant.io.folder_lock import claim_folder

SCRIPT = Path(__file__).parents[1] / "kill_points.py"
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def _outcomes(way: str, place: Path, *again: int) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, SCRIPT, way, place, *map(str, again)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@needs_fork
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs an exchange of folders")
def test_after_a_kill_at_any_moment_the_old_or_the_new_folder_stands(tmp_path: Path) -> None:
    found = _outcomes("exchange", tmp_path)
    assert len(found) > 20
    assert all(outcome["at_once"] in (OLD, NEW) for outcome in found)
    assert all(outcome["then"] == outcome["at_once"] for outcome in found)
    assert {len(outcome["beside"]) for outcome in found} == {5}, "the folder and its four entries"
    assert not found[-1]["died"]
    assert found[-1]["then"] == NEW
    assert found[0]["then"] == OLD


@needs_fork
def test_without_an_exchange_only_the_moment_between_two_renames_needs_the_next_start(tmp_path: Path) -> None:
    found = _outcomes("renames", tmp_path)
    assert all(outcome["at_once"] in (OLD, NEW, {}) for outcome in found)
    assert all(outcome["then"] in (OLD, NEW) for outcome in found)
    assert sum(outcome["at_once"] == {} for outcome in found) == 2
    assert {len(outcome["beside"]) for outcome in found} == {5}


@needs_fork
@pytest.mark.parametrize("again", [(), (1,), (3,)])
def test_in_a_folder_that_cannot_be_renamed_the_next_start_puts_the_old_files_back(tmp_path, again) -> None:
    found = _outcomes("inside", tmp_path, *again)
    assert any(outcome["at_once"] not in (OLD, NEW) for outcome in found)
    assert all(outcome["then"] in (OLD, NEW) for outcome in found)
    assert {len(outcome["beside"]) for outcome in found} == {5}


def _fill(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def _content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def _write(target: Path, **files: str) -> None:
    with atomic_folder(target, force=True) as temporary:
        for name, text in files.items():
            (temporary / name).write_text(text)


@pytest.fixture(params=["exchange", "renames", "inside"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "exchange":
        monkeypatch.setattr(folder_swap, "_exchange", lambda _one, _other: False)
    if request.param == "inside":
        for module in (folder_swap, folder_lock):
            monkeypatch.setattr(module, "can_be_swapped", lambda target: not target.is_dir())
    return request.param


@pytest.mark.parametrize("error", [KeyboardInterrupt, PermissionError])
def test_an_interrupted_replacement_leaves_the_old_folder(tmp_path, monkeypatch, way, error) -> None:
    case, rename = _fill(tmp_path / "case", part="old", notes="mine"), os.rename

    def fail(source: Path, target: Path) -> None:
        if Path(target).name in ("part", "case") and "unfinished" in str(source):
            raise error
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    if way == "exchange":
        monkeypatch.setattr(folder_swap, "_exchange", lambda one, other: fail(one, other))
    with pytest.raises(OutputError if error is PermissionError else error):
        _write(case, part="new")
    assert _content(case) == {"part": "old", "notes": "mine"}
    assert os.listdir(tmp_path) == ["case"]


@pytest.mark.usefixtures("way")
def test_notes_saved_while_the_folder_is_replaced_are_the_ones_that_stay(tmp_path, monkeypatch) -> None:
    case = _fill(tmp_path / "case", part="old", notes="first")
    put = atomic.put_in_place

    def save_late(temporary: Path, target: Path, **given: Any) -> Any:
        (target / "draft").write_text("second")
        os.replace(target / "draft", target / "notes")
        (target / "late").write_text("new file")
        return put(temporary, target, **given)

    monkeypatch.setattr(atomic, "put_in_place", save_late)
    _write(case, part="new")
    assert _content(case) == {"part": "new", "notes": "second", "late": "new file"}


def test_files_are_copied_where_the_file_system_has_no_second_names(tmp_path, monkeypatch) -> None:
    def refuse(*_given: object, **_named: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    case = _fill(tmp_path / "case", part="old", notes="mine")
    _fill(case / "more", letter="mine")
    (case / "shortcut").symlink_to("notes")
    _write(case, part="new")
    assert (case / "part").read_text() == "new"
    assert (case / "notes").read_text() == (case / "more" / "letter").read_text() == "mine"
    assert os.readlink(case / "shortcut") == "notes"


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    real = _fill(tmp_path / "disk" / "real", part="old")
    (tmp_path / "case").symlink_to(real)
    _write(tmp_path / "case", part="new")
    assert (tmp_path / "case").is_symlink()
    assert _content(real) == {"part": "new"}


def test_names_are_free_only_if_nothing_has_them(tmp_path: Path) -> None:
    assert carry_over.free_name(tmp_path, "a.png") == "earlier-a.png"
    _fill(tmp_path / "case", **{"earlier-a.png": ""})
    assert carry_over.free_name(tmp_path / "case", "a.png") == "earlier-2-a.png"


# -- one run at a time

_CLAIM = """
import sys
from meshimplant.io.folder_lock import claim_folder
with claim_folder(sys.argv[1]):
    print("claimed", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("ending", ["finished", "killed"])
def test_a_folder_is_written_by_one_run_at_a_time_and_a_dead_one_does_not_count(tmp_path, ending) -> None:
    case = tmp_path / "results" / "case"
    with subprocess.Popen(
        [sys.executable, "-c", _CLAIM, case], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "claimed\n"
        with pytest.raises(OutputError, match="got case, into which one is writing now"):
            _write(case, part="mine")
        if ending == "killed":
            other.kill()
        else:
            other.stdin.write("\n")
            other.stdin.flush()
        other.wait()
    assert (tmp_path / "results").exists() is (ending == "killed"), "a dead run cannot remove its lock"
    _write(case, part="mine")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["case", "part", "results"]


def test_a_thread_may_claim_again_what_it_has_claimed(tmp_path: Path) -> None:
    with claim_folder(tmp_path / "case"):
        _write(tmp_path / "case", part="mine")
        assert _content(tmp_path / "case") == {"part": "mine"}
        with claim_folder(tmp_path / "case"):
            pass
        assert sorted(os.listdir(tmp_path)) == [".case.lock", "case"]
    assert os.listdir(tmp_path) == ["case"]
