"""insertion on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shapes import skull_with_hole

from meshimplant import read_mesh, write_mesh, write_volume


@pytest.fixture
def hole(tmp_path: Path) -> tuple[Path, Path]:
    """A shell with a hole whose walls point to the shell's centre, and the piece that fills it exactly."""
    _, defective, implant = skull_with_hole(60, 6, 30)
    write_volume(defective.mask(0.8), tmp_path / "skull.nrrd")
    write_mesh(implant.mesh, tmp_path / "raw.stl")
    return tmp_path / "skull.nrrd", tmp_path / "raw.stl"


def test_insertion_finds_the_path_out_and_clears_another(
    cli: Callable, hole: tuple[Path, Path], tmp_path: Path
) -> None:
    skull, raw = hole
    part, cleared = tmp_path / "part.stl", tmp_path / "cleared.stl"
    assert cli("trim", raw, "--skull", skull, "-o", part).code == 0
    free = cli("insertion", part, "--skull", skull, "--json")
    assert free.code == 0
    assert free.json["free"] is True
    assert np.degrees(np.arccos(free.json["direction"][2])) < 5
    assert max(free.json["penetration_along_mm"]) <= 0.05
    slanted = ("--direction", 0.8, 0, 0.6)
    blocked = cli("insertion", part, "--skull", skull, *slanted)
    assert blocked.code == 0
    assert "part.stl: passed with warnings" in blocked.out
    assert cli("insertion", part, "--skull", skull, *slanted, "--strict").code == 3
    assert cli("insertion", part, "--skull", skull, "--strict").code == 0
    assert "insertion.blocked" in blocked.out
    assert " mm" in blocked.out.partition("insertion.blocked")[2]
    result = cli("insertion", part, "--skull", skull, *slanted, "-o", cleared, "--json")
    assert result.code == 0
    assert result.json["penetration_mm"] <= 0.05
    assert read_mesh(cleared).is_volume
    assert 0 < read_mesh(cleared).volume < read_mesh(part).volume
