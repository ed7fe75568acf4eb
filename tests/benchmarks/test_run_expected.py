"""run_expected: the tables of expected and true errors, and a run that goes on where it ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks import run_expected
from benchmarks.expected_tables import ALL, COLUMNS, expected_rows, method_rows, rank_correlation
from benchmarks.result_table import markdown

from meshimplant.datasets.case import Case
from meshimplant.errors import InputError


def record(case: str, kind: str, expected: float, true: float, *, held: bool = True) -> dict:
    errors = {"ssm": true, "ssm-loose": 1.0, "template": 2.0, "mirror": 3.0}
    if not held:
        errors["mixture"] = true
    return {
        "case": case,
        "kind": kind,
        "expected_mm": expected,
        "true_mm": true,
        "held": held,
        "errors_mm": errors,
    }


RECORDS = [
    record("001", "skullfix", 0.5, 0.4),
    record("002", "skullfix", 0.7, 1.6),
    record("001", "bifrontal", 1.2, 1.0, held=False),
]


def test_expected_and_true_errors_are_compared_by_kind_and_over_all() -> None:
    challenge, bifrontal, everything = expected_rows(RECORDS)
    assert challenge == {
        "kind": "challenge defect",
        "defects": 2,
        "expected_mm": 0.6,
        "true_mm": 1.0,
        "ratio": 0.6,
        "rank": None,
        "beyond": 1,
    }
    assert (bifrontal["kind"], bifrontal["beyond"]) == ("bifrontal", 0)
    assert (everything["kind"], everything["defects"], everything["rank"]) == (ALL, 3, 0.5)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == -1


def test_methods_are_compared_apart_on_heads_that_the_shape_model_holds() -> None:
    held, others = method_rows(RECORDS)
    assert (held["defects"], held["auto"], held["before"], held["mirror"]) == (2, 1.0, 1.0, 3.0)
    assert (others["defects"], others["auto"], others["before"], others["ssm_loose"]) == (1, 1.0, 2.0, 1.0)
    assert "| not held | 1 | 1.00 | 2.00 |" in markdown(COLUMNS["methods"], [others])
    assert len(method_rows(RECORDS[:2])) == 1


def test_a_run_goes_on_where_it_ended_and_a_refused_head_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [Case(name, None, None, None, "", name, "skullfix") for name in ("001", "002", "003")]
    measured: list[str] = []

    def measure(case: Case, kind: str) -> dict:
        measured.append(case.name)
        if case.name == "003":
            raise InputError("no head of the population")
        return record(case.name, kind, 1.0, 1.0)

    monkeypatch.setattr(run_expected, "measure", measure)
    log = tmp_path / "results" / "expected.jsonl"
    assert run_expected.measure_missing(cases, ["random"], log, seconds=-1.0) == []
    first = run_expected.measure_missing(cases[:1], ["random"], log, seconds=60)
    both = run_expected.measure_missing(cases, ["random"], log, seconds=60)
    assert [one["case"] for one in first] == ["001"]
    assert [one["case"] for one in both] == ["001", "002"]
    assert measured == ["001", "002", "003"]
    assert len([json.loads(line) for line in log.read_text().splitlines()]) == 2
