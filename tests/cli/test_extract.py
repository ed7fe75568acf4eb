"""extract on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh
from shapes import sphere

from meshimplant import read_mesh, write_volume


def test_extract_keeps_the_place_and_takes_a_level_and_a_frame(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(10, (30, -40, 50))
    write_volume(ball.field(1.0), tmp_path / "ball.nrrd")
    assert cli("extract", tmp_path / "ball.nrrd", "-o", tmp_path / "a.ply").code == 0
    assert cli("extract", tmp_path / "ball.nrrd", "-o", tmp_path / "b.ply", "--level", 2).code == 0
    assert cli("extract", tmp_path / "ball.nrrd", "-o", tmp_path / "c.ply", "--frame", "RAS").code == 0
    radius = [
        np.linalg.norm(read_mesh(tmp_path / n).vertices - (30, -40, 50), axis=1) for n in ("a.ply", "b.ply")
    ]
    assert np.abs(radius[0] - 10).max() < 0.1
    assert np.abs(radius[1] - 8).max() < 0.1
    numbers = trimesh.load_mesh(tmp_path / "c.ply").vertices.mean(axis=0)
    assert np.allclose(numbers, (-30, 40, 50), atol=0.5)
    assert np.allclose(read_mesh(tmp_path / "c.ply").vertices.mean(axis=0), (30, -40, 50), atol=0.5)
