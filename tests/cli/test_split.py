"""split on files: the pieces and their 3MF, in any frame; exit codes."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import cap

from meshimplant import read_mesh, write_mesh
from meshimplant.mesh.bodies import connected_meshes


@pytest.fixture
def part(tmp_path):
    """A 4 mm cap of radius 80 mm around +z."""
    write_mesh(cap(80, 4, 30, edge_mm=2.5).mesh, tmp_path / "part.stl")
    return tmp_path / "part.stl"


def test_the_pieces_are_files_and_objects_of_one_3mf(cli, part, tmp_path):
    answer = cli("split", part, "-o", tmp_path / "pieces", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["verdict"] == "passed"
    pieces = [read_mesh(tmp_path / "pieces" / f"implant-{number}.stl") for number in (1, 2)]
    assert all(piece.is_volume for piece in pieces)
    np.testing.assert_allclose(
        answer.json["piece_volumes_mm3"], [piece.volume for piece in pieces], rtol=1e-5
    )
    objects = connected_meshes(read_mesh(tmp_path / "pieces" / "implant.3mf"))
    assert sorted(each.volume for each in objects) == pytest.approx(
        sorted(piece.volume for piece in pieces), rel=1e-5
    )


def test_a_plane_and_text(cli, part, tmp_path):
    plane = ("--plane", 5, 0, 80, 1, 0, 0)
    answer = cli("split", part, "-o", tmp_path / "pieces", *plane, "--joint", "plain")
    assert answer.code == 0
    assert "2 pieces, passed" in answer.out
    assert read_mesh(tmp_path / "pieces" / "implant-1.stl").bounds[1, 0] == pytest.approx(4.9, abs=1e-4)


def test_an_occupied_folder_is_kept_unless_forced(cli, part, tmp_path):
    folder = tmp_path / "pieces"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    assert cli("split", part, "-o", folder).code == 1
    assert cli("split", part, "-o", folder, "--force").code == 0
    assert (folder / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("tokens", "code"),
    [
        (("--pieces", 5), 2),
        (("--gap-mm", 4), 2),
        (("--joint", "glue"), 2),
        (("--plane", 500, 0, 0, 1, 0, 0), 1),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(cli, part, tmp_path, tokens, code):
    assert cli("split", part, "-o", tmp_path / "pieces", *tokens).code == code
    assert not (tmp_path / "pieces").exists()
