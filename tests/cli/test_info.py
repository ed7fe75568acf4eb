"""info on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from shapes import joined, sphere

from meshimplant import write_mesh, write_volume


def test_info_describes_voxels_and_meshes(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(10, (0, 0, 100))
    write_volume(ball.mask((1.0, 1.5, 2.0)), tmp_path / "ball.nii.gz")
    result = cli("info", tmp_path / "ball.nii.gz", "--json").json
    assert result["kind"] == "voxels"
    assert result["spacing_mm"] == [1.0, 1.5, 2.0]
    assert result["nonzero_volume_mm3"] == pytest.approx(ball.volume_mm3, rel=0.05)
    write_mesh(joined(ball.mesh, sphere(3, (30, 0, 0)).mesh), tmp_path / "two.3mf")
    result = cli("info", tmp_path / "two.3mf", "--json").json
    assert result["kind"] == "mesh"
    assert result["watertight"] is True
    assert result["bodies"] == 2
    assert result["high_mm"][2] == pytest.approx(110, abs=0.1)
    assert ["spacing", "1,", "1.5,", "2", "mm"] in [
        line.split() for line in cli("info", tmp_path / "ball.nii.gz").out.splitlines()
    ]
