"""A session: edits and undo, what is refused, two editors, a kill, and the replay of a log."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from edited_places import top_mm

from meshimplant.design.design import Design
from meshimplant.edit_log.edit_session import EditSession
from meshimplant.edit_log.log_file import read_edits, read_log
from meshimplant.errors import EditLocked, EditRefused, FileReadError, InputError
from meshimplant.spec.edits import Edit
from meshimplant.spec.implant_spec import ImplantSpec

THINNER = Edit("set", {"thickness_mm": 3.5})
LIMIT = Edit("set", {"thickness_max_mm": 5.5})
LIMIT_AGAIN = Edit("set", {"thickness_max_mm": 5.0})

pytestmark = pytest.mark.usefixtures("without_pictures")


def stop(_name: str) -> None:
    raise AssertionError("expected no step to run")


def test_edits_are_made_undone_made_again_and_replayed_to_the_same_bytes(case, untouched, tmp_path):
    with EditSession.open(case, who="A. Engineer") as session:
        start = session.hash
        assert session.is_saved
        design = session.apply(THINNER)
        assert design is session.design
        assert design.check.measures["thickness_median_mm"] == pytest.approx(3.5, abs=0.1)
        thinner = session.hash
        session.apply(Edit("bulge", {"point_mm": top_mm(), "by_mm": 2.0}))
        assert session.design.edits[0].parameters["radius_mm"] == 15
        assert session.revert(1).spec == ImplantSpec(max_faces=8_000)
        assert session.undo(progress=stop).spec.thickness_mm == 3.5
        assert session.undo(progress=stop).edits == ()
        assert session.hash == thinner
        session.undo(progress=stop)
        assert session.hash == start
        assert not session.can_undo
        with pytest.raises(EditRefused, match="expected something to undo, got none"):
            session.undo()
        session.redo(progress=stop)
        session.redo(progress=stop)
        assert not session.is_saved
        assert [line.edit.verb for line in session.log if not line.is_change] == [
            *("revert", "undo", "undo", "undo", "redo", "redo")
        ]
        session.save()
        assert session.is_saved
        session.save_as(tmp_path / "copy")
        end = session.hash
    assert ImplantSpec.read(case / "spec.toml") == ImplantSpec(max_faces=8_000, thickness_mm=3.5)
    log = read_log(case / "edits.jsonl")
    assert log is not None
    assert (log.start.state, log.state) == (start, end)
    assert {line.who for line in log.history.lines} == {"A. Engineer"}
    assert (tmp_path / "copy" / "edits.jsonl").read_bytes() == (case / "edits.jsonl").read_bytes()
    with EditSession.open(tmp_path / "copy", progress=stop) as copy:
        assert copy.hash == end
        assert copy.design.kept is not None
        assert copy.design.report.inputs == Design.load(untouched).report.inputs
    shutil.copytree(untouched, tmp_path / "again")
    with EditSession.open(tmp_path / "again") as again:
        for edit in read_edits(case / "edits.jsonl"):
            again.apply(edit)
        assert again.hash == end
    for name in ("implant.stl", "implant.3mf", "spec.toml", "steps/steps.json", "steps/arrays.zip"):
        assert (tmp_path / "again" / name).read_bytes() == (case / name).read_bytes(), name


def test_what_cannot_be_done_is_refused_and_leaves_all_as_it_was(case):
    with EditSession.open(case) as session:
        before, files = session.hash, sorted(path.name for path in case.iterdir())
        for edit, message in (
            (Edit("set", {"thickness_mm": 9}), "got 2 <= 9 <= 6"),
            (Edit("set", {"thickness_mm": 4}), "changes something"),
            (Edit("set", {"bodies": 2}), "which is not kept"),
        ):
            with pytest.raises(EditRefused, match=message) as caught:
                session.apply(edit)
            assert caught.value.findings[0].code == "edit.set"
            assert caught.value.place_mm is None
        with pytest.raises(EditRefused, match="of which there is none"):
            session.revert(1)
        with pytest.raises(EditRefused, match="expected something to redo"):
            session.redo()
        with pytest.raises(InputError, match="call undo of the session"):
            session.apply(Edit("undo", {"number": 1}))
        assert session.hash == before
        assert session.log == ()
    assert sorted(path.name for path in case.iterdir()) == files
    with pytest.raises(InputError, match="got one that was closed"):
        session.apply(THINNER)


def test_of_many_states_the_latest_are_kept_and_the_others_made_again(case, monkeypatch):
    monkeypatch.setattr("meshimplant.edit_log.recent_steps._STATES", 2)
    ran: list[str] = []
    with EditSession.open(case) as session:
        start, arrays = session.hash, len(session._kept.values._arrays)
        for limit in (5.8, 5.6, 5.4):
            session.apply(Edit("set", {"thickness_max_mm": limit}))
        assert len(session._kept.values._arrays) <= arrays + 4
        session.undo(progress=stop)
        session.undo(progress=ran.append)
        session.undo(progress=ran.append)
        assert session.hash == start
    assert ran == ["check", "check"]


def test_a_second_editor_is_told_and_a_dead_one_does_not_count(case):
    with EditSession.open(case):
        with pytest.raises(EditLocked, match="expected a design that no one else edits, got case"):
            EditSession.open(case)
        code = (
            "import sys; from meshimplant import EditSession, EditLocked\n"
            "try: EditSession.open(sys.argv[1])\n"
            "except EditLocked: print('locked')"
        )
        command = [sys.executable, "-c", code, str(case)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "locked\n"
    child = os.fork()
    if child == 0:
        session = EditSession.open(case)
        os._exit(9 if session.hash else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    EditSession.open(case).close()
    assert sorted(path.name for path in case.parent.iterdir()) == ["case"]


@pytest.mark.parametrize("call", ["open", "ftruncate", "write", "fsync", "close"])
def test_a_kill_while_an_edit_is_logged_loses_at_most_that_edit(case, design, monkeypatch, call):
    monkeypatch.setattr("meshimplant.edit_log.edit_session.redesign", lambda *_given, **_named: design)
    session = EditSession.open(case)
    session.apply(LIMIT)
    whole = (case / "edits.jsonl").read_bytes()
    child = os.fork()
    if child == 0:
        real = getattr(os, call)

        def dies(*given: object) -> None:
            if call == "write":
                real(given[0], given[1][:20])  # type: ignore[index]
            os._exit(9)

        setattr(os, call, dies)
        session.apply(LIMIT_AGAIN)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    session._release()
    log = read_log(case / "edits.jsonl")
    assert log is not None
    assert (case / "edits.jsonl").read_bytes().startswith(whole)
    assert log.history.edits == ((LIMIT, LIMIT_AGAIN) if call in ("fsync", "close") else (LIMIT,))


def test_a_session_that_was_killed_goes_on_where_its_log_ends(case):
    session = EditSession.open(case)
    session.apply(LIMIT)
    state = session.hash
    session._release()
    assert ImplantSpec.read(case / "spec.toml").thickness_max_mm == 6
    ran: list[str] = []
    with EditSession.open(case, progress=ran.append) as again:
        assert ran == ["check"]
        assert not again.is_saved
        assert again.hash == state
        assert again.findings == ()
    assert ImplantSpec.read(case / "spec.toml").thickness_max_mm == 5.5


def test_a_log_of_another_design_is_refused_and_a_new_design_puts_it_aside(case, design):
    with EditSession.open(case) as session:
        session.apply(LIMIT)
    log = (case / "edits.jsonl").read_bytes()
    design.save(case, force=True)
    assert not (case / "edits.jsonl").exists()
    assert (case / "earlier-edits.jsonl").read_bytes() == log
    (case / "edits.jsonl").write_bytes(log.replace(b'"thickness_mm": 4.0', b'"thickness_mm": 4.5'))
    with pytest.raises(FileReadError, match="move the log away to go on with the design as it is"):
        EditSession.open(case)
    with pytest.raises(FileReadError, match="expected the folder of a design, got none"):
        EditSession.open(case / "none")
    with pytest.raises(InputError, match="at most 80 printable characters"):
        EditSession.open(case, who="a\n")
