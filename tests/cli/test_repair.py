"""repair on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from shapes import plain_mesh, sphere

from meshimplant import read_mesh, write_mesh


def test_repair_closes_a_hole_and_reports_how(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(20).mesh
    write_mesh(plain_mesh(ball.vertices, ball.faces[1:]), tmp_path / "open.stl")
    result = cli("repair", tmp_path / "open.stl", "-o", tmp_path / "closed.stl", "--json")
    assert result.code == 0
    assert result.json["method"]
    assert result.json["actions"]
    mended = read_mesh(tmp_path / "closed.stl")
    assert mended.is_volume
    assert mended.volume == pytest.approx(ball.volume, rel=1e-3)
