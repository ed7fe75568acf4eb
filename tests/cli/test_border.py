"""border on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from free_parts import bone_of, disc, part_of, with_tongue

from meshimplant import read_mesh, write_mesh, write_volume


def test_border_cuts_a_tongue_off(cli: Callable, tmp_path: Path) -> None:
    write_volume(bone_of(), tmp_path / "skull.nrrd")
    write_mesh(part_of(with_tongue(5.0)), tmp_path / "part.ply")
    command = ("border", tmp_path / "part.ply", "--skull", tmp_path / "skull.nrrd", "--inside-mm", 0, 0, 0)
    result = cli(*command, "-o", tmp_path / "ended.ply", "--json")
    assert result.code == 0
    assert 0.2 < result.json["free_fraction"] < 0.6
    tongue_mm3 = result.json["volume_before_mm3"] - result.json["volume_after_mm3"]
    assert tongue_mm3 > 0.9 * 5 * 13 * 4
    assert read_mesh(tmp_path / "ended.ply").is_volume


@pytest.mark.parametrize("relief", [(), ("--caudal-relief-mm", 3)])
def test_border_leaves_a_part_on_top_of_the_head_with_bone_all_around(
    cli: Callable, tmp_path: Path, relief: tuple[object, ...]
) -> None:
    write_volume(bone_of(everywhere=True), tmp_path / "skull.nrrd")
    write_mesh(part_of(disc), tmp_path / "part.ply")
    command = ("border", tmp_path / "part.ply", "--skull", tmp_path / "skull.nrrd", "--inside-mm", 0, 0, 0)
    result = cli(*command, *relief, "-o", tmp_path / "same.ply")
    assert result.code == 0
    assert (tmp_path / "same.ply").read_bytes() == (tmp_path / "part.ply").read_bytes()
