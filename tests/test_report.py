"""The report: whatever is measured becomes valid JSON, and one error finding is enough to fail."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from meshimplant.report import CRITERIA_NOTE, SCHEMA_VERSION, Criterion, Finding, Report, Step, verdict_of


def _finding(severity) -> Finding:
    return Finding(
        "solid.boundary_edges", severity, "3 open edges: run repair.", 3, 0, "edges", (1.0, -2.0, 3.5)
    )


@pytest.mark.parametrize(
    ("severities", "verdict"),
    [
        ([], "passed"),
        (["info"], "passed"),
        (["info", "warning"], "passed with warnings"),
        (["warning", "error"], "failed"),
        (["error", "info"], "failed"),
    ],
)
def test_the_worst_finding_is_the_verdict(severities, verdict):
    report = Report(measures={"volume_mm3": 1.0})
    report.add(_finding(severity) for severity in severities)
    assert report.verdict == verdict_of(report.findings) == verdict
    assert report.passed is (verdict != "failed")
    assert (report.to_dict()["verdict"], report.to_dict()["passed"]) == (verdict, report.passed)
    assert [entry["severity"] for entry in report.to_dict()["findings"]] == severities


def test_what_was_not_measured_has_no_verdict_unless_it_failed():
    report = Report()
    report.add([_finding("warning")])
    assert report.verdict is None
    report.add([_finding("error")])
    assert report.verdict == "failed"


def test_every_section_is_in_the_json_with_version_frame_and_unit():
    report = Report(
        method={"name": "mirror", "why": "healthy side present"},
        spec={"thickness_mm": 4.0},
        measures={"gap_mm": {"median": 0.8}},
        inputs=[{"name": "skull.nrrd", "sha256": "ab"}],
        outputs=[{"name": "implant.stl", "sha256": "cd"}],
        versions={"numpy": "2"},
        seed=7,
        steps=[Step("smooth", {"iterations": 40}, 0.25, 100.0, 99.5, ("two passes",), 812.5)],
        findings=[_finding("warning")],
        criteria=[Criterion("fit", None, "1 it fits, 0 it does not", ("gap_p95_mm",), "not measured")],
    )
    read = json.loads(report.to_json())
    assert (read["schema_version"], read["frame"], read["unit"]) == (SCHEMA_VERSION, "LPS", "mm")
    assert read["steps"] == [
        {
            "name": "smooth",
            "parameters": {"iterations": 40},
            "seconds": 0.25,
            "volume_before_mm3": 100.0,
            "volume_after_mm3": 99.5,
            "notes": ["two passes"],
            "process_peak_mb": 812.5,
        }
    ]
    assert read["criteria"]["note"] == CRITERIA_NOTE
    assert read["criteria"]["rated"] == [
        {
            "name": "fit",
            "score": None,
            "scale": "1 it fits, 0 it does not",
            "measures": ["gap_p95_mm"],
            "reason": "not measured",
        }
    ]
    assert read["findings"][0]["location_mm"] == [1.0, -2.0, 3.5]
    assert (read["findings"][0]["value"], read["findings"][0]["limit"]) == (3, 0)
    for name in ("method", "spec", "measures", "inputs", "outputs", "versions", "seed"):
        assert read[name] == getattr(report, name)


def test_numpy_values_and_infinities_become_plain_json():
    measures = {
        "array": np.arange(3, dtype=np.float32),
        "grid": np.eye(2, dtype=np.int16),
        "one": np.float64(1.23456789),
        "whole": np.int64(5),
        "flag": np.bool_(True),
        "nothing": None,
        "bad": [float("nan"), np.float32("inf"), -np.inf, {"deep": np.nan}],
        "pair": (1, 2.0),
        3: "a key that is no text",
        "yes": True,
    }
    read = json.loads(Report(measures=measures).to_json())["measures"]
    assert read == {
        "array": [0, 1, 2],
        "grid": [[1, 0], [0, 1]],
        "one": 1.234568,
        "whole": 5,
        "flag": True,
        "nothing": None,
        "bad": [None, None, None, {"deep": None}],
        "pair": [1, 2.0],
        "3": "a key that is no text",
        "yes": True,
    }
    assert type(read["flag"]) is bool
    assert type(read["yes"]) is bool
    assert np.isnan(measures["bad"][0])  # the input is not edited


def test_the_same_report_gives_the_same_text():
    assert Report(seed=3).to_json() == Report(seed=3).to_json()
    assert Report().to_json().endswith("}\n")


def test_lists_are_not_shared_between_reports():
    first = Report()
    first.add([_finding("error")])
    first.measures["x"] = 1
    assert Report().findings == []
    assert Report().measures == {}


def test_findings_and_steps_are_frozen():
    with pytest.raises(FrozenInstanceError):
        _finding("info").severity = "error"
    with pytest.raises(FrozenInstanceError):
        Step("trim").name = "smooth"


def _message_parts(function: ast.AST) -> Iterator[ast.FormattedValue]:
    """Yield what is put into the messages of the findings that a function makes."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Finding"]
    messages = [call.args[2] for call in made if len(call.args) > 2]
    names = {message.id for message in messages if isinstance(message, ast.Name)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and {ast.unparse(target) for target in node.targets} & names:
            messages.append(node.value)
    for message in messages:
        yield from (part for part in ast.walk(message) if isinstance(part, ast.FormattedValue))


def test_no_finding_holds_the_name_of_a_file_which_may_be_a_patients() -> None:
    parts, found = 0, []
    for path in sorted((Path(__file__).parents[1] / "meshimplant").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for part in _message_parts(function) if isinstance(function, ast.FunctionDef) else ():
                parts += 1
                text = ast.unparse(part.value)
                if text == "name" or ".name" in text or "path" in text:
                    found.append(f"{path.name}:{part.lineno} {text}")
    assert parts > 30
    assert found == []
