"""read_fixation_points: our own features, and points of other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from meshimplant.errors import FileReadError, InputError
from meshimplant.implant.features import Feature, FeatureKind
from meshimplant.implant.features_file import write_features
from meshimplant.strength.fixation_points import read_fixation_points

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
