"""read_fixation_points: our own features, and points of other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from meshimplant.errors import FileReadError, InputError
from meshimplant.implant.features import Feature, FeatureKind, Hold
from meshimplant.implant.features_file import write_features
from meshimplant.strength.fixation_points import fixing_points, read_fixation_points

POINTS = [(10.0, 20.0, 30.0), (40.0, 25.0, 30.0)]


def _features(path: Path, *kinds: FeatureKind) -> Path:
    features = [
        Feature(kind, f"F{n}", point, (0.0, 0.0, -1.0), 2.0, 4.0)
        for n, (kind, point) in enumerate(zip(kinds, POINTS, strict=True))
    ]
    write_features(path, features)
    return path


def test_screws_are_taken_from_features_and_drainage_holes_are_not(tmp_path: Path) -> None:
    path = _features(tmp_path / "features.json", "screw", "drainage")
    np.testing.assert_array_equal(read_fixation_points(path), POINTS[:1])
    with pytest.raises(InputError, match="expected screws or pockets"):
        read_fixation_points(_features(tmp_path / "holes.json", "drainage", "suture"))


def test_a_plated_part_is_held_at_its_own_screws_and_a_pocket_once() -> None:
    down, hold = (0.0, 0.0, -1.0), {"held_mm": 3.0, "tip_to_inner_mm": 1.0}
    features = [
        Feature("plate", "P1", (0.0, 0.0, 0.0), down, 4.0, 1.0),
        Feature("screw", "S1", (6.0, 0.0, 0.0), down, 1.5, 4.0, hold=Hold("P1", "bone", **hold)),
        Feature("screw", "S2", (0.0, 0.0, 0.0), down, 1.5, 4.0, hold=Hold("P1", "part", **hold)),
        Feature("tab", "T1", (30.0, 0.0, 0.0), down, 5.0, 1.0),
        Feature("screw", "S3", (31.0, 0.0, 0.0), down, 1.5, 4.0, hold=Hold("T1", "bone", **hold)),
        Feature("pocket", "K1", (50.0, 0.0, 0.0), down, 2.6, 6.0),
        Feature("screw", "S4", (52.0, 0.0, 0.0), down, 1.5, 6.0, hold=Hold("K1", "bone", **hold)),
    ]
    np.testing.assert_array_equal(fixing_points(features)[:, 0], [0.0, 31.0, 50.0])


def test_markups_plain_lists_and_tables_are_read(tmp_path: Path) -> None:
    markups = _features(tmp_path / "points.mrk.json", "screw", "pocket")
    np.testing.assert_allclose(read_fixation_points(markups), POINTS)
    (tmp_path / "list.json").write_text(json.dumps(POINTS))
    np.testing.assert_allclose(read_fixation_points(tmp_path / "list.json"), POINTS)
    (tmp_path / "table.csv").write_text("x,y,z\n10,20,30\n40,25,30\n")
    np.testing.assert_allclose(
        read_fixation_points(tmp_path / "table.csv", frame="RAS"), np.array(POINTS) * (-1, -1, 1)
    )
    (tmp_path / "nothing.json").write_text('{"a": 1}')
    with pytest.raises(FileReadError):
        read_fixation_points(tmp_path / "nothing.json")
