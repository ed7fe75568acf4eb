"""run_theatre: the tables, and a run that goes on where it ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import run_theatre
from benchmarks.result_table import markdown
from benchmarks.theatre_tables import COLUMNS, design_rows, verb_rows

from meshimplant.spec.implant_spec import ImplantSpec


def record(spec: str, seconds: float, **more: object) -> dict:
    values = {"skull": "003", "spec": spec, "seconds": seconds, "exit_code": 0, "closed": True, "errors": []}
    return {**values, "warnings": [], "points": 5, "left_out": 0, "holes": 30, "mass_g": 26.0, **more}


def test_seconds_are_counted_over_the_plain_part() -> None:
    blocked = record("titanium", 70.0, warnings=["insertion.blocked"], errors=["fit.penetration"])
    plain, peek, titanium = design_rows([record("plain", 40.0), record("peek", 64.0), blocked])
    assert plain["added"] is None
    assert (peek["added"], peek["way"], peek["errors"]) == (24.0, "yes", "none")
    assert (titanium["way"], titanium["errors"]) == ("no", "fit.penetration")
    assert "| 003 | peek | 64 | 24 | yes | yes | none | 5 | 0 | 30 | 26.0 |" in markdown(
        COLUMNS["designs"], [peek]
    )
    verbs = [{"skull": s, "verb": "mark", "seconds": t, "exit_code": 0} for s, t in (("a", 3.0), ("b", 5.0))]
    assert verb_rows(verbs) == [{"verb": "mark", "parts": 2, "codes": "0", "seconds": 5.0}]


@pytest.mark.parametrize("name", run_theatre.SPECS)
def test_each_prescription_is_valid(name: str, tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(run_theatre.SPECS[name])
    spec = ImplantSpec.read(tmp_path / "spec.toml")
    assert (spec.fixation is None) == (name == "plain")


def test_a_second_run_does_only_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def design(skull: str, name: str, _: Path) -> dict:
        made.append(name)
        return record(name, 50.0, skull=Path(skull).stem)

    monkeypatch.setattr(run_theatre, "design", design)
    run_theatre.measure_missing(["003.nrrd"], ["plain"], tmp_path, with_verbs=False)
    found = run_theatre.measure_missing(["003.nrrd"], ["plain", "peek"], tmp_path, with_verbs=False)
    assert made == ["plain", "peek"]
    assert [each["spec"] for each in found] == ["plain", "peek"]
