"""One case in this process: what is recorded of it, and when it is run again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from meshimplant.batch.attempts import Attempt, read_attempt, write_attempt
from meshimplant.batch.batch_case import BatchCase
from meshimplant.batch.case_digest import content_digest, digest_of
from meshimplant.batch.case_record import RECORDS_FOLDER, read_record
from meshimplant.batch.run_case import Job, run_case

FINDING = {
    "code": "fit.gap",
    "severity": "error",
    "message": "too wide",
    "value": 4.0,
    "limit": 3.0,
    "unit": "mm",
    "location_mm": [1.0, 2.0, 3.0],
}


class Command:
    """A command line that counts its calls and writes its output."""

    def __init__(
        self, code: int = 0, printed: str = '{"faces_after": 12, "faces_before": 10, "output": "1.stl"}'
    ):
        self.code, self.printed, self.calls = code, printed, 0

    def __call__(self, words: Sequence[str]) -> int:
        self.calls += 1
        if self.code == 0:
            Path(words[2]).write_text(f"{self.calls}")
        print(self.printed)
        return self.code


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """Return a case that is converted, its folder ready."""
    (tmp_path / "out" / RECORDS_FOLDER).mkdir(parents=True)
    (tmp_path / "in.stl").write_text("a mesh")
    (tmp_path / "other.stl").write_text("another mesh")

    def made(command: Command, **changes: object) -> Job:
        case = BatchCase("1", tmp_path / "in.stl")
        return replace(Job(case, "convert", tmp_path / "out", ".stl", command, "run"), **changes)  # type: ignore

    return made


def test_a_case_is_run_once_and_recorded(job: Callable[..., Job]) -> None:
    command = Command()
    record, is_kept = run_case(job(command))
    assert (record.outcome, record.exit_code, record.error, is_kept) == ("done", 0, "", False)
    assert {number["measure"]: number["value"] for number in record.numbers} == {"faces_after": 12}
    assert list(record.files) == ["1.stl"]
    assert record.seconds > 0
    assert record.memory_mb > 10
    assert read_record(job(command).folder, "1") == record
    assert run_case(job(command, run="next")) == (record, True)
    assert command.calls == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda job: job.case.input.write_text("changed"),
        lambda job: (job.folder / "1.stl").unlink(),
        lambda job: (job.folder / "1.stl").write_text("half"),
        lambda job: (job.folder / RECORDS_FOLDER / "1.json").write_text('{"name": "1", "verb'),
        lambda job: replace(job, again=True),
        lambda job: replace(job, ending=".ply"),
        lambda job: replace(job, case=replace(job.case, options=("--smooth",))),
        lambda job: replace(job, case=replace(job.case, prescription=job.case.input)),
    ],
)
def test_whatever_the_result_depends_on_runs_the_case_again(
    job: Callable[..., Job], change: Callable[[Job], object]
) -> None:
    command = Command()
    run_case(job(command))
    changed = change(job(command))
    next_job = changed if isinstance(changed, Job) else job(command)
    assert run_case(replace(next_job, run="next"))[1] is False
    assert command.calls == 2


def test_place_and_name_of_the_input_do_not_count(job: Callable[..., Job]) -> None:
    command = Command()
    first = job(command)
    run_case(first)
    moved = first.case.input.with_name("moved.stl")
    first.case.input.rename(moved)
    assert run_case(replace(first, run="next", case=replace(first.case, input=moved)))[1] is True


def test_other_versions_run_the_case_again(job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest_of(job(Command()).case, "convert", ending=".stl", metrics=False)
    monkeypatch.setattr("meshimplant.batch.case_digest.installed_versions", lambda: {"meshimplant": "99"})
    assert digest_of(job(Command()).case, "convert", ending=".stl", metrics=False) != before


def test_a_digest_covers_voxels_beside_their_header_and_every_file_of_a_study(tmp_path: Path) -> None:
    for name in ("head.nhdr", "head.raw", "study/1.dcm", "study/deep/2.dcm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for whole, part in (("head.nhdr", "head.raw"), ("study", "study/deep/2.dcm")):
        before = content_digest(tmp_path / whole)
        (tmp_path / part).write_text("other")
        assert content_digest(tmp_path / whole) != before


@pytest.mark.parametrize(
    ("code", "printed", "error", "again"),
    [
        (
            1,
            {"error": {"type": "NoDefectError", "message": "got none", "findings": [FINDING]}},
            "NoDefectError",
            1,
        ),
        (1, {"error": {"type": "OutputError", "message": "disk full"}}, "OutputError", 2),
        (1, {"error": {"type": "KeyError", "message": "unexpected KeyError: 'x'"}}, "Unexpected", 2),
        (2, {}, "UsageError", 1),
    ],
)
def test_a_failure_is_named_and_one_that_may_pass_is_tried_again(
    job: Callable[..., Job], code: int, printed: dict, error: str, again: int
) -> None:
    command = Command(code, json.dumps(printed))
    record, _ = run_case(job(command))
    assert (record.outcome, record.exit_code, record.error) == ("not done", code, error)
    assert record.message == printed.get("error", {}).get("message", record.message) != ""
    assert record.findings == printed.get("error", {}).get("findings", [])
    run_case(job(command, run="next"))
    assert command.calls == again


def test_a_part_that_failed_its_check_has_its_numbers_and_findings(job: Callable[..., Job]) -> None:
    part = {
        "verdict": "failed",
        "measures": {"thickness_min_mm": 3.0, "gap_p95_mm": 4.0, "coverage_fraction": 0.99},
        "findings": [FINDING],
        "spec": {"clearance_mm": 0.8},
    }
    record, _ = run_case(job(Command(3, json.dumps(part)), verb="check"))
    assert (record.outcome, record.exit_code, record.count("error")) == ("failed", 3, 1)
    numbers = {number["measure"]: number for number in record.numbers}
    assert len(numbers) == 6
    assert numbers["gap_p95_mm"]["value"] == 4.0
    assert numbers["gap_p95_mm"]["verdict"] == "beyond"
    assert numbers["covered_fraction"]["value"] == 0.99
    assert numbers["covered_fraction"]["limit"] == 0.95
    assert numbers["step_p95_mm"]["value"] is None


def test_what_went_beyond_a_limit_or_died_twice_is_not_begun_again(job: Callable[..., Job]) -> None:
    for attempt, error in (
        (Attempt("run", 1, "TimeLimit", "too long"), "TimeLimit"),
        (Attempt("run", 2), "WorkerDied"),
    ):
        command = Command()
        write_attempt(job(command).folder, "1", attempt)
        record, _ = run_case(job(command))
        assert (record.outcome, record.error, record.exit_code) == ("not done", error, None)
        assert command.calls == 0
        assert run_case(job(command, run="next"))[0].outcome == "done"
        (job(command).folder / RECORDS_FOLDER / "1.json").unlink()


def test_an_answer_that_was_lost_is_given_again(job: Callable[..., Job]) -> None:
    command = Command()
    first = run_case(job(command))
    assert run_case(job(command)) == first
    assert command.calls == 1
    assert read_attempt(job(command).folder, "1", "run").has_ended
