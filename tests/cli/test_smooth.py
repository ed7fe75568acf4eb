"""smooth on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shapes import plain_mesh, sphere

from meshimplant import read_mesh, write_mesh


def test_smooth_removes_the_noise_and_keeps_the_volume(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(20).mesh
    rough = plain_mesh(
        ball.vertices + np.random.default_rng(0).normal(0, 0.1, ball.vertices.shape), ball.faces
    )
    write_mesh(rough, tmp_path / "rough.ply")
    result = cli("smooth", tmp_path / "rough.ply", "-o", tmp_path / "fine.ply", "--json")
    assert result.code == 0
    before, after = (
        np.linalg.norm(read_mesh(tmp_path / name).vertices, axis=1) for name in ("rough.ply", "fine.ply")
    )
    assert after.std() < before.std() / 3
    assert result.json["volume_after_mm3"] == pytest.approx(ball.volume, rel=0.005)
