"""strength on files: numbers, findings, the picture, and an STL that this project did not make."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shapes import box, cap

from meshimplant import write_mesh

RADIUS_MM = 36.0


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A dome of 2.5 mm."""
    path = tmp_path / "part.stl"
    write_mesh(cap(RADIUS_MM, 2.5, 30, edge_mm=1.5).mesh, path)
    return path


@pytest.fixture
def two_points(tmp_path: Path) -> Path:
    """Two fixation points at one side, as markups of 3D Slicer in RAS."""
    polar, radius = np.radians(25), RADIUS_MM - 1.25
    control = [
        {"position": [-radius * np.sin(polar) * x, -radius * np.sin(polar) * y, radius * np.cos(polar)]}
        for x, y in ((0.8, 0.6), (0.8, -0.6))
    ]
    markup = {"type": "Fiducial", "coordinateSystem": "RAS", "controlPoints": control}
    path = tmp_path / "screws.mrk.json"
    path.write_text(json.dumps({"markups": [markup]}))
    return path


def test_a_part_on_one_side_is_warned_of_with_place_and_picture(
    cli: Callable, part: Path, two_points: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "part.png"
    options = ("--points", two_points, "--material", "PMMA", "--load-n", 80, "--load-n", 160)
    result = cli("strength", part, *options, "-o", picture)
    assert result.code == 0, result.err
    assert "warning strength.deflection: expected the part to bend by at most 2 mm" in result.out
    assert "warning strength.failure_load" in result.out
    assert "160 N, weakest place" in result.out
    assert "not a proof of strength" in result.out
    assert picture.stat().st_size > 20_000


def test_all_numbers_are_json_and_strict_makes_warnings_exit_code_3(
    cli: Callable, part: Path, two_points: Path, tmp_path: Path
) -> None:
    options = ("--points", two_points, "--material", "PMMA", "--load-n", 120, "--strict", "--json")
    result = cli("strength", part, *options, "-o", tmp_path / "part.json")
    assert result.code == 3
    assert {case["load"] for case in result.json["cases"]} == {120.0, 2.0}
    assert result.json["fixation_mm"][0][0] > 0
    written = json.loads((tmp_path / "part.json").read_text())
    assert written["cases"] == result.json["cases"]
    assert [finding["code"] for finding in written["findings"]] == ["strength.failure_load"]
    refused = cli("strength", part, "-o", tmp_path / "part.json")
    assert refused.code == 1
    assert "already" in refused.err or "does not exist yet" in refused.err


def test_a_plate_of_twelve_triangles_is_screened_like_a_part(cli: Callable, tmp_path: Path) -> None:
    """A square of 40 mm, clamped 2 mm in, 3 mm thick: 0.0056 P a2 / D in the middle, and its shear."""
    write_mesh(box((40, 40, 3)).mesh, tmp_path / "plate.stl")
    options = ("--inside-mm", 0, 0, -50, "--load-n", 100, "--json")
    result = cli("strength", tmp_path / "plate.stl", *options)
    assert result.code == 0, result.err
    middle = result.json["cases"][0]
    assert middle["name"] == "middle"
    stiffness = 3800 * 3**3 / (12 * (1 - 0.38**2))
    point_load_mm = 0.0056 * 100 * 36**2 / stiffness
    assert 0.8 * point_load_mm < middle["deflection_mm"] < 1.2 * point_load_mm


def test_points_off_the_part_and_endings_of_other_files_are_refused(
    cli: Callable, part: Path, tmp_path: Path
) -> None:
    (tmp_path / "far.csv").write_text("0,0,80\n10,0,80\n")
    off = cli("strength", part, "--points", tmp_path / "far.csv")
    assert off.code == 1
    assert "within 3 mm of the part" in off.err
    assert cli("strength", part, "-o", tmp_path / "part.txt").code == 2
    assert cli("strength", part, "--load-n", 50, "--load-n", -5).code == 2
