"""smooth, repair, simplify and convert on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from shapes import plain_mesh, sphere

from meshimplant import read_mesh, read_volume, write_mesh, write_volume


def test_smooth_takes_the_noise_and_leaves_the_volume(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(20).mesh
    rough = plain_mesh(
        ball.vertices + np.random.default_rng(0).normal(0, 0.1, ball.vertices.shape), ball.faces
    )
    write_mesh(rough, tmp_path / "rough.ply")
    told = cli("smooth", tmp_path / "rough.ply", "-o", tmp_path / "fine.ply", "--json")
    assert told.code == 0
    before, after = (
        np.linalg.norm(read_mesh(tmp_path / name).vertices, axis=1) for name in ("rough.ply", "fine.ply")
    )
    assert after.std() < before.std() / 3
    assert told.json["volume_after_mm3"] == pytest.approx(ball.volume, rel=0.005)


def test_repair_closes_a_hole_and_says_how(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(20).mesh
    write_mesh(plain_mesh(ball.vertices, ball.faces[1:]), tmp_path / "open.stl")
    told = cli("repair", tmp_path / "open.stl", "-o", tmp_path / "closed.stl", "--json")
    assert told.code == 0
    assert told.json["method"]
    assert told.json["actions"]
    mended = read_mesh(tmp_path / "closed.stl")
    assert mended.is_volume
    assert mended.volume == pytest.approx(ball.volume, rel=1e-3)


def test_simplify_keeps_a_solid_within_the_budget(cli: Callable, tmp_path: Path) -> None:
    write_mesh(sphere(20).mesh, tmp_path / "fine.stl")
    budget = ("--max-faces", 4000, "--max-deviation-mm", 0.2, "--json")
    told = cli("simplify", tmp_path / "fine.stl", "-o", tmp_path / "coarse.stl", *budget)
    assert told.code == 0
    coarse = read_mesh(tmp_path / "coarse.stl")
    assert coarse.is_volume
    assert len(coarse.faces) == told.json["faces_after"] <= 4000 < told.json["faces_before"]
    assert np.abs(np.linalg.norm(coarse.vertices, axis=1) - 20).max() < 0.2


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
