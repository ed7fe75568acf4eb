"""perforate on files."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import pytest
from theatre_parts import on_cap, part

from meshimplant import read_features, read_mesh, write_mesh
from meshimplant.mesh.topology import handles
from meshimplant.spec.implant_spec import MATERIALS_MIN_THICKNESS_MM
from meshimplant_cli.options import Material


@pytest.fixture
def stl(tmp_path):
    write_mesh(part().mesh, tmp_path / "part.stl")
    return tmp_path / "part.stl"


def test_holes_are_made_and_listed(cli, stl, tmp_path):
    out, places = tmp_path / "holed.stl", tmp_path / "features.json"
    answer = cli("perforate", stl, "-o", out, "--spacing-mm", 15, "--features-out", places, "--json")
    assert answer.code == 0
    features = read_features(places)
    assert answer.json["perforation_count"] == len(features) == len(answer.json["features"]) > 5
    assert handles(read_mesh(out)) == len(features)
    assert answer.json["findings"] == []
    checked = cli("check", out, "--features", places, "--json")
    assert checked.json["measures"]["holes_asked"] == len(features)
    assert not [f for f in checked.json["findings"] if f["code"].startswith("holes")]
    assert "holes" not in cli("check", out, "--json").json["measures"]


def test_places_of_ones_own_and_a_second_run_beside_them(cli, stl, tmp_path):
    np.savetxt(tmp_path / "points.csv", [on_cap(0, 0), on_cap(12, 0), on_cap(39, 0)])
    first, places = tmp_path / "first.stl", tmp_path / "first.json"
    answer = cli("perforate", stl, "-o", first, "--places", tmp_path / "points.csv", "--features-out", places)
    assert answer.code == 0
    assert "perforation.left_out: the hole D3 was left out" in answer.out
    second, both = tmp_path / "second.stl", tmp_path / "both.json"
    row = ["perforate", first, "-o", second, "--features", places, "--pattern", "border"]
    assert cli(*row, "--features-out", both, "--border-mm", 4).code == 0
    features = read_features(both)
    assert [feature.label for feature in features[:3]] == ["D1", "D2", "U1"]
    assert handles(read_mesh(second)) == len(features)


def test_points_for_slicer_are_written(cli, stl, tmp_path):
    markups = tmp_path / "holes.mrk.json"
    assert (
        cli("perforate", stl, "-o", tmp_path / "a.stl", "--spacing-mm", 15, "--features-out", markups).code
        == 0
    )
    (markup,) = json.loads(markups.read_text())["markups"]
    assert markup["controlPoints"][0]["label"] == "D1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--diameter-mm", 4, "--spacing-mm", 5], "spacing_mm of at least 8"),
        (["--diameter-mm", 9], "diameter_mm"),
        (["--features-out", "holes.txt"], "holes.txt"),
    ],
)
def test_a_wrong_command_line_is_refused_before_any_work(cli, stl, tmp_path, options, words):
    answer = cli("perforate", stl, "-o", tmp_path / "holed.stl", *options)
    assert answer.code == 2
    assert words in answer.err
    assert not (tmp_path / "holed.stl").exists()


def test_a_part_without_room_is_an_error(cli, stl, tmp_path):
    answer = cli("perforate", stl, "-o", tmp_path / "holed.stl", "--border-mm", 45)
    assert answer.code == 1
    assert "room for a hole" in answer.err


def test_materials_are_those_of_the_prescription():
    assert get_args(get_args(Material)[0]) == tuple(MATERIALS_MIN_THICKNESS_MM)
