"""convert on files."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from dicom_files import write_series, write_study
from shapes import cap, sphere

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


def test_convert_states_the_orientation_of_voxels_without_one(cli: Callable, tmp_path: Path) -> None:
    head = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 3 4\nspacings: 1 1 2\nencoding: raw\n\n"
    (tmp_path / "network.nrrd").write_bytes(head.encode() + bytes(range(24)))
    files = tmp_path / "network.nrrd", tmp_path / "stated.nrrd"
    refused = cli("convert", *files)
    assert refused.code != 0
    assert "--orientation" in refused.err
    answer = cli("convert", *files, "--orientation", "RAS", "--json")
    assert [finding["code"] for finding in answer.json["input_findings"]] == ["input.stated_orientation"]
    assert read_volume(files[1]).orientation == "RAS"
    again = cli("info", files[1], "--orientation", "LPS")
    assert again.code != 0
    assert "states RAS" in again.err


def test_convert_takes_a_mesh_from_an_archive(cli: Callable, tmp_path: Path) -> None:
    write_mesh(sphere(12, (20, -30, 40)).mesh, tmp_path / "ball.stl")
    with zipfile.ZipFile(tmp_path / "ball.zip", "w") as archive:
        archive.write(tmp_path / "ball.stl", "case/ball.STL")
    assert cli("convert", tmp_path / "ball.zip", tmp_path / "ball.ply").code == 0
    assert read_mesh(tmp_path / "ball.ply").is_volume
    mesh_with_axes = cli("convert", tmp_path / "ball.zip", tmp_path / "b.ply", "--orientation", "RAS")
    assert "--frame" in mesh_with_axes.err


def test_convert_meshes_one_series_of_a_study_and_says_which(cli: Callable, tmp_path: Path) -> None:
    write_study(tmp_path / "study")
    answer = cli("convert", tmp_path / "study", tmp_path / "skull.stl", "--json")
    assert answer.code == 0
    assert "input.other_series" in [finding["code"] for finding in answer.json["input_findings"]]
    refused = cli("convert", tmp_path / "study", tmp_path / "other.stl", "--series", 99)
    assert refused.code == 1
    assert "99" in refused.err
    told = cli("convert", tmp_path / "study", tmp_path / "skull.nrrd")
    assert "input.other_series" in told.out


def test_convert_meshes_one_label(cli: Callable, tmp_path: Path) -> None:
    small, large = sphere(8, (0, 0, 0)), sphere(20, (0, 0, 0))
    labels = large.mask((1.0, 1.0, 1.0))
    inner = small.mask(1.0, grid=labels)
    write_volume(labels.with_array(labels.array + inner.array), tmp_path / "labels.nrrd")
    assert cli("convert", tmp_path / "labels.nrrd", tmp_path / "core.stl", "--label", 2).code == 0
    assert read_mesh(tmp_path / "core.stl").volume == pytest.approx(small.mesh.volume, rel=0.05)
    none = cli("convert", tmp_path / "labels.nrrd", tmp_path / "none.stl", "--label", 7)
    assert none.code == 1
    assert "label 7" in none.err
    both = cli("convert", tmp_path / "labels.nrrd", tmp_path / "none.stl", "--label", 2, "--level", 1)
    assert "leave the others out" in both.err
    assert not (tmp_path / "none.stl").exists()


def test_a_part_goes_into_dicom_and_comes_out_byte_by_byte(cli: Callable, tmp_path: Path) -> None:
    write_series(tmp_path / "study")
    write_mesh(cap(80, 4, 20, edge_mm=5).mesh, tmp_path / "part.stl")
    (tmp_path / "report.json").write_text("{}")
    more = ("--like", tmp_path / "study", "--laterality", "L", "--report", tmp_path / "report.json")
    answer = cli("convert", tmp_path / "part.stl", tmp_path / "part.dcm", *more)
    assert answer.code == 0, answer.err
    assert "Nothing that names the patient was written (--identity keep copies it)" in answer.out
    assert cli("convert", tmp_path / "part.dcm", tmp_path / "back.stl").code == 0
    assert (tmp_path / "back.stl").read_bytes() == (tmp_path / "part.stl").read_bytes()
    alone = cli("convert", tmp_path / "part.stl", tmp_path / "b.dcm")
    assert (alone.code, "expected --like" in alone.err) == (2, True)
    unused = cli("convert", tmp_path / "part.stl", tmp_path / "b.ply", "--identity", "keep")
    assert (unused.code, "leave them out" in unused.err) == (2, True)
