"""Batches on real worker processes: limits, deaths, interruption, and results for any number of workers."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batch_commands import act, begun

from meshimplant.batch.batch_summary import RUN_FIELDS, BatchSummary
from meshimplant.batch.find_cases import find_cases
from meshimplant.batch.run_batch import BatchLimits, run_batch
from meshimplant.batch.run_jobs import Tally
from meshimplant_cli.main import run

CASES = {
    "a-good": "ok",
    "b-sleeps": "sleep",
    "c-fills": "fill",
    "d-dies": "die",
    "e-dies-once": "die-once",
    "f-refuses": "refuse",
    "g-fails": 'ok {"verdict": "failed"}',
    "h-good": "ok",
}


def without_times(summary: dict) -> dict:
    """Return a summary without what differs from run to run."""
    cases = [{k: v for k, v in case.items() if k not in RUN_FIELDS} for case in summary["cases"]]
    return {**summary, "cases": cases, "run": None}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    for name, what in CASES.items():
        (folder / f"{name}.stl").write_text(what)
    return folder


@pytest.fixture(scope="module")
def ran(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BatchSummary, list[Tally]]:
    """Run all kinds of cases on two workers."""
    output = tmp_path_factory.mktemp("batch") / "out"
    tallies: list[Tally] = []
    summary = run_batch(
        find_cases(inputs, verb="check").cases,
        output,
        command=act,
        verb="check",
        limits=BatchLimits(workers=2, memory_gb=0.6, time_s=4.0),
        progress=lambda tally: tallies.append(Tally(**vars(tally))),
    )
    return output, summary, tallies


def test_one_bad_case_never_stops_the_rest(ran: tuple[Path, BatchSummary, list[Tally]]) -> None:
    _, summary, tallies = ran
    found = {case.name: (case.outcome, case.error) for case in summary.cases}
    assert found == {
        "a-good": ("passed", ""),
        "b-sleeps": ("not done", "TimeLimit"),
        "c-fills": ("not done", "MemoryLimit"),
        "d-dies": ("not done", "WorkerDied"),
        "e-dies-once": ("passed", ""),
        "f-refuses": ("not done", "EmptyMaskError"),
        "g-fails": ("failed", ""),
        "h-good": ("passed", ""),
    }
    assert summary.counts == {"not done": 4, "failed": 1, "passed": 3}
    assert [(tallies[0].left, tallies[-1].left), (tallies[-1].done, tallies[-1].failed)] == [(8, 0), (4, 4)]
    assert tallies[0].seconds_left is None
    assert tallies[-1].seconds_left == 0


def test_what_died_is_begun_once_more_and_what_went_beyond_a_limit_is_not(
    inputs: Path, ran: tuple[Path, BatchSummary, list[Tally]]
) -> None:
    times = {name: len(begun(inputs, name)) for name in CASES}
    assert times == dict.fromkeys(CASES, 1) | {"d-dies": 2, "e-dies-once": 2}
    attempts = {case.name: case.attempts for case in ran[1].cases}
    assert attempts == times


@pytest.mark.usefixtures("ran")
def test_workers_compute_on_one_thread_and_this_process_is_left_as_it_was(inputs: Path) -> None:
    lines = [line.split() for name in CASES for line in begun(inputs, name)]
    assert {threads for _, threads in lines} == {"1"}
    assert str(os.getpid()) not in {pid for pid, _ in lines}
    assert "MALLOC_TRIM_THRESHOLD_" not in os.environ


def test_the_summary_names_every_failure(ran: tuple[Path, BatchSummary, list[Tally]]) -> None:
    output, summary, _ = ran
    rows = list(csv.DictReader((output / "summary.csv").read_text().splitlines()))
    assert [row["case"] for row in rows] == [case.name for case in summary.cases]
    assert [row["outcome"] for row in rows] == ["not done"] * 4 + ["failed"] + ["passed"] * 3
    messages = {row["case"]: row["message"] for row in rows}
    assert "within 4 s" in messages["b-sleeps"]
    assert "at most 0.6 GB" in messages["c-fills"]
    assert "died 2 times" in messages["d-dies"]
    assert json.loads((output / "summary.json").read_text()) == summary.to_dict()
    assert "died 2 times" in (output / "summary.html").read_text()
    assert sorted(path.name for path in output.iterdir()) == [
        *(".batch", "summary.csv", "summary.html", "summary.json")
    ]
    assert sorted(path.name for path in (output / ".batch").iterdir()) == [f"{name}.json" for name in CASES]


def test_a_second_run_takes_over_what_cannot_change_and_one_worker_finds_the_same(
    inputs: Path, ran: tuple[Path, BatchSummary, list[Tally]]
) -> None:
    output, first, _ = ran
    for name in ("b-sleeps", "c-fills", "d-dies"):
        (inputs / f"{name}.stl").write_text("ok")
    second = run_batch(
        find_cases(inputs, verb="check").cases,
        output,
        command=act,
        verb="check",
        limits=BatchLimits(workers=1),
    )
    assert second.counts == {"not done": 1, "failed": 1, "passed": 6}
    assert second.run["kept"] == 5
    again = {name: len(begun(inputs, name)) for name in CASES}
    assert again == {**dict.fromkeys(CASES, 1), "b-sleeps": 2, "c-fills": 2, "d-dies": 3, "e-dies-once": 2}
    whole = {case.name: case for case in first.cases}
    for case in second.cases:
        if again[case.name] == 1:
            assert case == whole[case.name]


#: Runs `convert` on a folder, in a process that can be killed.
_RUN = """
import signal, sys
from meshimplant_cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
if __name__ == "__main__":
    main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking")
