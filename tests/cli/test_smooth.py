"""smooth on files."""

from __future__ import annotations

import zipfile
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


def test_what_was_left_out_of_the_file_is_said_with_the_result(cli: Callable, tmp_path: Path) -> None:
    """The supports of a 3MF, in the text and in the JSON of every verb that reads a mesh."""
    ball = sphere(10, (5, 0, 0)).mesh
    write_mesh(ball, tmp_path / "ball.3mf")
    with zipfile.ZipFile(tmp_path / "ball.3mf") as package:
        files = {name: package.read(name) for name in package.namelist()}
    model = files["3D/3dmodel.model"]
    mesh = model[model.index(b"<mesh>") : model.index(b"</mesh>") + len(b"</mesh>")]
    support = b'<object id="99" type="support">' + mesh + b"</object></resources>"
    model = model.replace(b"</resources>", support).replace(b"</build>", b'<item objectid="99"/></build>')
    with zipfile.ZipFile(tmp_path / "two.3mf", "w") as package:
        for name, data in files.items():
            package.writestr(name, model if name == "3D/3dmodel.model" else data)
    output = ("-o", tmp_path / "out.stl", "--force")
    for verb in ("smooth", "simplify", "repair"):
        answer = cli(verb, tmp_path / "two.3mf", *output, "--json")
        assert [found["code"] for found in answer.json["input_findings"]] == ["input.objects_left_out"]
        assert "input.objects_left_out" in cli(verb, tmp_path / "two.3mf", *output).out
    assert cli("smooth", tmp_path / "ball.3mf", *output, "--json").json["input_findings"] == []
