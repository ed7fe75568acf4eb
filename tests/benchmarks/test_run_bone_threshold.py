"""The benchmark of bone thresholds: a second run measures nothing twice, and heads are averaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks import run_bone_threshold
from benchmarks.bone_tables import THRESHOLDS
from benchmarks.result_table import read_results


def record(seed: int, kernel: str, slice_mm: float) -> dict[str, Any]:
    names = ("outer_mm", "inner_mm", "outer_p95_mm", "inner_p95_mm", "thin_excess_mm", "thin_kept_percent")
    errors = {f"t{name}": dict.fromkeys(names, 0.1 * seed) for name in THRESHOLDS}
    return {"seed": seed, "kernel": kernel, "slice_mm": slice_mm, "threshold_hu": 150.0 + seed, **errors}


def test_a_second_run_measures_what_is_missing_and_rows_are_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[tuple[int, str, float]] = []

    def measure(*key: Any) -> dict[str, Any]:
        measured.append(key)
        return record(*key)

    monkeypatch.setattr(run_bone_threshold, "measure", measure)
    options = ["-o", str(tmp_path), "--kernels", "soft", "--slices", "1"]
    run_bone_threshold.main([*options, "--seeds", "1"])
    run_bone_threshold.main([*options, "--seeds", "1,3", "--save", str(tmp_path / "r.json")])
    assert measured == [(1, "soft", 1.0), (3, "soft", 1.0)]
    (row,) = read_results(tmp_path / "r.json")["tables"]["errors"]
    assert (row["heads"], row["threshold_hu"]) == (2, 152.0)
    assert row["tauto"]["outer_mm"] == pytest.approx(0.2)
    assert capsys.readouterr().out.splitlines()[-1].startswith("| soft | 1.0 | +0.20 | ")
