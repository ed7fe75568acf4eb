"""convert on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from shapes import sphere

from meshimplant import read_mesh, read_volume, write_mesh, write_volume


@pytest.mark.parametrize("ending", [".stl", ".3mf", ".ply", ".obj", ".glb"])
def test_convert_goes_from_voxels_to_every_mesh_format(cli: Callable, tmp_path: Path, ending: str) -> None:
    ball = sphere(12, (20, -30, 40))
    write_volume(ball.field(1.0), tmp_path / "ball.nrrd")
    assert cli("convert", tmp_path / "ball.nrrd", tmp_path / f"ball{ending}", "--smooth").code == 0
    mesh = read_mesh(tmp_path / f"ball{ending}")
    assert mesh.is_volume
    assert np.abs(np.linalg.norm(mesh.vertices - (20, -30, 40), axis=1) - 12).max() < 0.2


def test_convert_changes_frame_faces_and_voxel_format(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(12, (20, -30, 40))
    write_mesh(ball.mesh, tmp_path / "lps.stl")
    to_ras = ("--target-frame", "RAS", "--max-faces", 2000)
    assert cli("convert", tmp_path / "lps.stl", tmp_path / "ras.ply", *to_ras).code == 0
    numbers = trimesh.load_mesh(tmp_path / "ras.ply")
    assert np.allclose(numbers.center_mass, (-20, 30, 40), atol=0.1)
    assert np.allclose(read_mesh(tmp_path / "ras.ply").center_mass, (20, -30, 40), atol=0.1)
    assert len(numbers.faces) <= 2000
    mask = ball.mask((0.8, 1.0, 1.2))
    write_volume(mask, tmp_path / "ball.nrrd")
    assert cli("convert", tmp_path / "ball.nrrd", tmp_path / "ball.nii.gz").code == 0
    copy = read_volume(tmp_path / "ball.nii.gz")
    assert copy.same_grid(mask)
    assert np.array_equal(copy.array, mask.array)
