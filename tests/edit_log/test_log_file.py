"""The file of a log: a broken last line costs only itself, any other is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshimplant.edit_log.log_file import EditLog, LogStart, read_edits, read_log
from meshimplant.edit_log.log_lines import LoggedEdit
from meshimplant.errors import FileReadError, OutputError
from meshimplant.spec.edits import Edit
from meshimplant.spec.implant_spec import ImplantSpec

SETS = [Edit("set", {"thickness_mm": 3.0 + number}) for number in range(3)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a log of three lines."""
    log, path = EditLog(LogStart(ImplantSpec(), (), "s0")), tmp_path / "edits.jsonl"
    for number, edit in enumerate(SETS, start=1):
        log.append(
            LoggedEdit(number, edit, f"s{number - 1}", f"s{number}", "2026-03-09T14:05:07Z", "Ä"), path
        )
    return path


def read(path: Path) -> EditLog:
    log = read_log(path)
    assert log is not None
    return log


def test_what_is_read_is_what_was_written(path):
    log = read(path)
    assert log.start == LogStart(ImplantSpec(), (), "s0")
    assert log.history.edits == tuple(SETS)
    assert [line.who for line in log.history.lines] == ["Ä"] * 3
    assert log.state == "s3"
    assert not log.findings
    assert read_log(path.with_name("none")) is None


def test_a_file_cut_anywhere_in_its_last_line_has_all_lines_before_and_goes_on(path):
    whole = path.read_bytes()
    first = whole.rstrip(b"\n").rindex(b"\n") + 1
    for length in (first + 1, first + 40, len(whole) - 2):
        path.write_bytes(whole[:length])
        log = read(path)
        assert log.history.edits == tuple(SETS[:2])
        (finding,) = log.findings
        assert (finding.code, finding.severity) == ("edits.broken_line", "warning")
        log.append(LoggedEdit(3, SETS[2], "s2", "s3", "2026-03-09T14:05:07Z", "Ä"), path)
        assert path.read_bytes() == whole


def test_a_last_line_without_its_line_feed_counts(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    log = read(path)
    assert log.history.edits == tuple(SETS)
    assert not log.findings
    log.append(LoggedEdit(4, Edit("undo", {"number": 3}), "s3", "s2", "2026-03-09T14:05:07Z"), path)
    assert path.read_bytes().startswith(whole)
    assert read(path).history.edits == tuple(SETS[:2])


@pytest.mark.parametrize("content", [b"", b'{"what": "meshimpl'])
def test_a_log_whose_first_line_was_not_finished_is_none(path, content):
    path.write_bytes(content)
    assert read_log(path) is None


@pytest.mark.parametrize(
    ("line", "change", "message"),
    [
        (2, lambda text: text[:-5], "in line 3 of edits.*, got one that is not JSON"),
        (2, lambda _text: "[1]", "in line 3 .*expected a JSON object, got list"),
        (2, lambda text: text.replace('"set"', '"bend"'), "in line 3 .*the verb of an edit"),
        (2, lambda text: text.replace('"number": 2', '"number": 3'), "in line 3 .*expected line 2"),
        (2, lambda text: text.replace('"before"', '"bevore"'), "in line 3 .*'before'"),
        (0, lambda text: text.replace("meshimplant edits", "others"), "in line 1 .*move another file away"),
        (0, lambda text: text.replace('"1.0"', '"2.0"'), "in line 1 .*a log of version 1.0, got 2.0"),
    ],
)
def test_another_broken_line_is_named(path, line, change, message):
    lines = path.read_text().splitlines()
    lines[line] = change(lines[line])
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(FileReadError, match=message):
        read_log(path)


def test_a_line_that_starts_from_another_part_is_a_warning(path):
    path.write_text(path.read_text().replace('"before": "s1"', '"before": "s9"'))
    (finding,) = read(path).findings
    assert finding.code == "edits.other_result"
    assert "Line 2" in finding.message


def test_edits_are_read_from_a_log_and_from_plain_lines(path, tmp_path):
    assert read_edits(path) == tuple(SETS)
    plain = tmp_path / "plain.jsonl"
    plain.write_text("\n".join(json.dumps(edit.to_dict()) for edit in SETS[:2]) + "\n\n")
    assert read_edits(plain) == tuple(SETS[:2])
    plain.write_text('{"verb": "set", "parameters": {"thickness_mm": 3}}\n{"verb": "bend"}\n')
    with pytest.raises(FileReadError, match="got one that is no edit"):
        read_edits(plain)
    plain.write_text("\n")
    with pytest.raises(FileReadError, match="one in each line, got none"):
        read_edits(plain)


def test_a_full_disk_leaves_the_file_as_it_was(path, monkeypatch):
    log, whole = read(path), path.read_bytes()

    def full(_handle: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with pytest.raises(OutputError, match="No space left on device"):
        log.append(LoggedEdit(4, SETS[0], "s3", "s4", "2026-03-09T14:05:07Z"), path)
    assert path.read_bytes() == whole
    assert log.state == "s3"
