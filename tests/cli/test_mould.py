"""mould on files: the pieces, the numbers, and exit codes."""

from __future__ import annotations

import pytest
from theatre_parts import part

from meshimplant import read_mesh, write_mesh
from meshimplant.mesh.bodies import connected_meshes


@pytest.fixture
def stl(tmp_path):
    write_mesh(part(edge_mm=4.0).mesh, tmp_path / "part.stl")
    return tmp_path / "part.stl"


def test_pieces_are_files_and_objects_around_the_part(cli, stl, tmp_path):
    answer = cli("mould", stl, "-o", tmp_path / "mould", "--label", "12-7", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["verdict"] == "passed"
    names = set(answer.json["mould_volumes_mm3"])
    assert names == {"mould-outer", "mould-ring", "mould-inner"}
    for name in names:
        piece = read_mesh(tmp_path / "mould" / f"{name}.stl")
        assert piece.volume == pytest.approx(answer.json["mould_volumes_mm3"][name], rel=1e-4)
    together = read_mesh(tmp_path / "mould" / "mould.3mf")
    assert len(connected_meshes(together)) == 3
    assert (abs(together.bounds.mean(axis=0) - read_mesh(stl).bounds.mean(axis=0)) < 20).all()


def test_a_positive_in_words(cli, stl, tmp_path):
    answer = cli("mould", stl, "-o", tmp_path / "mould", "--kind", "positive")
    assert answer.code == 0
    assert "positive, passed" in answer.out
    assert "mould-positive.stl: 8" in answer.out


@pytest.mark.parametrize(
    ("tokens", "code"),
    [(("--label", "Ä"), 2), (("--channel-mm", 3), 2), (("--kind", "two-part", "--draft-deg", 40), 2)],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(cli, stl, tmp_path, tokens, code):
    assert cli("mould", stl, "-o", tmp_path / "mould", *tokens).code == code
    assert not (tmp_path / "mould").exists()