def test_a_killed_and_then_interrupted_batch_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    from shapes import sphere

    from meshimplant import write_mesh

    folder, program = tmp_path / "in", tmp_path / "program.py"
    folder.mkdir()
    program.write_text(_RUN)
    for number in range(12):
        write_mesh(sphere(10.0 + number, subdivisions=4).mesh, folder / f"{number:02}.stl")
    (folder / "05.stl").write_bytes((folder / "05.stl").read_bytes()[:2000])
    words = ["batch", str(folder), "--verb", "convert", "--ending", ".ply", "--json"]
    line = [sys.executable, str(program), *words, "-o", str(tmp_path / "out"), "--workers", "1"]
    for sent in (signal.SIGKILL, signal.SIGINT):
        records = len(list((tmp_path / "out").glob(".batch/*.json")))
        with subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as started:
            while (
                len(list((tmp_path / "out").glob(".batch/*.json"))) < records + 2 and started.poll() is None
            ):
                time.sleep(0.01)
            if sent == signal.SIGINT:
                os.killpg(started.pid, sent)  # as a terminal sends it: to the workers, too
            else:
                started.send_signal(sent)
            _, err = started.communicate(timeout=60)
        assert started.returncode == (130 if sent == signal.SIGINT else -sent)
        if sent == signal.SIGINT:
            assert err == "meshimplant: stopped\n"
    interrupted = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert interrupted["counts"]["not run"] > 0
    written = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.ply")}
    cases = find_cases(folder, verb="convert").cases
    done, undisturbed = (
        run_batch(
            cases,
            tmp_path / name,
            command=run,
            verb="convert",
            ending=".ply",
            limits=BatchLimits(workers=workers),
        )
        for name, workers in (("out", 2), ("undisturbed", 1))
    )
    assert without_times(done.to_dict()) == without_times(undisturbed.to_dict())
    assert done.counts == {"not done": 1, "done": 11}
    assert done.run["kept"] >= 4
    for name, since in written.items():
        if json.loads((tmp_path / "out" / ".batch" / f"{name[:2]}.json").read_text())["files"]:
            assert (tmp_path / "out" / name).stat().st_mtime_ns >= since
    for path in (tmp_path / "undisturbed").glob("*.ply"):
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()
