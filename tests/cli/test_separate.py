"""separate on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shapes import dumbbell, sphere

from meshimplant import read_mesh, read_volume, write_mesh, write_volume


def test_separate_writes_each_body_to_its_own_file(cli: Callable, tmp_path: Path) -> None:
    write_volume(dumbbell(8, 40, 0.7).field(0.7), tmp_path / "two.nrrd")
    result = cli("separate", tmp_path / "two.nrrd", "-o", tmp_path / "ball.nii.gz", "--bodies", 2, "--json")
    assert result.code == 0
    assert [body["output"] for body in result.json["bodies"]] == ["ball-1.nii.gz", "ball-2.nii.gz"]
    sides = []
    for body in result.json["bodies"]:
        volume = read_volume(tmp_path / body["output"])
        sides.append(np.sign(volume.to_mm(np.argwhere(volume.array > 0))[:, 0].mean()))
        assert body["volume_mm3"] == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.1)
    assert sorted(sides) == [-1, 1]


def test_separate_takes_a_mesh_and_lists_what_it_removed(cli: Callable, tmp_path: Path) -> None:
    from shapes import joined

    write_mesh(joined(sphere(15).mesh, sphere(3, (40, 0, 0)).mesh), tmp_path / "two.stl")
    result = cli("separate", tmp_path / "two.stl", "-o", tmp_path / "one.stl", "--json")
    assert result.code == 0
    (removed,) = result.json["removed"]
    assert removed["volume_mm3"] == pytest.approx(4 / 3 * np.pi * 27, rel=0.2)
    assert np.allclose(removed["centre_mm"], (40, 0, 0), atol=0.5)
    assert read_mesh(tmp_path / "one.stl").body_count == 1
    refused = cli("separate", tmp_path / "two.stl", "-o", tmp_path / "no.stl", "--skull", "skull.nrrd")
    assert refused.code == 2
    assert "expected voxels with --skull, got the mesh two.stl" in refused.err
    listed = cli("separate", tmp_path / "two.stl", "-o", tmp_path / "again.stl")
    assert "removed" in listed.out
    assert "(40.0, 0.0, 0.0)" in listed.out.replace("-0.0", "0.0")
