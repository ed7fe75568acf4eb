"""link on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from meshimplant import read_volume, skull_phantom, write_volume


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("other") / "other.nrrd"
    write_volume(skull_phantom(spacing_mm=2.5, seed=6), path)
    return path


def test_link_lays_skulls_on_one_grid(cli: Callable, case, other: Path, tmp_path: Path) -> None:
    result = cli("link", case.complete, other, "-o", tmp_path / "set", "--spacing-mm", 4, "--json")
    assert result.code == 0
    volumes = [read_volume(tmp_path / "set" / name) for name in ("complete.nrrd", "other.nrrd")]
    assert [row["output"] for row in result.json["skulls"]] == ["complete.nrrd", "other.nrrd"]
    assert [list(v.shape) for v in volumes] == [result.json["shape"]] * 2
    assert all(np.allclose(v.spacing_mm, 4) for v in volumes)
    small = cli(
        "link", case.complete, "-o", tmp_path / "small", "--spacing-mm", 4, "--shape", 32, 40, 16,
        "--axes", "scanner", "--json",
    )  # fmt: skip
    assert small.code == 0
    assert small.json["shape"] == [32, 40, 16]
    assert 0 < small.json["skulls"][0]["outside_fraction"] < 1
    again = cli("link", other, "-o", tmp_path / "set", "--spacing-mm", 8, "--force", "--json")
    assert again.code == 0
    assert again.json["other_files"] == ["complete.nrrd"]
    assert np.allclose(read_volume(tmp_path / "set" / "other.nrrd").spacing_mm, 8)
    twice = cli("link", other, other, "-o", tmp_path / "twice")
    assert twice.code == 2
    assert "with different names" in twice.err
    assert not (tmp_path / "twice").exists()
