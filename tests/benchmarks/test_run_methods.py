"""The benchmark of methods: names of methods, resuming from the log, and the tables, on made-up records."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from benchmarks import run_methods, shared_heads
from benchmarks.method_tables import KINDS, VIRTUAL, detail_tables, summary_table
from benchmarks.run_methods import (
    Method,
    measure_missing,
    opening_covered,
    read_method,
    read_records,
    reconstruct_all,
)

import meshimplant
from meshimplant import Volume, write_volume
from meshimplant.datasets.kinds import CLINICAL
from meshimplant.datasets.skullfix import list_skullfix
from meshimplant.errors import InputError, NoDefectError
from meshimplant.head.mean_vault import VaultMean

NOTHING = {"dice": 0.0, "border_dice": 0.0, "hausdorff95_mm": None, "coverage_fraction": 0.0}


def record(
    case: str, kind: str, method: str = "mirror", *, dice: float = 0.9, **changes: Any
) -> dict[str, Any]:
    good = {
        "case": case, "kind": kind, "method": method, "seconds": 12.0, "cpu_s": 10.0, "peak_gb": 0.8,
        "error": "", "details": {}, "opening_covered_fraction": 0.99,
        "metrics": {"dice": dice, "border_dice": 0.92, "hausdorff95_mm": 1.5, "coverage_fraction": 0.97},
        "surfaces": {
            f"{surface}_{name}_mm": value
            for surface, reach in (("outer", 1.2), ("inner", 2.4), ("rim", 0.4))
            for name, value in (("bias", -0.5), ("rms", 0.5), ("p95", 0.5), ("protrusion", reach))
        },
    }  # fmt: skip
    return good | changes


def refusal(case: str, kind: str) -> dict[str, Any]:
    return record(
        case, kind, metrics=NOTHING, surfaces={}, error="no defect found", opening_covered_fraction=0.0
    )


def test_kinds_are_told_apart_and_refusals_count() -> None:
    text = detail_tables([record("003", "skullfix"), record("003", "random_1"), refusal("012", "random_1")])
    row = "| `mirror` | challenge defect | 1 | 0.900 (0.900 to 0.900) | 0.920 | 1.50 | 0.900 (`003`)"
    assert f"{row} | 97.0 | 99.0 | 2.4 | 10 | 0.8 |" in text
    assert "| `mirror` | random_1 | 2 | 0.450 (0.000 to 0.900) |" in text
    assert "| 1.50 | 0.000 (`012`) | 0.0 | 0.0 |" in text
    assert "| `mirror` | random_1 | -0.50, 0.50, 1.2 | -0.50, 0.50, 2.4 | -0.50, 0.50, 0.4 |" in text
    assert "the five kinds" not in text
    assert "Refused: `012` random_1 mirror: no defect found." in text
    assert "Refused: none." in detail_tables([record("003", "skullfix")])


def test_the_five_kinds_are_resampled_by_skull() -> None:
    """Five defects in each of two heads are two draws, not ten: the interval spans both heads."""
    records = [
        record(case, kind, dice=dice) for case, dice in (("003", 0.9), ("012", 0.7)) for kind in VIRTUAL
    ]
    assert "| `mirror` | the five kinds | 10 | 0.800 (0.700 to 0.900) |" in detail_tables(records)


def test_the_summary_has_one_row_per_method_and_says_what_is_missing() -> None:
    records = [record(case, kind) for case in ("003", "012") for kind in KINDS]
    records += [record("003", kind, "template-10", dice=0.8) for kind in KINDS]
    records += [refusal("018", "bilateral"), record("003", "skullfix", "old", surfaces={"outer_rms_mm": 0.5})]
    head, rule, *rows = summary_table(records).splitlines()
    titles = ["challenge defect", *VIRTUAL, "the five kinds", *CLINICAL, "the five of clinics"]
    assert [cell.strip() for cell in head.split("|")[2:15]] == titles
    assert {row.count("|") for row in (head, *rows)} == {rule.count("|")}
    mirror, template, old = ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows)
    assert mirror[:3] == ["`mirror`", "0.900 / 0.920 / 1.50", "0.600 / 0.613 / 1.50"]
    assert mirror[-5:] == ["0.0", "2.4", "10", "0.8", "1"]
    assert mirror[-6] == "0.0"
    assert template[:3] == ["`template-10`", "0.800 / 0.920 / 1.50 (1 of 2)", "0.800 / 0.920 / 1.50 (1 of 3)"]
    assert template[7] == "0.800 / 0.920 / 1.50 (5 of 11)"
    assert template[13] == "0.800 / 0.920 / 1.50 (5 of 10)"
    assert (old[1], old[2], old[7], old[16]) == ("0.900 / 0.920 / 1.50 (1 of 2)", "-", "-", "-")


def test_a_method_is_a_short_string(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_method("mirror") == Method("mirror", "mirror")
    assert read_method("template-10") == Method("template-10", "template", 10)
    assert read_method("template-open") == Method("template-open", "template", "open")
    options = read_method("template-1+level=0.5+bodies=2").options
    assert options == {"level": 0.5, "bodies": 2}
    assert read_method("template+blend=off").options == {"blend": False}
    with pytest.raises(InputError, match=r"expected options among .*, got sharp in 'template\+sharp=off'"):
        read_method("template+sharp=off")

    def reconstruct(
        defective: Volume, *, method: str, template: Any, blend: bool = True, by: str = ""
    ) -> None: ...

    monkeypatch.setattr(meshimplant, "reconstruct", reconstruct)
    assert read_method("template+blend=off+by=hand").options == {"blend": False, "by": "hand"}
    for wrong, words in (
        ("guess", "a method among .* got 'guess'"),
        ("template-0", "a mean of one skull or more"),
    ):
        with pytest.raises(InputError, match=words):
            read_method(wrong)
    assert [read_method(label).label for label in run_methods.METHODS] == list(run_methods.METHODS)


def skull_on_disk(root: Path) -> Any:
    """A slab with a square hole, laid out like SkullFix; return its case."""
    complete = np.zeros((30, 30, 12), np.uint8)
    complete[2:28, 2:28, 4:8] = 1
    implant = np.zeros_like(complete)
    implant[8:22, 8:22, 4:8] = 1
    for name, mask in (("complete_skull", complete), ("implant", implant)):
        (root / name).mkdir(parents=True)
        write_volume(Volume(mask, np.eye(4)), root / name / "003.nrrd")
    return list_skullfix(root)[0]


def test_one_reconstruction_is_measured_with_its_options_and_a_refusal_is_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = skull_on_disk(tmp_path / "skullfix")
    _, truth = run_methods.defect(case, "skullfix")
    seen: dict[str, Any] = {}

    def reconstruct(defective: Volume, *, method: str, template: Any, blend: bool = True) -> Any:
        if method == "mirror":
            raise NoDefectError("no hole")
        seen.update(method=method, blend=blend, template=template)
        grown = (truth.array & (defective.array == 0)).astype(np.uint8)
        grown[8:22, 8:22, 8:11] = 1
        return SimpleNamespace(mask=truth.with_array(grown), completion=None, inside_mm=np.zeros(3))

    monkeypatch.setattr(meshimplant, "reconstruct", reconstruct)
    found, refused = reconstruct_all(tmp_path, case, "skullfix", ["template+blend=off", "mirror"])
    assert seen == {"method": "template", "blend": False, "template": None}
    assert (found["case"], found["kind"], found["method"], found["error"]) == (
        *("003", "skullfix", "template+blend=off", ""),
    )
    assert found["metrics"]["dice"] == pytest.approx(8 / 11)
    assert found["metrics"]["protrusion_mm"] == found["surfaces"]["outer_protrusion_mm"] == 3.0
    assert (refused["error"], refused["surfaces"], refused["metrics"]["dice"]) == ("no hole", {}, 0.0)
    json.dumps([found, refused], allow_nan=False)
    assert "3.0" in summary_table([found, refused])


def test_a_head_is_laid_once_for_all_methods_and_its_cost_counts_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laid: list[Any] = []

    def locate_openings(_skull: Any, mean: Any) -> Any:
        laid.append(mean)
        return object()

    monkeypatch.setattr(shared_heads.completion, "locate_openings", locate_openings)
    heads, one, other = shared_heads.SharedHeads(), cast(VaultMean, object()), cast(VaultMean, object())
    skull = Volume(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    first = heads.lay(skull, one)
    assert heads.saved == []
    assert heads.lay(skull, other) is not first
    assert heads.lay(skull, None) is not first
    assert heads.lay(skull, one) is first
    assert laid == [one, other, None]
    assert [set(cost) for cost in heads.saved] == [{"wall_s", "cpu_s", "peak_mb"}]


def test_the_opening_is_covered_as_seen_from_inside_however_thin_the_reconstruction() -> None:
    truth = np.zeros((40, 40, 40), np.uint8)
    truth[5:35, 5:35, 30:36] = 1
    thin, half = np.zeros_like(truth), np.zeros_like(truth)
    thin[5:35, 5:35, 35] = 1
    half[:20, :, :] = truth[:20, :, :]
    centre = np.array([19.5, 19.5, -60.0])
    covered = [opening_covered(Volume(m, np.eye(4)), Volume(truth, np.eye(4)), centre) for m in (thin, half)]
    assert covered[0] == pytest.approx(1.0, abs=0.08)
    assert covered[1] == pytest.approx(0.5, abs=0.05)


def test_a_second_run_does_what_is_missing_and_what_broke(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "methods.jsonl"
    wanted = [(case, "skullfix", "mirror") for case in ("003", "012", "018")]
    done: list[str] = []
    broken = {"012"}

    def work(case: str, kind: str, labels: list[str]) -> list[dict[str, Any]]:
        done.append(case)
        if case in broken:
            raise MemoryError("none left")
        return [record(case, kind, label) for label in labels]

    assert list(measure_missing(wanted, log, work)) == [wanted[0], wanted[2]]
    assert "012 skullfix: failed: MemoryError('none left')" in capsys.readouterr().err
    with log.open("a") as out:
        out.write('{"case": "027", "ki')  # a run that was stopped in the middle of a line
    broken.clear()
    done.clear()
    assert list(measure_missing(wanted, log, work)) == wanted
    assert done == ["012"]
    assert set(read_records(log)) == set(wanted)
    assert len(log.read_text().splitlines()) == 3
    log.write_text("{\n" + log.read_text())
    with pytest.raises(InputError, match=r"expected JSON on line 1 of methods\.jsonl"):
        read_records(log)


def test_tables_of_what_is_there_need_no_skulls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "methods.jsonl").write_text(json.dumps(record("003", "skullfix")) + "\n")
    line = ["run_methods.py", "nowhere", "-o", str(tmp_path), "--tables", "--methods", "mirror"]
    monkeypatch.setattr(sys, "argv", [*line, "--cases", "003", "--kinds", "skullfix"])
    assert run_methods.main() == 0
    assert "| `mirror` | 0.900 / 0.920 / 1.50 |" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", line)
    assert run_methods.main() == 1
    assert "1 of 165 reconstructions" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*line[:-1], "guess"])
    with pytest.raises(SystemExit, match="2"):
        run_methods.main()
