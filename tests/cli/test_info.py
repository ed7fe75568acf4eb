"""info on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from shapes import joined, sphere

from meshimplant import write_mesh, write_volume


def test_info_tells_of_voxels_and_meshes(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(10, (0, 0, 100))
    write_volume(ball.mask((1.0, 1.5, 2.0)), tmp_path / "ball.nii.gz")
    told = cli("info", tmp_path / "ball.nii.gz", "--json").json
    assert told["kind"] == "voxels"
    assert told["spacing_mm"] == [1.0, 1.5, 2.0]
    assert told["nonzero_volume_mm3"] == pytest.approx(ball.volume_mm3, rel=0.05)
    write_mesh(joined(ball.mesh, sphere(3, (30, 0, 0)).mesh), tmp_path / "two.3mf")
    told = cli("info", tmp_path / "two.3mf", "--json").json
    assert told["kind"] == "mesh"
    assert told["watertight"] is True
    assert told["bodies"] == 2
    assert told["high_mm"][2] == pytest.approx(110, abs=0.1)
    assert "spacing_mm" in cli("info", tmp_path / "ball.nii.gz").out
