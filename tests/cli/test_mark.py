"""mark on files."""

from __future__ import annotations

import pytest
from theatre_parts import part

from meshimplant import read_features, read_mesh, write_mesh


@pytest.fixture
def stl(tmp_path):
    write_mesh(part(edge_mm=3.0).mesh, tmp_path / "part.stl")
    return tmp_path / "part.stl"


def test_a_text_is_engraved(cli, stl, tmp_path):
    out, places = tmp_path / "marked.stl", tmp_path / "features.json"
    row = ["mark", stl, "--text", "A 1", "-o", out, "--surface", "outer", "--depth-mm", 0.5]
    answer = cli(*row, "--features-out", places, "--json")
    assert answer.code == 0
    assert answer.json["mark_depth_mm"] == 0.5
    assert answer.json["volume_after_mm3"] < answer.json["volume_before_mm3"]
    assert read_mesh(out).is_watertight
    (feature,) = read_features(places)
    assert feature.kind == "mark"


def test_a_raised_text_adds_volume(cli, stl, tmp_path):
    out = tmp_path / "marked.stl"
    answer = cli("mark", stl, "--text", "1", "-o", out, "--relief", "raised", "--json")
    assert answer.json["volume_after_mm3"] > answer.json["volume_before_mm3"]


@pytest.mark.parametrize("options", [[], ["--text", " "], ["--text", "A_1"], ["--text", "A", "--size-mm", 1]])
def test_a_wrong_command_line_is_refused(cli, stl, tmp_path, options):
    assert cli("mark", stl, "-o", tmp_path / "marked.stl", *options).code == 2
    assert not (tmp_path / "marked.stl").exists()


def test_a_text_without_room_is_an_error(cli, stl, tmp_path):
    answer = cli("mark", stl, "--text", "A VERY LONG TEXT", "--size-mm", 12, "-o", tmp_path / "marked.stl")
    assert answer.code == 1
    assert "room for a text" in answer.err
