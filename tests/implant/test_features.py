"""Features: which points belong to one; to files and back, and as other programs read them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from shapes import random_rotation

from meshimplant.errors import FileReadError, InputError
from meshimplant.implant.features import Feature, beside_feature_mm, near_features
from meshimplant.implant.features_file import read_features, write_features
from meshimplant.io.curves import read_curve

HOLES = (
    Feature("drainage", "D1", (10.0, -20.0, 300.5), (0.0, 0.0, -1.0), 2.0, 4.0),
    Feature("screw", "S1", (31.25, -20.0, 298.0), (0.6, 0.0, -0.8), 1.6, 5.0),
    Feature("slot", "L1", (50.5, -20.0, 290.0), (0.0, 0.0, -1.0), 2.0, 4.0, (3.0, 4.0, 0.0)),
)


@pytest.mark.parametrize("seed", range(3))
def test_points_near_a_feature_are_those_in_its_cylinder(seed):
    turn, shift = random_rotation(seed), np.array([120, -250, 400])
    hole = Feature("drainage", "D1", (*shift,), (*(turn @ [0, 0, -1.0]),), 4.0, 6.0)
    inside = np.array([[0, 0, 0], [1.9, 0, -3], [0, -1.9, -5.9]])
    outside = np.array([[0, 0, 0.1], [2.1, 0, -3], [0, 0, -6.1]])
    assert near_features(inside @ turn.T + shift, [hole]).all()
    assert not near_features(outside @ turn.T + shift, [hole]).any()
    assert near_features(outside @ turn.T + shift, [hole], margin_mm=0.2).all()
    assert not near_features(inside, []).any()


@pytest.mark.parametrize("seed", range(3))
def test_a_long_feature_has_round_ends(seed):
    turn, shift = random_rotation(seed), np.array([120, -250, 400])
    axis, span = turn @ [0, 0, -1.0], turn @ [6.0, 0, 0]
    slot = Feature("slot", "L1", (*shift,), (*axis,), 2.0, 6.0, (*span,))
    points = np.array([[0, 1.5, -1], [3, 1.5, -1], [5, 0, -9], [6, 4, 0], [-2, 0.5, -3]])
    np.testing.assert_allclose(beside_feature_mm(points @ turn.T + shift, slot), [0.5, 0.5, 1, 4, -0.5])
    np.testing.assert_array_equal(near_features(points @ turn.T + shift, [slot]), [0, 0, 0, 0, 1])


def test_features_come_back_from_their_file(tmp_path):
    write_features(tmp_path / "features.json", HOLES)
    assert read_features(tmp_path / "features.json") == HOLES


def test_slicer_and_a_spreadsheet_get_the_same_points(tmp_path):
    write_features(tmp_path / "holes.mrk.json", HOLES)
    write_features(tmp_path / "holes.csv", HOLES)
    np.testing.assert_array_equal(read_curve(tmp_path / "holes.mrk.json"), [hole.point_mm for hole in HOLES])
    (markup,) = json.loads((tmp_path / "holes.mrk.json").read_text())["markups"]
    assert [point["label"] for point in markup["controlPoints"]] == ["D1", "S1", "L1"]
    rows = list(csv.DictReader((tmp_path / "holes.csv").read_text().splitlines()))
    assert [float(row["x_mm"]) for row in rows] == [10.0, 31.25, 50.5]
    assert [row["kind"] for row in rows] == ["drainage", "screw", "slot"]


def test_two_features_of_one_label_are_refused(tmp_path):
    with pytest.raises(InputError, match="D1 more than once"):
        write_features(tmp_path / "holes.csv", [HOLES[0], HOLES[0]])
    assert not (tmp_path / "holes.csv").exists()


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holes\.txt"):
        write_features(tmp_path / "holes.txt", HOLES)


@pytest.mark.parametrize(
    ("name", "value"),
    [("axis", [0, 0, 2]), ("axis", [0, 1]), ("point_mm", [0, 0, float("nan")]), ("kind", "nail")]
    + [("span_mm", 3), ("diameter_mm", -1), ("length_mm", None), ("label", 7)],
)
def test_a_damaged_file_is_refused(tmp_path, name, value):
    write_features(tmp_path / "features.json", HOLES)
    content = json.loads((tmp_path / "features.json").read_text())
    content["features"][1][name] = value
    (tmp_path / "features.json").write_text(json.dumps(content))
    with pytest.raises(FileReadError, match="features as meshimplant writes them"):
        read_features(tmp_path / "features.json")


@pytest.mark.parametrize("content", [b"\xff", b"{", b"[]", b'{"schema": "meshimplant features 1"}'])
def test_a_foreign_file_is_refused(tmp_path, content):
    (tmp_path / "features.json").write_bytes(content)
    with pytest.raises(FileReadError, match=r"features\.json"):
        read_features(tmp_path / "features.json")
