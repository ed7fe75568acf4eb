"""The benchmark of networks: its table, and a second run that measures nothing twice."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from benchmarks import run_networks, score_networks
from heads import shell_store

from meshimplant.networks.architectures import build_coarse, build_fine
from meshimplant.networks.config import Stage, config_from
from meshimplant.networks.training_loop import train


def record(name: str) -> dict[str, Any]:
    cost = {"wall_s": 30.0, "cpu_s": 24.0, "peak_mb": 1024.0}
    return {
        "network": name, "coarse": "none", "fine": "patch-unet", "parameters": 313_000, "file_mb": 0.6,
        "use": {"network_s": 3.7, **cost}, "training": {"fine": {"step_s": 0.5, "peak_mb": 512.0}},
    }  # fmt: skip


def test_a_second_run_measures_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[str] = []

    def in_own_process(_function: Any, name: str, _asked: Any) -> dict[str, Any]:
        measured.append(name)
        return record(name)

    monkeypatch.setattr(run_networks, "in_own_process", in_own_process)
    run_networks.main(["-o", str(tmp_path), "--configs", "patches"])
    run_networks.main(["-o", str(tmp_path), "--configs", "points,patches"])
    assert measured == ["patches", "points"]
    lines = capsys.readouterr().out.splitlines()[-2:]
    assert lines[1] == "| `patches` | patch-unet | 313 k | 0.6 | 3.7 | 30 (24) | 1.0 | fine 0.50, 0.5 |"


def test_steps_of_both_stages_are_measured(tmp_path: Path) -> None:
    shell_store(tmp_path / "store", training=1, tuning=0, excess_mm=1.0)
    data = {"channels": ["defective", "opening", "prior"]}
    config = config_from({"data": data, "coarse": {"widths": [4]}, "fine": {"widths": [4]}})
    modules: dict[Stage, Any] = {"coarse": build_coarse(config), "fine": build_fine(config)}
    options = argparse.Namespace(store=tmp_path / "store", device="cpu", steps=1)
    found = run_networks.learn(config, modules, options, tmp_path / "run")
    assert set(found) == {"coarse", "fine"}
    assert all(one["step_s"] > 0 for one in found.values())


def test_scores_are_told_by_kind_beside_what_is_corrected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = shell_store(tmp_path / "store", training=1, tuning=1, excess_mm=1.0)
    data = {"channels": ["defective", "opening", "prior"]}
    tables = {"data": data, "coarse": {"widths": [4]}, "training": {"coarse": {"steps": 1, "batch": 1}}}
    train(config_from(tables), store, tmp_path / "run")
    score_networks.main([str(store.folder), str(tmp_path / "run")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| run | steps | minutes | random | all |"
    assert lines[2].startswith("| `run` | 1 | 0 | ")
    assert lines[2].endswith(" of 1 |")
    assert lines[3].startswith("| what they correct: prior | - | - | ")
    with pytest.raises(SystemExit, match="expected a run of meshimplant train in nothing, got none"):
        score_networks.main([str(store.folder), str(tmp_path / "nothing")])
