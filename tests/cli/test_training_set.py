"""training-set on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from meshimplant import skull_phantom, write_volume

CONFIG = """
[data]
channels = ["defective", "opening", "prior"]
[coarse]
widths = [2, 4]
[training.coarse]
steps = 4
batch = 1
every = 2
checkpoint = 2
warmup = 1
"""


@pytest.fixture(scope="module")
def skulls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two complete skulls, laid out like MUG500+."""
    folder = tmp_path_factory.mktemp("data") / "skulls"
    for number in (1, 2):
        name = f"A000{number}"
        (folder / name).mkdir(parents=True)
        write_volume(skull_phantom(spacing_mm=2.0, seed=number), folder / name / f"{name}.nrrd")
    return folder


def test_skulls_become_a_training_set_and_that_a_network(cli: Callable, skulls: Path, tmp_path: Path) -> None:
    store, run, config = tmp_path / "store", tmp_path / "run", tmp_path / "tiny.toml"
    made = cli("training-set", skulls, "-o", store, "--defects-per-skull", 1, "--tuning", 1, "--json")
    assert made.code == 0, made.err
    assert made.json == {"output": "store", "skulls": 2, "training": 1, "tuning": 1}
    config.write_text(CONFIG)
    stopped = cli("train", config, store, "-o", run, "--minutes", 1e-6, "--json")
    assert stopped.code == 0, stopped.err
    assert (stopped.json["steps"], stopped.json["finished"]) == (1, False)
    again = cli("train", config, store, "-o", run)
    assert again.code == 1
    assert "resume it" in again.err
    done = cli("train", config, store, "-o", run, "--resume", "--json")
    assert done.code == 0, done.err
    assert (done.json["output"], done.json["steps"], done.json["finished"]) == ("tiny.npz", 4, True)
    assert 0.7 < done.json["scores"]["dice"] <= 1
    assert (run / "tiny.npz").stat().st_size < 20_000
