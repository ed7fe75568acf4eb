"""plug on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drilled import NARROW, WIDE, drilled

from meshimplant import read_mesh, write_volume


def test_plug_closes_each_burr_hole(cli: Callable, tmp_path: Path) -> None:
    write_volume(drilled(NARROW, WIDE), tmp_path / "skull.nrrd")
    (tmp_path / "s.toml").write_text("clearance_mm = 0.5\nthickness_mm = 3\n")
    over = ("--spec", tmp_path / "s.toml", "--thickness-mm", 3.5)
    result = cli("plug", tmp_path / "skull.nrrd", "-o", tmp_path / "plugs", *over, "--json")
    assert result.code == 0
    assert sorted(p.name for p in (tmp_path / "plugs").iterdir()) == ["plug-1.stl", "plug-2.stl", "plugs.3mf"]
    for number, (drill, told) in enumerate(zip((WIDE, NARROW), result.json["plugs"], strict=True), 1):
        assert told["hole"]["diameter_mm"] == pytest.approx(drill.width_mm, abs=0.4)
        assert told["plug_diameter_mm"] == pytest.approx(told["hole"]["narrowest_mm"] - 1.0)
        assert told["plug_depth_mm"] == 3.5
        mesh = read_mesh(tmp_path / "plugs" / f"plug-{number}.stl")
        assert mesh.is_volume
        assert np.linalg.norm(mesh.center_mass - drill.centre_mm) < 3
