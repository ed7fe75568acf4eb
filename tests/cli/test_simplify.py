"""simplify on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from shapes import sphere

from meshimplant import read_mesh, write_mesh


def test_simplify_keeps_a_solid_within_the_budget(cli: Callable, tmp_path: Path) -> None:
    write_mesh(sphere(20).mesh, tmp_path / "fine.stl")
    budget = ("--max-faces", 4000, "--max-deviation-mm", 0.2, "--json")
    result = cli("simplify", tmp_path / "fine.stl", "-o", tmp_path / "coarse.stl", *budget)
    assert result.code == 0
    coarse = read_mesh(tmp_path / "coarse.stl")
    assert coarse.is_volume
    assert len(coarse.faces) == result.json["faces_after"] <= 4000 < result.json["faces_before"]
    assert np.abs(np.linalg.norm(coarse.vertices, axis=1) - 20).max() < 0.2
