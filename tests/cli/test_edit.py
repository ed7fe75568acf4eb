"""edit: edits of a file, undo, and the log that tells of both."""

from __future__ import annotations

import json
import shutil

import pytest


@pytest.fixture
def edits(tmp_path):
    """Write a file of one edit."""
    path = tmp_path / "edits.jsonl"
    path.write_text('{"verb": "set", "parameters": {"thickness_max_mm": 5.5}}\n')
    return path


def test_edits_are_applied_undone_and_listed(cli, designed, edits, tmp_path, monkeypatch):
    for name in ("_write_previews", "_write_slices"):
        monkeypatch.setattr(f"meshimplant.design.write_design.{name}", lambda *_given, **_named: None)
    case = tmp_path / "case"
    shutil.copytree(designed, case)
    assert cli("edit", case, "--log").out == "case: no edits yet\n"
    answer = cli("edit", case, "--apply", edits, "--who", "A. B.", "-o", tmp_path / "copy", "--json")
    assert answer.code in (0, 3)
    assert answer.json["spec"]["thickness_max_mm"] == 5.5
    assert answer.json["edits"]["made"] == 1
    assert json.loads((tmp_path / "copy" / "report.json").read_text())["spec"]["thickness_max_mm"] == 5.5
    answer = cli("redesign", case, "--thickness-mm", 3)
    assert answer.code == 2
    assert "expected -o for a design with a log of edits" in answer.err
    answer = cli("edit", case, "--undo")
    assert "edits lines" in answer.out
    assert (case / "spec.toml").read_bytes() == (designed / "spec.toml").read_bytes()
    assert (case / "implant.stl").read_bytes() == (designed / "implant.stl").read_bytes()
    log = cli("edit", case, "--log", "--json").json["edits"]
    assert [line["verb"] for line in log] == ["set", "undo"]
    assert [line["undone"] for line in log] == [True, False]
    assert log[0]["before"] == log[1]["after"]
    shown = cli("edit", case, "--log").out.splitlines()
    assert shown[0].split() == ["number", "time", "who", "state", "edit"]
    assert shown[1].endswith("A. B.  " + log[0]["after"][:8] + "  set thickness_max_mm=5.5 (undone)")
    refused = cli("edit", case, "--undo")
    assert refused.code == 1
    assert "expected something to undo, got none" in refused.err


@pytest.mark.parametrize("options", [("--undo", "--log"), ("--json",), ("-o", "other")])
def test_one_thing_is_asked_for_at_a_time(cli, tmp_path, options):
    answer = cli("edit", tmp_path, *options)
    assert answer.code == 2
    assert "--apply, --undo, --redo, --revert" in answer.err


def test_what_is_no_design_or_no_edit_is_an_error(cli, edits, tmp_path):
    answer = cli("edit", tmp_path / "none", "--log")
    assert answer.code == 1
    assert "expected the folder of a design, got none" in answer.err
    edits.write_text('{"verb": "bend"}\n')
    answer = cli("edit", tmp_path, "--apply", edits)
    assert answer.code == 1
    assert "in line 1 of edits.jsonl" in answer.err
